"""The life of a run whose steps are on two batch systems. Objects of the test play both systems."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reana_batch import backends
from reana_batch.cli.status_text import hindrances
from reana_batch.diagnostics import Refused, refuse
from reana_batch.lifecycle import deletion, ending, restart, status, submission
from reana_batch.run import run_json
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, Queue, QueuedJob, Submission, Trace


@dataclass
class System:
    """A batch system: its answers, its refusals, and a record of the calls."""

    jobs: tuple[QueuedJob, ...] = ()
    fault: str = ""
    cancelled: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def trace(self, directory: Path) -> Trace:
        del directory
        return Trace.NONE

    def query(self, directory: Path, last: Submission) -> Queue:
        del directory, last
        self._answer()
        return Queue(self.jobs)

    def cancel(self, directory: Path, last: Submission) -> None:
        self._answer()
        self.cancelled += last.ids or [directory.name]
        self.jobs = ()

    def release(self, directory: Path, last: Submission, held: list[QueuedJob]) -> list[str]:
        del directory, last
        self.released += [each.id for each in held]
        return self.released

    def endings(self, directory: Path) -> Mapping[tuple[str, int], str]:
        del directory
        return {}

    def _answer(self) -> None:
        if self.fault:
            raise refuse(self.fault, "no")


def job(identity: str, step: str, state: JobState, reason: str = "") -> QueuedJob:
    return QueuedJob(identity, step, [0], state, reason)


WAITING_NODE = (job("1.0", "", JobState.RUNNING), job("2.0", "fit", JobState.RUNNING))


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch) -> dict[str, System]:
    made = {"htcondor": System(WAITING_NODE), "slurm": System((job("7", "fit", JobState.WAITING),))}
    monkeypatch.setattr(backends, "driver", made.__getitem__)
    return made


@pytest.fixture
def run(tmp_path: Path, systems: dict[str, System]) -> Path:
    """A submitted run of one step, which Slurm runs."""
    del systems
    step = {"name": "fit", "label": "fit", "folder": "fit", "origin": "reana.yaml:1", "rows": 1, "chunk_size": 1}
    step |= {"needs": [], "outputs": [], "backend": "slurm", "bundle": 10}
    manifest = {"backend": "htcondor", "outputs": {"files": [], "directories": []}, "steps": [step]}
    directory = tmp_path / "mixed.1"
    for name in ("batch", "state/fit", "logs/fit", "workspace"):
        (directory / name).mkdir(parents=True)
    (directory / "batch/manifest.json").write_text(json.dumps(manifest), "utf-8")
    run_json.note(directory, submitted=1, ids=["1"])
    return directory


def codes(refused: Refused) -> list[str]:
    return [fault.code for fault in refused.diagnostics.errors]


def test_delegated_steps(run: Path) -> None:
    assert Run(run).guests == {"slurm": {"fit"}}


def test_node_that_waits_for_a_job_in_the_queue_runs_nothing(run: Path, systems: dict[str, System]) -> None:
    assert status.status(run).state == "queued"
    systems["slurm"].jobs = (job("7", "fit", JobState.RUNNING),)
    assert status.status(run).state == "running"
    systems["slurm"].jobs = (job("7", "fit", JobState.HELD, "its partition is down"),)
    assert [held.reason for held in status.status(run).queue.held] == ["its partition is down"]


@pytest.mark.parametrize("fault", ["missing-tool", "scheduler"])
def test_status_needs_the_system_of_the_dag_alone(run: Path, systems: dict[str, System], fault: str) -> None:
    systems["slurm"].fault = fault
    assert status.status(run).state == "running"
    systems["htcondor"].fault = fault
    current = status.status(run)
    assert (current.state, current.silence and codes(current.silence)) == ("unknown", [fault])


def test_stop_cancels_on_both(run: Path, systems: dict[str, System]) -> None:
    ending.stop(run)
    assert {name: system.cancelled for name, system in systems.items()} == {"htcondor": ["1"], "slurm": ["mixed.1"]}
    assert status.status(run).state == "stopped"


@pytest.mark.parametrize(("fault", "told"), [("missing-tool", False), ("scheduler", True)])
def test_stop_tells_of_jobs_that_may_go_on(run: Path, systems: dict[str, System], fault: str, told: bool) -> None:
    systems["slurm"].fault = fault
    if told:
        with pytest.raises(Refused) as refused:
            ending.stop(run)
        assert codes(refused.value) == ["scheduler"]
    else:
        ending.stop(run)
    assert systems["htcondor"].cancelled == ["1"]
    assert status.status(run).state == "stopped"


def test_held_jobs_are_released_where_they_are(run: Path, systems: dict[str, System]) -> None:
    assert submission.release(run) == []
    systems["slurm"].jobs = (job("2", "fit", JobState.HELD, "held by its owner"),)
    assert submission.release(run) == systems["slurm"].released == ["2"]
    assert systems["htcondor"].released == []
    systems["slurm"].jobs = ()
    systems["htcondor"].jobs = (job("3.0", "fit", JobState.HELD, "held by hand"),)
    assert submission.release(run) == systems["htcondor"].released == ["3.0"]
    assert systems["slurm"].released == ["2"]


def test_restart_waits_for_jobs_that_are_still_ending(run: Path, systems: dict[str, System]) -> None:
    run_json.note(run, stopped=2)
    systems["htcondor"].jobs = ()
    systems["slurm"].jobs = (job("7", "fit", JobState.ENDING),)
    assert status.status(run).state == "stopped"
    with pytest.raises(Refused) as refused:
        deletion.check_ended(run)
    assert codes(refused.value) == ["run-state"]
    systems["slurm"].jobs = (job("7", "fit", JobState.ENDED, "it was cancelled"),)
    deletion.check_ended(run)


def test_held_dagman_is_named(run: Path, systems: dict[str, System]) -> None:
    systems["htcondor"].jobs = (job("1.0", "", JobState.HELD, "held by hand"),)
    told = hindrances(status.status(run)).values()
    assert [*told] == ["==> WARNING: DAGMan (1.0) does not go on: held by hand."]


# --- jobs that outlive their run, and a batch system that refuses ---------------------------------


@pytest.fixture
def stopped(run: Path, systems: dict[str, System], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped, without jobs."""
    monkeypatch.setattr(backends, "left_behind", lambda: ("no-such-file",))
    run_json.note(run, stopped=2)
    for system in systems.values():
        system.jobs = ()
    return run


