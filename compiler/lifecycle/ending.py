"""Stopping of a run, and cancelling of the jobs that an ended run has left in the queue."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from reana_batch import backends
from reana_batch.diagnostics import Refused, refuse
from reana_batch.lifecycle.status import NO_ANSWER, known_status, queues_of, silence_of, trace_of
from reana_batch.run.lock import locked
from reana_batch.run.parts import Run
from reana_batch.run.queue import LINGERING, Submission, Trace
from reana_batch.run.run_json import Intent, note, read_record


def stop(directory: Path, *, force: bool = False) -> None:
    """Remove a run from its batch system. Raises Refused if it is not queued or running.

    With ``force`` the run counts as stopped even if its scheduler or machine does not answer.
    """
    run = Run(directory)
    with locked(directory):
        silent = NO_ANSWER if force else ()
        try:
            _check_active(directory)
            cancel(run)
        except Refused as refused:
            if not force:
                raise
            silence_of(refused)
            # The user has decided that the run is stopped. Later commands do not ask its machine or scheduler again.
            note(directory, ids=[], intent=Intent(os.uname().nodename))
            backends.driver(run.manifest.backend).forget(directory)
        note(directory, stopped=time.time())
        for name in run.guests:  # without the tools of their system here, the nodes cancel their own jobs
            with tolerating("missing-tool", *silent):
                backends.driver(name).cancel(directory, Submission())


def cancel(run: Run) -> None:
    """Cancel the jobs of a run at the scheduler of its last submission."""
    last = read_record(run.directory).last_submission
    backends.driver(run.manifest.backend).cancel(run.directory, last)


def leave_queue(ended: Run) -> None:
    """Cancel the queued jobs of an ended run and wait until they are gone.

    Cancelled jobs may still write into the workspace for a moment, and Slurm's finaliser needs the run directory to
    cancel other jobs. Raises Refused if the scheduler does not answer, or if jobs do not end in time.
    """
    record = read_record(ended.directory)
    if trace_of(ended, record, ended.progress()) is Trace.NONE:
        return
    last, end = record.last_submission, time.monotonic() + LINGERING
    while left := [name for name, queue in queues_of(ended, last).items() if queue.active]:
        if time.monotonic() > end:
            raise refuse("run-state", f"Jobs of {ended.directory.name} are still ending; try again later.")
        for name in left:
            backends.driver(name).cancel(ended.directory, last)
        time.sleep(2)


@contextlib.contextmanager
def tolerating(*codes: str) -> Iterator[None]:
    """Suppress a Refused whose faults all have one of these codes."""
    try:
        yield
    except Refused as refused:
        if any(fault.code not in codes for fault in refused.diagnostics.errors):
            raise


def _check_active(directory: Path) -> None:
    state = known_status(directory).state
    if state not in ("queued", "running"):
        raise refuse("run-state", f"{directory.name} is {state}; only a queued or running run can be stopped.")
