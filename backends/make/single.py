"""Jobs on this machine that belong to no step: each is a process group that outlives the command."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from reana_batch.backends.drivers import SingleJobs
from reana_batch.backends.make.processes import started
from reana_batch.diagnostics import refuse
from reana_batch.files import no_follow
from reana_batch.run.queue import JobState, QueuedJob
from reana_batch.site import Site
from reana_batch.writing.render import File
from reana_batch.writing.sessions import LOGS, SCRIPT


def _files(_site: Site, _name: str, _seconds: int) -> Iterator[File]:
    """Yield nothing. The script itself watches its time."""
    return iter(())


def _submit(folder: Path, _place: Mapping[str, str]) -> str:
    """Start the script and return its id: the host, the process, and when the kernel started it."""
    with open(folder / LOGS[-1], "ab", opener=no_follow) as log:
        process = subprocess.Popen(
            ["bash", SCRIPT], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return f"{socket.gethostname()}:{process.pid}:{started(process.pid)}"


def _query(folder: Path, job: str, _place: Mapping[str, str]) -> QueuedJob | None:
    """Return the job if its process is alive. Raises Refused if it was started on another machine."""
    host, pid, begun = job.rsplit(":", 2)
    if host != socket.gethostname():
        message = f"The session of {folder.parents[1].name} is on {host}."
        raise refuse("scheduler", message, hint="run the command there, or close it with --force.")
    alive = begun != "" and started(int(pid)) == begun  # the kernel reuses numbers of processes
    return QueuedJob(job, "", (), JobState.RUNNING) if alive else None


def _cancel(folder: Path, job: str, place: Mapping[str, str]) -> None:
    """End the process group. Its script then ends the server."""
    if _query(folder, job, place):
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(int(job.split(":")[-2]), signal.SIGTERM)


SINGLE = SingleJobs(_files, _submit, _query, _cancel)
