"""The back ends: one module per batch system, each with ``TARGET`` and the functions of :class:`BackEnd`.

``lower`` yields the files of the batch system itself; those that all jobs share are not its concern.
``submit``, ``query``, ``cancel`` and ``release`` talk to it; ``trace``, ``endings`` and
``last_words`` read what it left behind.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from reana_batch.ir import Workflow
    from reana_batch.run.parts import Run
    from reana_batch.run.queue import Queue, QueuedJob, Submission, Trace
    from reana_batch.site import Site
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


def guest(name: str) -> Guest:
    """Return the back end of this name, to which others hand jobs."""
    return cast(Guest, importlib.import_module(BACKENDS[name]))
