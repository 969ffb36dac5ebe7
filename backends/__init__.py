"""The back ends: one module per batch system, each with ``TARGET`` and five functions.

``lower`` yields the files of the batch system itself; those that all jobs share are not its concern.
``submit``, ``query`` and ``cancel`` talk to it; ``endings`` reads what it left behind.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.ir import Workflow
    from reana_batch.jobqueue import Queue
    from reana_batch.render import File
    from reana_batch.runstate import Run
    from reana_batch.sites import Site
    from reana_batch.target import Target

# name -> module; imported when used
BACKENDS = {
    "make": "reana_batch.backends.make",
    "htcondor": "reana_batch.backends.htcondor",
    "slurm": "reana_batch.backends.slurm",
}


class BackEnd(Protocol):
    """What a back end's module holds."""

    TARGET: Target

    def lower(self, workflow: Workflow, site: Site) -> Iterator[File]:
        """Yield the batch system's own files."""

    def submit(self, run: Run) -> list[str]:
        """Hand a compiled run to the batch system and return the ids of what it accepted."""

    def query(self, directory: Path, ids: list[str]) -> Queue:
        """Return what the batch system knows of a run, by one query."""

    def cancel(self, directory: Path, ids: list[str]) -> None:
        """Take a run out of the batch system."""

    def endings(self, directory: Path) -> Mapping[tuple[str, int], str]:
        """Return, by step and chunk, why jobs of an ended run were ended by anything but themselves."""


def backend(name: str) -> BackEnd:
    """Return the back end of this name; KeyError if there is none."""
    return cast(BackEnd, importlib.import_module(BACKENDS[name]))


def choose(workflow: Workflow, site: Site, requested: str | None, diagnostics: Diagnostics) -> str:
    """Return the name of the back end to compile for.

    A name is taken as it is. ``auto`` goes by the steps' ``compute_backend`` hints, where steps
    without one, or with ``kubernetes``, follow the site. None takes the site's own and warns of
    steps that ask for another.
    """
    if requested not in (None, "auto"):
        return requested
    served = {name: backend(name).TARGET.compute_backends for name in BACKENDS}
    wanted: dict[str, str] = {}
    for step in workflow.steps:
        hint = step.hints.get("compute_backend")
        asked = hint.value if hint else None
        choice = next((name for name, served_names in served.items() if asked in served_names), site.backend)
        if requested == "auto" and wanted and choice not in wanted:
            place = hint.place if hint else step.origin
            first = next(iter(wanted))
            message = f'This step asks for {choice}, but "{wanted[first]}" for {first}.'
            cure = f"compile all of it for one with --backend {first}."
            diagnostics.error("mixed-backends", message, place, cure)
        elif requested is None and choice != site.backend and hint:
            message = f"This step asks for {hint.value}, and {site.name} compiles for {site.backend}."
            cure = "choose with --backend, or let the steps choose with --backend auto."
            diagnostics.warning("backend-ignored", message, hint.place, cure)
        wanted.setdefault(choice, step.label)
    return next(iter(wanted), site.backend) if requested == "auto" else site.backend
