"""Jobs that belong to no step: how their folder is written, and how they are cancelled."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from reana_batch import files
from reana_batch.backends.drivers import SingleJobs
from reana_batch.run.queue import LINGERING, JobState, QueuedJob
from reana_batch.writing.render import File

# How often the files of a job are read while it is awaited, and how often its scheduler is asked. Seconds.
LOOK, ASK = 0.3, 5


# What ends a command from outside: the terminal's interrupt, a kill, and the end of the connection.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise SystemExit at SIGTERM and SIGHUP, as Python raises KeyboardInterrupt at SIGINT. Ignored ones stay so."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    usual = [number for number in _ENDING if signal.getsignal(number) == signal.SIG_DFL]
    with _handled(dict.fromkeys(usual, leave)):
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore these signals, also in the programs that are called. A second one often follows the first."""
    with _handled(dict.fromkeys(_ENDING, signal.SIG_IGN)):
        yield


@contextlib.contextmanager
def _handled(handlers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_folder(folder: Path, written: Iterable[File]) -> None:
    """Make the folder of a job with these files. Only the user can read it."""
    files.make_private(folder)
    for file in written:
        path = folder / file.path
        files.make_private(path.parent)
        files.write_whole(path, "".join(file.text).encode())


def queued(jobs: SingleJobs, folder: Path, job: str, place: Mapping[str, str]) -> QueuedJob | None:
    """Return the job unless it has ended. Raises Refused if its scheduler does not answer."""
    found = jobs.query(folder, job, place)
    return None if found is None or found.state is JobState.ENDED else found


def leave_queue(jobs: SingleJobs, folder: Path, job: str, place: Mapping[str, str]) -> bool:
    """Cancel a job, and wait until it has left the queue. Return whether it has."""
    end = time.monotonic() + LINGERING
    while (found := queued(jobs, folder, job, place)) is not None:
        if time.monotonic() > end:
            return False
        if found.state is not JobState.ENDING:
            jobs.cancel(folder, job, place)
        time.sleep(LOOK)
    return True
