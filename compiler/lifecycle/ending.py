"""Stopping a run, and emptying the queue of one that has ended."""

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
    """Take a run out of its batch system; Refused if it is not there.

    With ``force`` a run counts as stopped also where nobody answers for it, such as a machine that has died.
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
            # The user's word counts from now on. A machine or scheduler that is no more is not asked again.
            note(directory, ids=[], intent=Intent(os.uname().nodename))
            backends.driver(run.manifest.backend).forget(directory)
        note(directory, stopped=time.time())
        for name in run.guests:  # where their system's tools are not at hand, the nodes do it alone
            with tolerating("missing-tool", *silent):
                backends.driver(name).cancel(directory, Submission())


def cancel(run: Run) -> None:
    """Cancel the jobs of a run in its own batch system, where it was submitted last."""
    last = read_record(run.directory).last_submission
    backends.driver(run.manifest.backend).cancel(run.directory, last)


def leave_queue(ended: Run) -> None:
    """Cancel what is left in the queue of an ended run, and wait until it is gone; Refused where nobody answers.

    Jobs that are being cancelled may still write into the workspace. And of Slurm's finalisers, the one that has to
    take the others away finds nothing of a deleted run.
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
    """Let Refused through, unless all of its faults have these codes."""
    try:
        yield
    except Refused as refused:
        if any(fault.code not in codes for fault in refused.diagnostics.errors):
            raise


def _check_active(directory: Path) -> None:
    state = known_status(directory).state
    if state not in ("queued", "running"):
        raise refuse("run-state", f"{directory.name} is {state}; only a queued or running run can be stopped.")
