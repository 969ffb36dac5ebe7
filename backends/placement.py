"""Which back end runs each step of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reana_batch.backends import BACKENDS, guest, host, lowering

if TYPE_CHECKING:
    from reana_batch.diagnostics import Diagnostics, Place
    from reana_batch.ir import Step, Workflow
    from reana_batch.site import Site


@dataclass(frozen=True, slots=True)
class Choice:
    """The back end that runs a workflow, and the back ends of its delegated steps by step name."""

    engine: str
    guests: Mapping[str, str] = field(default_factory=dict)


def choose(
    workflow: Workflow, site: Site, requested: str | None, diagnostics: Diagnostics, engine: str | None = None
) -> Choice:
    """Return the back end to compile for, and the back ends of delegated steps.

    ``requested`` is one of these:

    - the name of a back end, which all steps use;
    - ``auto``, which follows the steps' ``compute_backend`` hints. Steps without one, or with ``kubernetes``, use the
      back end of the site. Steps that the engine cannot delegate are errors;
    - None, which uses the back end of the site and warns about steps that ask for another.

    For an expansion, ``engine`` is the back end that already runs the workflow.
    """
    if requested not in (None, "auto"):
        return Choice(requested)
    served = {value: name for name in BACKENDS for value in lowering(name).TARGET.compute_backends}
    asked = {step.name: served.get(_wish(step), site.backend) for step in workflow.steps}
    if requested is None:
        _warn_of_others(workflow, asked, site, diagnostics)
        return Choice(site.backend)
    engine = engine or _engine(set(asked.values()), site)
    guests = {name: choice for name, choice in asked.items() if choice != engine}
    _refuse_mixture(workflow, engine, guests, diagnostics)
    holds = lowering(engine).TARGET.holds
    return Choice(engine, {name: choice for name, choice in guests.items() if choice in holds})


def _wish(step: Step) -> str:
    hint = step.asked.hints.get("compute_backend")
    return str(hint.value) if hint else ""


def _warn_of_others(workflow: Workflow, asked: Mapping[str, str], site: Site, diagnostics: Diagnostics) -> None:
    for step in workflow.steps:
        if asked[step.name] != site.backend:
            hint = step.asked.hints["compute_backend"]
            message = f"This step asks for {hint.value}, and {site.name} compiles for {site.backend}."
            cure = "choose with --backend, or let the steps choose with --backend auto."
            diagnostics.warning("backend-ignored", message, hint.place, cure)


def _engine(asked: set[str], site: Site) -> str:
    """Return which of the back ends asked for runs the workflow.

    It is the back end of the site, or one that can delegate to all others.
    """
    if site.backend in asked or not asked:
        return site.backend
    return min(asked, key=lambda name: (not asked - {name} <= lowering(name).TARGET.holds, name))


def _refuse_mixture(workflow: Workflow, engine: str, guests: Mapping[str, str], diagnostics: Diagnostics) -> None:
    """Record an error at the steps that the engine cannot delegate, and at its first step."""
    own = lowering(engine).TARGET
    refused = {name: lowering(each).TARGET.title for name, each in guests.items() if each not in own.holds}
    if not refused:
        return
    able = [
        f"{lowering(name).TARGET.title} can delegate steps to {lowering(held).TARGET.title}"
        for name in BACKENDS
        for held in sorted(lowering(name).TARGET.holds)
    ]
    cure = f"compile all steps for one with --backend {engine}; {', '.join(able)}, if --site names one of its sites."
    first = next((step for step in workflow.steps if step.name not in guests), workflow.steps[0])
    for step in workflow.steps:
        if step.name in refused:
            message = f'This step is for {refused[step.name]}, but "{first.label}" is for {own.title}'
            reason = f"which cannot delegate steps to {refused[step.name]}."
            diagnostics.error("mixed-backends", f"{message}, {reason}", _place(step), cure)
    others = " or ".join(sorted(set(refused.values())))
    message = f"This step is for {own.title}, which cannot delegate steps to {others}."
    diagnostics.error("mixed-backends", message, _place(first), cure)


def _place(step: Step) -> Place:
    hint = step.asked.hints.get("compute_backend")
    return hint.place if hint else step.origin


def delegate(workflow: Workflow, choice: Choice, site: Site, diagnostics: Diagnostics) -> Workflow:
    """Return ``workflow`` with ``target`` set on every step that another batch system runs."""
    if not choice.guests:
        return workflow
    reason = host(choice.engine).no_guests(site)
    if reason:
        first = next(step for step in workflow.steps if step.name in choice.guests)
        diagnostics.error("unsupported", reason, _place(first), f"compile all steps with --backend {choice.engine}.")
    steps = (
        step.with_placed(target=lowering(name).target(site), bundle=guest(name).bundle(site)) if name else step
        for step, name in ((step, choice.guests.get(step.name)) for step in workflow.steps)
    )
    return replace(workflow, steps=tuple(steps))
