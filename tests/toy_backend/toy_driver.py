"""The driver of the toy. The toy runs a run as a process group on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from reana_batch.backends.drivers import Driver
from reana_batch.findings import Finding, finding
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, Queue, QueuedJob, Submission, Trace
from reana_batch.run.small_files import tail
from reana_batch.site import Site

_PID, _LOG = "state/toy.pid", "logs/toy.log"


def submit(run: Run, _place: Mapping[str, str]) -> list[str]:
    with (run.directory / _LOG).open("ab") as log:
        toy = subprocess.Popen(
            ["bash", "batch/toy.sh"],
            cwd=run.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (run.directory / _PID).write_text(str(toy.pid))
    return [str(toy.pid)]


def trace(directory: Path) -> Trace:
    return Trace.ACCEPTED if (directory / _PID).exists() else Trace.NONE


def query(_directory: Path, last: Submission) -> Queue:
    return Queue(tuple(QueuedJob(each, "", (), JobState.RUNNING) for each in last.ids if _is_alive(each)))


def cancel(_directory: Path, last: Submission) -> None:
    for group in last.ids:
        if _is_alive(group):
            os.killpg(int(group), signal.SIGTERM)
        while _is_alive(group):
            time.sleep(0.1)


def _is_alive(group: str) -> bool:
    return any(_is_of(process, group) for process in Path("/proc").glob("[0-9]*"))


def _is_of(process: Path, group: str) -> bool:
    try:
        state, _, its_group, *_ = (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:  # it has ended
        return False
    return its_group == group and state not in ("Z", "X")


def last_words(directory: Path) -> str:
    return tail(directory / _LOG, 5)


def examine(_site: Site, needed: bool) -> Iterator[Finding]:
    yield finding("Toy", False, needed, "not found", "build a toy.")


DRIVER = Driver(
    submit=submit, trace=trace, query=query, cancel=cancel, last_words=last_words, examine=examine, logs=(_LOG,)
)
