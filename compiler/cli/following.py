"""Queries of a run's state, once or until it has ended."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from reana_batch.cli.answers import EXIT_FAILED, EXIT_INTERRUPTED, Answer, wants_json
from reana_batch.cli.progress import watching
from reana_batch.cli.terminal import say

if TYPE_CHECKING:
    from reana_batch import Run, RunStatus
    from reana_batch.diagnostics import Diagnostics, Refused
    from reana_batch.lifecycle.sessions import SessionStatus

_TRIES = 20
_POLL_SECONDS = 15  # the longest pause between two queries of `wait` and `--follow`
_CODES = {"finished": 0, "stopped": EXIT_INTERRUPTED}


def state_answer(current: RunStatus, diagnostics: Diagnostics | None = None, code: int = 0) -> Answer:
    """Return the answer with the state of a run."""
    from reana_batch.cli.status_text import status_lines
    from reana_batch.report.records import run_record

    return Answer(lambda: run_record(current), status_lines(current), diagnostics, code)


def with_sessions(answer: Answer, found: Sequence[SessionStatus]) -> Answer:
    """Return the answer with the state of a run, and with its sessions."""
    from reana_batch.cli.session_text import session_lines
    from reana_batch.report.records import session_record

    run, shown = answer.record, answer.shown
    assert callable(run)
    sessions = [session_record(each) for each in found]
    return replace(answer, record=lambda: {**run(), "sessions": sessions}, shown=chain(shown, session_lines(found)))


def end_answer(run: Run, diagnostics: Diagnostics | None = None) -> Answer:
    """Return the answer with the state of an ended run."""
    current = run.status()
    return state_answer(current, diagnostics, _CODES.get(current.state, EXIT_FAILED))


def wait_for_end(run: Run, diagnostics: Diagnostics | None = None, *, quiet: bool = False) -> Answer:
    """Wait until a run has ended, and return its state. Show its progress on stderr unless ``quiet``."""
    from reana_batch.cli.status_text import hindrances

    pause, told = 1, set[str]()
    with watching(quiet=quiet or wants_json()) as report:
        while True:
            current = _patient_look(run)
            _check_submitted(current)
            report(current.progress)
            if current.state not in ("queued", "running"):
                break
            found = hindrances(current)
            for key in found.keys() - told:
                say(found[key], "yellow")
            told = set(found)
            time.sleep(pause)
            pause = min(2 * pause, _POLL_SECONDS)
    return end_answer(run, diagnostics)


def _check_submitted(current: RunStatus) -> None:
    """Raise Refused if the run was not submitted completely, because waiting would never end."""
    from reana_batch.diagnostics import refuse

    directory = current.run.directory
    if current.state == "created":
        raise refuse("run-state", f"{directory.name} has not been submitted.")
    if current.queue.cut_short:
        message = f"The submission of {directory.name} was cut short; the accepted jobs wait in the queue."
        named = shlex.quote(str(directory))
        hint = f"continue it with reana-batch resume -w {named}, or end it with reana-batch stop -w {named}."
        raise refuse("run-state", message, hint=hint)


def _patient_look(run: Run) -> RunStatus:
    """Return the state of a run. If its scheduler does not answer, try again for some minutes."""
    from reana_batch.lifecycle.status import known

    for _ in range(_TRIES):
        current = run.status()
        if current.state != "unknown" or _is_lacking(current.silence):
            return known(current)
        time.sleep(_POLL_SECONDS)
    return known(run.status())


def _is_lacking(silence: Refused | None) -> bool:
    """Return whether the batch system's tools are missing. Then it is useless to ask again."""
    return silence is not None and any(fault.code != "scheduler" for fault in silence.diagnostics.errors)
