"""Turn REANA's hints into what a job asks of the batch system."""

from __future__ import annotations

from dataclasses import replace

from reana_batch import hints
from reana_batch.expressions import FLAVOURS
from reana_batch.ir import Resources, Step, Workflow
from reana_batch.passes.context import Context


def map_resources(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with resources; hints without a meaning on the target are named in warnings."""
    steps = tuple(replace(step, resources=_resources(step, context)) for step in workflow.steps)
    for step in steps:
        _warn_of_ignored(step, context)
        _check_limits(step, context)
    limit = context.site.limits.jobs
    if limit is not None and sum(step.chunks for step in steps) > limit:
        message = f"The workflow has more than the {limit:,} jobs that {context.site.name} runs at a time."
        context.diagnostics.warning("over-limit", message, hint="join rows with --rows-per-job, or --fuse.")
    return replace(workflow, steps=steps)


def _resources(step: Step, context: Context) -> Resources:
    values: dict[str, object] = {}
    for field, names in context.target.hints.items():
        for _, value in hints.first(names, step.hints):
            values[field] = value
    runtime = values.pop("runtime", context.site.default_runtime)
    if isinstance(runtime, str):
        values["flavour"] = runtime
        runtime = FLAVOURS[runtime]
    return replace(Resources(), runtime=runtime, **values)  # type: ignore[arg-type]  # fields by name


def _warn_of_ignored(step: Step, context: Context) -> None:
    honoured = {name for names in context.target.hints.values() for name in names} | hints.STEERING
    for name, hint in step.hints.items():
        if name not in honoured:
            message = f"{name} has no meaning on {context.target.title}."
            context.diagnostics.warning("hint-ignored", message, hint.place)


def _check_limits(step: Step, context: Context) -> None:
    limits = context.site.limits
    for field in ("runtime", "memory", "cpus"):
        asked, most = getattr(step.resources, field), getattr(limits, field)
        if asked is not None and most is not None and asked > most:
            message = f"{context.site.name} allows a {field} of at most {most:,}, not {asked:,}."
            place = next((h.place for _, h in sorted(step.hints.items()) if field in _), step.origin)
            context.diagnostics.error("over-limit", message, place)