def test_jobs_of_an_ended_run_are_cancelled_where_they_are(
    stopped: Path, systems: dict[str, System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    systems["slurm"].jobs = (job("7", "fit", JobState.WAITING),)
    ending.leave_queue(Run(stopped))
    assert (systems["htcondor"].cancelled, systems["slurm"].cancelled) == ([], ["1"])


def test_jobs_that_do_not_end_are_not_waited_for_without_end(
    stopped: Path, systems: dict[str, System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "LINGERING", -1)
    systems["slurm"].jobs = (job("7", "fit", JobState.ENDING),)
    with pytest.raises(Refused, match=r"Jobs of mixed\.1 are still ending; try again later\."):
        ending.leave_queue(Run(stopped))


def test_jobs_of_a_stopped_restart_keep_the_workspace(stopped: Path, systems: dict[str, System]) -> None:
    new, _, _ = restart.restart(stopped, lambda _new: None)
    run_json.note(new, submitted=3, ids=["2"], stopped=4)
    systems["htcondor"].jobs = (job("2.0", "", JobState.ENDING),)
    assert status.status(new).state == "stopped"
    with pytest.raises(Refused, match=r"Jobs of mixed\.1\.1 are still ending, in the workspace of mixed\.1\."):
        deletion.check_ended(stopped)


@pytest.mark.parametrize(("fault", "is_kept"), [("", False), ("scheduler", True)])
def test_a_refused_restart_is_kept_only_if_it_may_have_been_accepted(
    stopped: Path, systems: dict[str, System], fault: str, is_kept: bool
) -> None:
    def start(_new: Run) -> None:
        systems["htcondor"].fault = fault
        raise refuse("scheduler", "no")

    with pytest.raises(Refused) as refused:
        restart.restart(stopped, start)
    assert codes(refused.value) == ["scheduler"]
    names = ["mixed.1", "mixed.1.1"] if is_kept else ["mixed.1"]
    assert sorted(path.name for path in stopped.parent.iterdir()) == names
    assert (stopped / "workspace").is_dir()
