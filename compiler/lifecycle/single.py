"""Jobs that belong to no step: how their folder is written, and how they are cancelled."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reana_batch import files
from reana_batch.backends.drivers import SingleJobs
from reana_batch.run.queue import LINGERING, JobState, QueuedJob
from reana_batch.writing.render import File

# How often the files of a job are read while it is awaited, and how often its scheduler is asked. Seconds.
LOOK, ASK = 0.3, 5


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore interrupts of the terminal, also in the programs that are called. A second one often follows the first."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
