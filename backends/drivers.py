"""What talks to a batch system, as a record: the module of a driver fills it in as ``DRIVER``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from reana_batch.findings import Finding
    from reana_batch.run.parts import Run, StepProgress
    from reana_batch.run.queue import Queue, QueuedJob, Submission, Trace
    from reana_batch.site import Site

Report = Callable[["Sequence[StepProgress]"], None]


@dataclass(frozen=True, slots=True)
class Here:
    """How a run is run on this machine, in the foreground."""

    # Raises Refused if this machine lacks a tool.
    check_tools: Callable[[], None]
    # Starts a run with so many jobs at a time. The caller holds the lock, and has seen that nothing of the run is alive.
    start: Callable[[Run, int | None], subprocess.Popen[bytes]]
    # Stays with a run until it ends. An interrupt ends the jobs that run and is noted with the run; it is no exception.
    watch: Callable[[Path, subprocess.Popen[bytes], Report], None]


def _no_place(_run: Run, _last: Submission) -> Mapping[str, str]:
    return {}


def _no_parts(_part: Run) -> None:
    raise AssertionError("only a system whose TARGET has submit_programs is given parts")


def _none_released(_directory: Path, _last: Submission, _held: list[QueuedJob]) -> list[str]:
    return []


def _no_endings(_directory: Path) -> Mapping[tuple[str, int], str]:
    return {}


def _no_words(_directory: Path) -> str:
    return ""


def _nothing_kept(_directory: Path) -> None:
    return


@dataclass(frozen=True, slots=True)
class Driver:
    """The functions that talk to a batch system; those with a default may be left out.

    A run is named by its directory, and ``last`` is what its record says of where it was submitted.
    """

    # What the batch system's own files in a run say of its submission, without asking anybody.
    trace: Callable[[Path], Trace]
    # What the batch system knows of a run. Refused with ``scheduler`` or ``missing-tool`` if it does not answer.
    query: Callable[[Path, Submission], Queue]
    # Takes a run out of the batch system.
    cancel: Callable[[Path, Submission], None]
    # What of this machine works for a site; the flag says whether the site needs it.
    examine: Callable[[Site, bool], Iterator[Finding]]
    # Gives a compiled run to the scheduler at a place and returns the ids of what it accepted.
    submit: Callable[[Run, Mapping[str, str]], list[str]] | None = None
    # In the place of ``submit``, where TARGET has runs_here.
    here: Here | None = None
    # The scheduler that ``submit`` will ask: of the last submission, or this machine's. Refused if it cannot take the run.
    place: Callable[[Run, Submission], Mapping[str, str]] = _no_place
    # Submits, from a job of the run, what an expansion has compiled; where TARGET has submit_programs.
    submit_part: Callable[[Run], None] = _no_parts
    # Lets those of the held jobs go that their owner may let go, and returns their ids.
    release: Callable[[Path, Submission, list[QueuedJob]], list[str]] = _none_released
    # By step and chunk, why jobs of an ended run were ended by anything but themselves.
    endings: Callable[[Path], Mapping[tuple[str, int], str]] = _no_endings
    # What the batch system's own part of an ended run said last of its end.
    last_words: Callable[[Path], str] = _no_words
    # Removes what the run keeps of where it was started, after which that is not asked any more.
    forget: Callable[[Path], None] = _nothing_kept
    # The batch system's own logs of a run.
    logs: tuple[str, ...] = ()
    # How the names begin of what the batch system writes among the batch files.
    left_behind: tuple[str, ...] = ()
