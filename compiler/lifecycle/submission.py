"""Submission of a run, and release of its held jobs.

The records of jobs and the answers of schedulers decide the state of a run. Its run.json only says where to ask. A
command that changes a run takes the lock of its workspace; a command that only reads does not.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from reana_batch import backends, files, layout
from reana_batch.diagnostics import Refused, refuse
from reana_batch.lifecycle import requests
from reana_batch.lifecycle.changes import settle
from reana_batch.lifecycle.requests import NO_WISH, Wish
from reana_batch.lifecycle.status import known_status, queues_of, status
from reana_batch.run import credentials
from reana_batch.run.lock import locked
from reana_batch.run.parts import Run
from reana_batch.run.run_json import note_intent, note_submission, read_record
from reana_batch.target import Target
from reana_batch.writing.credential_files import SCRIPT

_T = TypeVar("_T")


def submit_run(run: Run) -> list[str]:
    """Submit a run to its batch system and return the ids of its jobs. The caller holds the lock."""
    driver = backends.driver(run.manifest.backend)
    target = backends.lowering(run.manifest.backend).TARGET
    if target.runs_here:
        raise _runs_here(run, target)
    assert driver.submit is not None, "a batch system without runs_here has submit"
    place = driver.place(run, read_record(run.directory).last_submission)
    for part in run.parts():
        for name in (layout.BATCH, layout.STATE, layout.LOGS):
            files.remove_links(part.directory / name)  # jobs of an earlier attempt may have made links
    credentials.issue(run.directory)
    note_intent(run.directory, run.manifest.backend, place)
    ids = driver.submit(run, place)
    note_submission(run.directory, ids)
    return ids


def _runs_here(run: Run, target: Target) -> Refused:
    """Return the exception for a run that cannot be submitted. It runs in the foreground."""
    credentials = f"bash {SCRIPT} && " if (run.directory / SCRIPT).exists() else ""
    hint = f"to run it here: cd {shlex.quote(str(run.directory))} && {credentials}{target.start_command}"
    message = f"{run.directory.name} is compiled for {target.keeper}, which does not submit jobs."
    return refuse("run-state", message, hint=hint)


def submit(directory: Path, start: Callable[[Run], _T]) -> _T:
    """Start a compiled run that was not submitted yet, and return the result of ``start``."""
    run = Run(directory)  # this comes first, because the lock makes its folder even if there is no run
    with locked(directory):
        current = known_status(directory)
        record = current.record
        untouched = record.reuses and not record.submitted and not record.intent  # its done jobs are another run's
        is_new = current.state == "created" or untouched or (not current.total and not record.submitted)
        if not is_new and not current.queue.cut_short:
            more = "." if current.state in ("stopped", "failed") else f" and is {current.state}."
            hint = _to_go_on(directory) if current.state in ("stopped", "failed") else ""
            raise refuse("run-state", f"{directory.name} has been submitted already{more}", hint=hint)
        settle(directory)
        return start(run)


def _to_go_on(directory: Path) -> str:
    return f"to continue: reana-batch resume -w {shlex.quote(str(directory))}"


def submit_part(part: Run) -> None:
    """Submit a compiled expansion to the batch system. A second call does nothing.

    It takes no lock, because the planner that calls it can be killed at any time.
    """
    backends.driver(part.manifest.backend).submit_part(part)


def check_needs(part: Run, expansion: str) -> None:
    """Raise Refused unless all parents of an expansion of this part are done. They may be expansions themselves."""
    steps, compiled = part.manifest.steps_by_name(), part.compiled()
    for need in steps[expansion].needs if expansion in steps else ():
        inner = compiled[need].progress() if need in compiled else []
        for progress in (part.step_progress(steps[need]), *inner):
            if progress.done < progress.total:
                counts = f"{progress.done:,} of its {progress.total:,} jobs are done"
                raise refuse("run-state", f"{expansion} waits for {progress.name.removeprefix(part.path)}: {counts}.")


def release(directory: Path, wish: Wish = NO_WISH) -> list[str]:
    """Release the held jobs of a run that can be released, and return their ids.

    ``wish`` first changes what jobs ask for, also those that only wait in the queue.

    Nothing is released if the submission was interrupted, because the rest of its jobs is missing.
    """
    with locked(directory):
        current = status(directory)
        if not current.queue.held or current.queue.cut_short:
            return []
        last = current.record.last_submission
        chosen = requests.change(current, wish)
        requests.alter(directory, current.queue.jobs, last, chosen, wish)
        # Each system releases its own jobs, because the same id may be another job in the other system.
        held = {name: queue.held for name, queue in queues_of(current.run, last).items() if queue.held}
        return [job for name, jobs in held.items() for job in backends.driver(name).release(directory, last, jobs)]
