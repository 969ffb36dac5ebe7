"""The state of a session, from its own record and from its batch system."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from reana_batch.lifecycle import sessions
from reana_batch.run.queue import JobState, QueuedJob
from reana_batch.run.sessions import Session, folder_of, note_session, read_session


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.ENDING, JobState.ENDED])
def test_a_job_that_records_its_end_while_the_queue_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: JobState
) -> None:
    folder = folder_of(tmp_path, "jupyter")
    folder.mkdir(parents=True)
    note_session(Session(folder=folder, kind="jupyter", backend="slurm", asked=1.0, seconds=60, job="7"))
    begun = read_session(tmp_path, "jupyter")
    assert begun is not None

    def query(_folder: Path, job: str, _place: Mapping[str, str]) -> QueuedJob:
        (folder / "record").write_text("state=failed\nreason=jupyter is not installed\n")
        return QueuedJob(job, "", (), state)

    monkeypatch.setattr(sessions, "_jobs", lambda _backend: SimpleNamespace(query=query))
    seen = sessions.look(tmp_path, begun)
    assert (seen.state, seen.reason) == ("failed", "jupyter is not installed")


def test_each_state_and_reason_of_a_session_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(folder=folder_of(tmp_path, "jupyter"), kind="jupyter", backend="slurm", asked=1.0, seconds=60)
    seen = [("waiting", ""), ("waiting", "Priority"), ("starting", "Prolog"), ("starting", ""), ("waiting", "Priority")]
    looks = iter(sessions.SessionStatus(tmp_path, session, *each) for each in (*seen, ("open", "")))
    monkeypatch.setattr(sessions, "look", lambda *_: next(looks))
    monkeypatch.setattr(sessions, "ASK", -1)
    monkeypatch.setattr(sessions, "LOOK", 0)
    told: list[tuple[str, str]] = []
    current = sessions.SessionStatus(tmp_path, session, "waiting")
    ended = sessions.await_session(current, lambda each: told.append((each.state, each.reason)))
    assert (ended.state, told) == ("open", seen[:3])
