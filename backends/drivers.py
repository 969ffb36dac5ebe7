"""The record ``Driver``: the functions that talk to a batch system. Each driver's module defines one as ``DRIVER``."""

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
    from reana_batch.run.usage import Accounts
    from reana_batch.site import Site
    from reana_batch.writing.render import File

Report = Callable[["Sequence[StepProgress]"], None]


@dataclass(frozen=True, slots=True)
class Here:
    """The functions that run a workflow on this machine, in the foreground."""

    # Raises Refused if this machine lacks a tool.
    check_tools: Callable[[], None]
    # Starts a run. The number limits the jobs at a time. The caller holds the lock and has checked that no process of
    # the run is alive.
    start: Callable[[Run, int | None], subprocess.Popen[bytes]]
    # Waits until a run ends. An interrupt ends the running jobs. It is recorded with the run and not raised.
    watch: Callable[[Path, subprocess.Popen[bytes], Report], None]


@dataclass(frozen=True, slots=True)
class SingleJobs:
    """The functions for a job that belongs to no step: the server of a session, or the probe of ``doctor``.

    A path is the folder of the job, in which its script ``job.sh`` is started. Of a session it is ``sessions/KIND`` of
    the run. A place is what ``place`` of the driver returned, or nothing for the scheduler of this machine.
    """

    # Yields the batch system's own files in the folder. The text is the name of the job, and the number its time limit
    # in seconds.
    files: Callable[[Site, str, int], Iterator[File]]
    # Submits the job and returns its id.
    submit: Callable[[Path, Mapping[str, str]], str]
    # Returns the job of this id, or None if it has left the queue. Raises Refused if the system does not answer.
    query: Callable[[Path, str, Mapping[str, str]], QueuedJob | None]
    # Cancels the job. It may take a moment to end.
    cancel: Callable[[Path, str, Mapping[str, str]], None]


def _no_place(_run: Run, _last: Submission) -> Mapping[str, str]:
    return {}


def _no_parts(_part: Run) -> None:
    raise AssertionError("only a system whose TARGET has submit_programs gets parts")


def _none_released(_directory: Path, _last: Submission, _held: list[QueuedJob]) -> list[str]:
    return []


def _no_accounts(_directory: Path, _last: Submission) -> Accounts:
    return {}


def _no_endings(_directory: Path) -> Mapping[tuple[str, int], str]:
    return {}


def _no_words(_directory: Path) -> str:
    return ""


def _starts_unclean(_directory: Path, _folder: str) -> bool:
    return False


def _nothing_kept(_directory: Path) -> None:
    return


@dataclass(frozen=True, slots=True)
class Requests:
    """How to change what the jobs of a step ask for, after the run was compiled.

    Requests have names: ``memory`` in bytes, ``runtime`` in seconds of a whole job, and settings of a site.
    """

    # The file below batch/steps/FOLDER that the batch system reads them from.
    file: str
    # Returns the text of the file with other requests.
    changed: Callable[[str, Mapping[str, int | str]], str]
    # The settings of a site that the file has.
    settings: frozenset[str]
    # Changes the requests of jobs that are in the queue and have not started.
    alter: Callable[[Path, Submission, Sequence[QueuedJob], Mapping[str, int | str]], None]


@dataclass(frozen=True, slots=True)
class Driver:
    """The functions that talk to a batch system. A driver may omit the fields that have a default.

    A path is the run directory. A ``Submission`` is the last one that the run's own record names.
    """

    # Returns what the batch system's files in a run say of its submission. Asks no scheduler.
    trace: Callable[[Path], Trace]
    # Returns the jobs of a run that the batch system knows. Raises Refused with the code ``scheduler`` or
    # ``missing-tool`` if the system does not answer.
    query: Callable[[Path, Submission], Queue]
    # Removes a run from the batch system.
    cancel: Callable[[Path, Submission], None]
    # Yields what works on this machine for a site. The flag says whether the site needs this batch system.
    examine: Callable[[Site, bool], Iterator[Finding]]
    # Submits a compiled run to the scheduler at a place and returns the ids of the accepted jobs.
    submit: Callable[[Run, Mapping[str, str]], list[str]] | None = None
    # Replaces ``submit`` if TARGET has runs_here.
    here: Here | None = None
    # Returns the scheduler that ``submit`` will use: that of the last submission, or this machine's. Raises Refused if
    # it cannot accept the run.
    place: Callable[[Run, Submission], Mapping[str, str]] = _no_place
    # Submits a compiled expansion from a job of the run. Needed if TARGET has submit_programs.
    submit_part: Callable[[Run], None] = _no_parts
    # Releases the held jobs that their owner may release, and returns their ids.
    release: Callable[[Path, Submission, list[QueuedJob]], list[str]] = _none_released
    # Returns what the system wrote down of the jobs: when they were submitted, what they used. Raises Refused as query.
    accounts: Callable[[Path, Submission], Accounts] = _no_accounts
    # Returns, by step and chunk, why jobs of an ended run did not end by themselves.
    endings: Callable[[Path], Mapping[tuple[str, int], str]] = _no_endings
    # Returns the last messages of the batch system's own part of an ended run.
    last_words: Callable[[Path], str] = _no_words
    # Deletes the run's note of where it was started, so that later commands do not ask there.
    forget: Callable[[Path], None] = _nothing_kept
    # Says whether the jobs of a step, by its folder, start without the environment of the user who submits.
    starts_clean: Callable[[Path, str], bool] = _starts_unclean
    # Runs a command in a job like those of a step, by its folder, with this terminal. Returns the exit code. The path is
    # that of the part, in which the command starts. Without it, the jobs run on this machine.
    on_worker: Callable[[Path, str, Sequence[str], Submission], int] | None = None
    # How to change what jobs ask for. Without it, only the job script has requests.
    requests: Requests | None = None
    # Starts jobs that belong to no step. Without it, sessions of a run are on the user's machine, and workers cannot be
    # probed.
    single: SingleJobs | None = None
    # The batch system's own logs of a run.
    logs: tuple[str, ...] = ()
    # The prefixes of the files that the batch system writes among the batch files.
    left_behind: tuple[str, ...] = ()
