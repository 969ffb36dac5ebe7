"""What status and wait say of a run that does not end by itself, or ended without a record of its jobs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
import pytest

import reana_batch
from reana_batch.cli import following, status_text
from reana_batch.diagnostics import Refused, refuse
from reana_batch.lifecycle.status import RunStatus
from reana_batch.report.records import run_record
from reana_batch.run.failures import failures
from reana_batch.run.parts import Run, StepProgress
from reana_batch.run.queue import JobState, Queue, QueuedJob
from reana_batch.run.run_json import RunRecord

# The command of which these are parts.
CALLED = click.Context(click.Command("wait"))


def _status(
    folder: Path, state: str, needs: Mapping[str, Sequence[str]], *progress: StepProgress, rows: int = 3
) -> RunStatus:
    """Return the state of a run of these steps, each with the steps that it waits for."""
    common = {"origin": "reana.yaml:1", "rows": rows, "chunk_size": 1, "outputs": []}
    steps = [{"name": n, "label": n, "folder": n, "needs": before, **common} for n, before in needs.items()]
    manifest = {"backend": "htcondor", "outputs": {"files": [], "directories": []}, "steps": steps}
    (folder / "fit.1/batch").mkdir(parents=True)
    (folder / "fit.1/batch/manifest.json").write_text(json.dumps(manifest), "utf-8")
    return RunStatus(Run(folder / "fit.1"), state, progress, Queue(()), RunRecord())


def _progress(name: str, **jobs: int) -> StepProgress:
    return StepProgress(name, name, "reana.yaml:1", total=3, **jobs)


def _lines(current: RunStatus) -> list[str]:
    return ["".join(text for text, _ in each.spans) for each in status_text.status_lines(current)]


def _fail(current: RunStatus, rows: Sequence[int]) -> RunStatus:
    """Return the state after rows of the first step have failed, each a second before the one in front of it."""
    run = current.run
    entry = run.manifest.steps[0]
    for row in rows:
        path = run.records(entry).path(row, "failed")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"exit_code={row % 2 + 1}\nreason=command\nstarted={10_000 - row}\n", "utf-8")
    return replace(current, failures=tuple(failures(run)))


@pytest.fixture
def running(tmp_path: Path) -> RunStatus:
    """The state of a run of one step, of which one job is done."""
    return _status(tmp_path, "running", {"fit": ()}, _progress("fit", done=1, running=1))


def held(number: int, reason: str, step: str = "fit") -> QueuedJob:
    return QueuedJob(str(number), step, [0], JobState.HELD, reason)


def test_jobs_of_a_step_with_one_reason_are_one_warning(running: RunStatus) -> None:
    jobs = (held(7, "job 7 is too large"), held(8, "job 8 is too large"), held(9, "no account"), held(5, "odd", ""))
    said = _lines(replace(running, queue=Queue(jobs)))
    assert said == [
        "==> WARNING: fit (7 and 1 more) does not go on: job 7 is too large.",
        "==> WARNING: fit (9) does not go on: no account.",
        f"==> WARNING: {running.keeper} (5) does not go on: odd.",
        "==> fit.1 is running: 1 of 3 jobs done.",
    ]


def test_a_submission_that_was_cut_short_is_told_and_not_waited_for(running: RunStatus) -> None:
    current = replace(running, queue=Queue((), cut_short=True))
    assert _lines(current)[1:] == [
        "Its submission was cut short, and the accepted jobs wait. To continue: reana-batch resume -w"
        f" {running.run.directory}"
    ]
    with CALLED, pytest.raises(Refused) as refused:
        following.wait_for_end(Looks(running.run, iter([current])))
    [fault] = refused.value.diagnostics.errors
    assert fault.message == "The submission of fit.1 was cut short; the accepted jobs wait in the queue."
    assert f"reana-batch resume -w {running.run.directory}" in str(fault.hint)


def test_jobs_that_left_no_record_are_told_with_what_their_batch_system_says(running: RunStatus) -> None:
    jobs = (QueuedJob("7", "fit", [0], JobState.ENDED, "out of memory"), QueuedJob("8", "fit", [1], JobState.ENDED))
    said = _lines(replace(running, state="failed", queue=Queue(jobs), last_words="DAGMan ended"))
    assert said[:4] == [
        "==> ERROR: fit (7): out of memory.",
        "fit (reana.yaml:1): 1 job started and left no record.",
        "DAGMan ended",
        "==> ERROR: fit.1 has failed; 1 job not started.",
    ]
    nothing = replace(running, state="failed", progress=(_progress("fit", done=1),))
    assert _lines(nothing)[0] == "==> ERROR: fit.1 has failed; 2 jobs not started."


def test_steps_that_wait_for_a_failed_one_are_told_and_the_many_are_counted(tmp_path: Path) -> None:
    later = [f"s{number}" for number in range(1, 23)]
    needs = dict(zip(later, [["fit"], *([each] for each in later)], strict=False))
    progress = (_progress("fit", failed=2, done=1), *map(_progress, later))
    current = _status(tmp_path, "failed", {"fit": (), **needs}, *progress)
    said = _lines(_fail(current, (0, 2)))
    assert "1 job more of fit failed: the command ended with exit code 1." in said
    first = said.index("  s1: 3 jobs not started, because fit failed.")
    assert said[first + 1] == "  s2: 3 jobs not started, because fit failed (through s1)."
    assert said[first + 20] == "  and jobs of 2 more steps."


def test_of_many_failures_some_are_read(tmp_path: Path) -> None:
    started = _status(tmp_path, "failed", {"fit": ()}, StepProgress("fit", "fit", "reana.yaml:1", 3000), rows=3000)
    current = _fail(started, range(2500))
    said = _lines(current)
    assert said[0] == '==> ERROR: Step "fit", job 2499 of 3,000 failed: the command ended with exit code 2.'
    more = [int(line.split()[0]) for line in said if "more of fit failed: the command ended with exit code" in line]
    assert (len(more), sum(more)) == (2, 999)
    unread = "1,500 jobs more failed, and their causes were not read. To list them: reana-batch jobs -w"
    assert f"{unread} {current.run.directory} --state failed -v" in said
    assert len({failure.row for failure in current.failures}) == len(current.failures) == 2500
    record = run_record(current)
    assert (record["failed"], sum(cause["jobs"] for cause in record["causes"])) == (2500, 1000)


# --- waiting -------------------------------------------------------------------------------------


class Looks(reana_batch.Run):
    """A run whose states are these."""

    def __init__(self, run: Run, states: Iterator[RunStatus]) -> None:
        super().__init__(run.directory)
        self.states = states

    def status(self) -> RunStatus:
        return next(self.states)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which last no time."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def test_wait_says_once_what_keeps_jobs_from_going_on(
    running: RunStatus, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [replace(running, queue=Queue((held(number, "no account"),))) for number in (7, 8)]
    stopped = replace(running, state="stopped")
    with CALLED:
        answer = following.wait_for_end(Looks(running.run, iter([*kept, running, kept[0], stopped, stopped])))
    told = "==> WARNING: fit (7) does not go on: no account.\n"
    assert re.sub(r"\S+  fit  1/3 done, 1 running\n", "", capsys.readouterr().err) == told * 2  # it came back
    assert (answer.code, pauses) == (130, [1, 2, 4, 8])


def test_wait_asks_again_while_the_batch_system_is_silent_unless_its_tools_are_missing(
    running: RunStatus, pauses: list[float]
) -> None:
    silent = replace(running, state="unknown", silence=refuse("scheduler", "no answer"))
    assert following._patient_look(Looks(running.run, iter([silent, silent, running]))) is running
    assert pauses == [15, 15]
    with pytest.raises(Refused, match="no answer"):
        following._patient_look(Looks(running.run, iter([silent] * 21)))
    assert len(pauses) == 22
    lacking = replace(silent, silence=refuse("missing-tool", "no tools"))
    with pytest.raises(Refused, match="no tools"):
        following._patient_look(Looks(running.run, iter([lacking])))
    assert len(pauses) == 22
