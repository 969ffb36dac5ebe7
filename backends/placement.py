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
    """The back end of a workflow, and of each step that its jobs are handed on to another the name of that."""

    engine: str
    guests: Mapping[str, str] = field(default_factory=dict)


def choose(
    workflow: Workflow, site: Site, requested: str | None, diagnostics: Diagnostics, engine: str | None = None
) -> Choice:
    """Return the back end to compile for, and those that single steps are handed on to.

    A name is taken as it is, for all steps. ``auto`` goes by the steps' ``compute_backend`` hints, where
    steps without one, or with ``kubernetes``, follow the site; what the engine cannot hold is recorded. None takes
    the site's own and warns of steps that ask for another. ``engine`` is the one that runs the workflow already,
    whose expansion this is.
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
    """Return which of the back ends asked for runs the workflow: the site's, or one that can hold all others."""
    if site.backend in asked or not asked:
        return site.backend
    return min(asked, key=lambda name: (not asked - {name} <= lowering(name).TARGET.holds, name))


def _refuse_mixture(workflow: Workflow, engine: str, guests: Mapping[str, str], diagnostics: Diagnostics) -> None:
    """Record, at the steps of both sides, what the back end cannot hand on."""
    own = lowering(engine).TARGET
    refused = {name: lowering(each).TARGET.title for name, each in guests.items() if each not in own.holds}
    if not refused:
        return
    able = [
        f"{lowering(name).TARGET.title} can hand steps to {lowering(held).TARGET.title}"
        for name in BACKENDS
        for held in sorted(lowering(name).TARGET.holds)
    ]
    cure = f"compile all of it for one with --backend {engine}; {', '.join(able)}, where --site names one of its sites."
    first = next((step for step in workflow.steps if step.name not in guests), workflow.steps[0])
    for step in workflow.steps:
        if step.name in refused:
            message = f'This step is for {refused[step.name]}, but "{first.label}" for {own.title}'
            reason = f"which cannot hand jobs to {refused[step.name]}."
            diagnostics.error("mixed-backends", f"{message}, {reason}", _place(step), cure)
    message = f"This step is for {own.title}, which cannot hand jobs to {' or '.join(sorted(set(refused.values())))}."
    diagnostics.error("mixed-backends", message, _place(first), cure)


def _place(step: Step) -> Place:
    hint = step.asked.hints.get("compute_backend")
    return hint.place if hint else step.origin


def hand_on(workflow: Workflow, choice: Choice, site: Site, diagnostics: Diagnostics) -> Workflow:
    """Return ``workflow`` with the batch system of each step that is handed on."""
    if not choice.guests:
        return workflow
    reason = host(choice.engine).no_guests(site)
    if reason:
        first = next(step for step in workflow.steps if step.name in choice.guests)
        diagnostics.error("unsupported", reason, _place(first), f"compile all of it with --backend {choice.engine}.")
    steps = (
        step.with_placed(target=lowering(name).target(site), bundle=guest(name).bundle(site)) if name else step
        for step, name in ((step, choice.guests.get(step.name)) for step in workflow.steps)
    )
    return replace(workflow, steps=tuple(steps))
