"""Turn REANA's hints into what a job asks the batch system for."""

from __future__ import annotations

from dataclasses import replace

from reana_batch.diagnostics import Place
from reana_batch.ir import Asked, Resources, Step, Workflow
from reana_batch.passes.context import Context
from reana_batch.reading import hints
from reana_batch.reading.expressions import FLAVOURS


def map_resources(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with resources. A hint without a meaning on the target gives a warning.

    A hint overrides what the step asks for already.

    >>> fit = step("fit", hints={"kubernetes_job_timeout": Hint(60, at(1))})
    >>> [each.placed.resources.runtime for each in map_resources(workflow(fit), context()).steps]
    [60]
    """
    return replace(workflow, steps=tuple(_with_resources(step, context) for step in workflow.steps))


# The resources of each step for which the front end asks for nothing.
_NOTHING_ASKED = Asked._field_defaults["resources"]


def _with_resources(step: Step, context: Context) -> Step:
    asked, target = step.asked, context.target_of(step)
    table = target.hints
    values: dict[str, object] = {}
    if asked.resources is not _NOTHING_ASKED:
        own = {name: getattr(asked.resources, name) for name in table.keys() - target.only_by_hint}
        values |= {name: value for name, value in own.items() if value is not None}
    places: dict[str, Place] = {}
    for field, names in table.items() if asked.hints else ():
        if asked.hints.keys().isdisjoint(names):
            continue
        found = hints.first(names, asked.hints)
        if found is not None:
            values[field], places[field] = found[1], found[0].place
    runtime = values.pop("runtime", context.site.default_runtime)
    if isinstance(runtime, str):
        values["flavour"] = runtime
        runtime = FLAVOURS[runtime]
    resources = Resources(runtime=runtime, **values)  # type: ignore[arg-type]  # fields by name
    _warn_of_ignored(step, context)
    _check_limits(resources, places, step, context)
    return step.with_placed(resources=resources)


def _warn_of_ignored(step: Step, context: Context) -> None:
    if not step.asked.hints:
        return
    target = context.target_of(step)
    steering = hints.steering()
    for name, hint in step.asked.hints.items():
        if name not in steering and not any(name in names for names in target.hints.values()):
            message = f"{name} has no meaning on {target.title}."
            context.diagnostics.warning("hint-ignored", message, hint.place)


def _check_limits(resources: Resources, places: dict[str, Place], step: Step, context: Context) -> None:
    limits = context.site.limits
    for field, unit in (("runtime", "s"), ("memory", "B of memory"), ("cpus", "CPUs")):
        asked, most = getattr(resources, field), getattr(limits, field)
        if asked is not None and most is not None and asked > most:
            message = f"{context.site.name} allows at most {most:,} {unit}, not {asked:,}."
            context.diagnostics.error("over-limit", message, places.get(field, step.origin))
