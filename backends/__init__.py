"""The back ends: one module per batch system, each with ``TARGET`` and the functions of :class:`BackEnd`.

``lower`` yields the files of the batch system itself; those that all jobs share are not its concern.
``submit``, ``query``, ``cancel`` and ``release`` talk to it; ``trace``, ``endings`` and
``last_words`` read what it left behind.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from reana_batch.diagnostics import Diagnostics, Place
    from reana_batch.ir import Step, Workflow
    from reana_batch.reading.sites import Site
    from reana_batch.run.parts import Run
    from reana_batch.run.queue import Queue, QueuedJob, Submission, Trace
    from reana_batch.target import Target
    from reana_batch.writing.render import File

# name -> module; imported when used
BACKENDS = {
    "make": "reana_batch.backends.make.makefile",
    "htcondor": "reana_batch.backends.htcondor.dag",
    "slurm": "reana_batch.backends.slurm.chain",
}


# What a machine has that submits to a batch system.
_SUBMITS = {"HTCondor": "condor_submit_dag", "Slurm": "sbatch"}


def found_here() -> list[str]:
    """Return the batch systems that this machine submits to, by the tools on its PATH."""
    import shutil

    return [title for title, tool in _SUBMITS.items() if shutil.which(tool)]


class BackEnd(Protocol):
    """What a back end's module holds."""

    TARGET: Target

    def lower(self, workflow: Workflow, site: Site) -> Iterator[File]:
        """Yield the batch system's own files."""

    def place(self, run: Run, last: Submission) -> Mapping[str, str]:
        """Return which scheduler ``submit`` will ask: that of the last submission, or the default of this machine.

        Refused if the run cannot be submitted.
        """

    def submit(self, run: Run, place: Mapping[str, str]) -> list[str]:
        """Hand a compiled run to the scheduler at ``place`` and return the ids of what it accepted."""

    def submit_part(self, part: Run) -> None:
        """Hand over, from a job of the run, what an expansion has compiled; only where TARGET has submit_programs."""

    def trace(self, directory: Path) -> Trace:
        """Return what the batch system's own files in a run say of its submission, without asking anybody."""

    def query(self, directory: Path, last: Submission) -> Queue:
        """Return what the batch system knows of a run, by its directory.

        Refused with the code ``scheduler`` or ``missing-tool`` if nobody answers that can know.
        """

    def cancel(self, directory: Path, last: Submission) -> None:
        """Take a run out of the batch system."""

    def release(self, directory: Path, last: Submission, held: list[QueuedJob]) -> list[str]:
        """Let those of the held jobs of a run go that their owner may let go, and return their ids."""

    def endings(self, directory: Path) -> Mapping[tuple[str, int], str]:
        """Return, by step and chunk, why jobs of an ended run were ended by anything but themselves."""

    def last_words(self, directory: Path) -> str:
        """Return what the batch system's own part of an ended run said last of its end; empty if nothing."""


def backend(name: str) -> BackEnd:
    """Return the back end of this name; Refused if there is none, as of a run of a newer version."""
    if name not in BACKENDS:
        from reana_batch.diagnostics import refuse

        hint = f"this version has {', '.join(sorted(BACKENDS))}."
        raise refuse("unknown-run", f'The run is for "{name}", which this version does not know.', hint=hint)
    return cast(BackEnd, importlib.import_module(BACKENDS[name]))


class Host(Protocol):
    """What the module of a back end holds as well whose ``TARGET.holds`` names others."""

    def no_guests(self, site: Site) -> str:
        """Return why the graphs of this site can hand no jobs to another system; empty if they can."""


class Guest(Protocol):
    """What the module of a back end holds as well that stands in ``TARGET.holds`` of another."""

    def bundle(self, site: Site) -> int:
        """Return how many jobs of a step one node hands in together."""

    def lower_nodes(self, workflow: Workflow, site: Site) -> Iterator[File]:
        """Yield the files of the steps handed to this system.

        ``batch/steps/FOLDER/node.sh JOB``, run in the run directory, hands in the node's jobs, of which JOB is the
        first, waits, and exits with 0 or the code of the first that failed. Started again it finds those that it has
        handed in; SIGUSR1 cancels them, and any other signal leaves them.
        """


@dataclass(frozen=True, slots=True)
class Choice:
    """The back end of a workflow, and of each step that its jobs are handed on to another the name of that."""

    engine: str
    guests: Mapping[str, str] = field(default_factory=dict)


def guest(name: str) -> Guest:
    """Return the back end of this name, to which others hand jobs."""
    return cast(Guest, importlib.import_module(BACKENDS[name]))


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
    served = {value: name for name in BACKENDS for value in backend(name).TARGET.compute_backends}
    asked = {step.name: served.get(_wish(step), site.backend) for step in workflow.steps}
    if requested is None:
        _warn_of_others(workflow, asked, site, diagnostics)
        return Choice(site.backend)
    engine = engine or _engine(set(asked.values()), site)
    guests = {name: choice for name, choice in asked.items() if choice != engine}
    _refuse_mixture(workflow, engine, guests, diagnostics)
    holds = backend(engine).TARGET.holds
    return Choice(engine, {name: choice for name, choice in guests.items() if choice in holds})


def _wish(step: Step) -> str:
    hint = step.hints.get("compute_backend")
    return str(hint.value) if hint else ""


def _warn_of_others(workflow: Workflow, asked: Mapping[str, str], site: Site, diagnostics: Diagnostics) -> None:
    for step in workflow.steps:
        if asked[step.name] != site.backend:
            hint = step.hints["compute_backend"]
            message = f"This step asks for {hint.value}, and {site.name} compiles for {site.backend}."
            cure = "choose with --backend, or let the steps choose with --backend auto."
            diagnostics.warning("backend-ignored", message, hint.place, cure)


def _engine(asked: set[str], site: Site) -> str:
    """Return which of the back ends asked for runs the workflow: the site's, or one that can hold all others."""
    if site.backend in asked or not asked:
        return site.backend
    return min(asked, key=lambda name: (not asked - {name} <= backend(name).TARGET.holds, name))


def _refuse_mixture(workflow: Workflow, engine: str, guests: Mapping[str, str], diagnostics: Diagnostics) -> None:
    """Record, at the steps of both sides, what the back end cannot hand on."""
    own = backend(engine).TARGET
    refused = {name: backend(each).TARGET.title for name, each in guests.items() if each not in own.holds}
    if not refused:
        return
    able = [
        f"{backend(name).TARGET.title} can hand steps to {backend(held).TARGET.title}"
        for name in BACKENDS
        for held in sorted(backend(name).TARGET.holds)
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
    hint = step.hints.get("compute_backend")
    return hint.place if hint else step.origin


def hand_on(workflow: Workflow, choice: Choice, site: Site, diagnostics: Diagnostics) -> Workflow:
    """Return ``workflow`` with the batch system of each step that is handed on."""
    if not choice.guests:
        return workflow
    reason = cast(Host, backend(choice.engine)).no_guests(site)
    if reason:
        first = next(step for step in workflow.steps if step.name in choice.guests)
        diagnostics.error("unsupported", reason, _place(first), f"compile all of it with --backend {choice.engine}.")
    steps = (
        step._replace(target=backend(name).TARGET, bundle=guest(name).bundle(site)) if name else step
        for step, name in ((step, choice.guests.get(step.name)) for step in workflow.steps)
    )
    return replace(workflow, steps=tuple(steps))
