"""Talking to a schedd through bindings that are an object of the test. tests/real has the real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from reana_batch.backends.htcondor import schedd, tools
from reana_batch.diagnostics import Refused, render
from reana_batch.run.queue import JobState, QueuedJob, Submission


class Bindings(SimpleNamespace):
    """The bindings of a pool that forwards tickets. The program ``producer`` makes the ticket."""

    def __init__(self, producer: str | None) -> None:
        self.stored: list[bytes] = []
        credd = SimpleNamespace(add_user_cred=lambda _, ticket: self.stored.append(ticket))
        schedd = SimpleNamespace(submit=lambda _: SimpleNamespace(cluster=lambda: 7))
        super().__init__(
            param={"SEC_CREDENTIAL_PRODUCER": producer},
            Submit=SimpleNamespace(from_dag=lambda *_: {"MY.SendCredential": "true"}),
            Schedd=lambda: schedd,
            Credd=lambda: credd,
            CredType=SimpleNamespace(Kerberos="kerberos"),
        )


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    def called(*words: str, tolerate: str = "") -> str:
        raise AssertionError(f"{words} is called{tolerate}")

    monkeypatch.setattr(tools, "tool", called)


@pytest.mark.usefixtures("no_tools")
def test_the_ticket_that_is_forwarded_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bindings = Bindings("echo ticket")
    monkeypatch.setitem(sys.modules, "htcondor2", bindings)
    assert schedd.submit_dag(tmp_path, {}) == "7"
    assert bindings.stored == [b"ticket\n"]


@pytest.mark.parametrize("producer", [None, "CREDENTIAL_ALREADY_STORED"])
@pytest.mark.usefixtures("no_tools")
def test_a_ticket_that_the_site_stores_itself_is_not_asked_for(
    producer: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings = Bindings(producer)
    monkeypatch.setitem(sys.modules, "htcondor2", bindings)
    assert schedd.submit_dag(tmp_path, {}) == "7"
    assert bindings.stored == []


@pytest.mark.usefixtures("no_tools")
def test_jobs_are_released_and_removed_at_the_schedd_of_their_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts: list[tuple[object, ...]] = []
    bindings = SimpleNamespace(
        param={},
        DaemonType=SimpleNamespace(Schedd="schedd"),
        JobAction=SimpleNamespace(Remove="remove", Release="release"),
        Collector=lambda pool: SimpleNamespace(locate=lambda kind, name: (pool, kind, name)),
        Schedd=lambda *where: SimpleNamespace(
            act=lambda *what: acts.append((*where, *what)), edit=lambda *what: acts.append((*where, *what))
        ),
    )
    monkeypatch.setitem(sys.modules, "htcondor2", bindings)
    last = Submission(place={"schedd": "far.cern.ch", "pool": "pool.cern.ch"})
    assert schedd.release(tmp_path, last, [QueuedJob("7.0", "fit", [0], JobState.HELD)]) == ["7.0"]
    schedd.alter(
        tmp_path, last, [QueuedJob(f"{each}.0", "fit", [0], JobState.HELD) for each in (7, 8)], {"memory": 2**30}
    )
    schedd.cancel(tmp_path, last)
    far = ("pool.cern.ch", "schedd", "far.cern.ch")
    assert acts == [
        (far, "release", ["7.0"]),
        (far, "member(ClusterId, {7, 8})", "RequestMemory", "1024"),
        (far, "remove", f'Iwd == "{tmp_path}"'),
    ]


def test_bindings_that_do_not_reach_a_schedd_leave_the_change_to_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locate(_: object, name: object) -> None:
        raise OSError(f"no {name}")

    called: list[tuple[str, ...]] = []
    bindings = SimpleNamespace(
        param={}, DaemonType=SimpleNamespace(Schedd="schedd"), Collector=lambda _: SimpleNamespace(locate=locate)
    )
    monkeypatch.setitem(sys.modules, "htcondor2", bindings)
    monkeypatch.setattr(tools, "tool", lambda *words, **_: called.append(words))
    last = Submission(place={"schedd": "far.cern.ch", "pool": "pool.cern.ch"})
    schedd.alter(tmp_path, last, [QueuedJob("7.0", "fit", [0], JobState.HELD)], {"memory": 2**30})
    assert called == [("condor_qedit", "-constraint", "member(ClusterId, {7})", "RequestMemory", "1024")]


@pytest.mark.parametrize(
    ("producer", "message"),
    [
        ("ls /no/such/ticket", "HTCondor gets no ticket: ls /no/such/ticket says: ls: "),
        ("true", "HTCondor gets no ticket: true says: it gave no reason. [credential]\nhint: run kinit."),
        (
            "/no/such/program",
            "HTCondor gets no ticket: /no/such/program cannot be run: No such file or directory. [credential]\n"
            "hint: HTCondor's SEC_CREDENTIAL_PRODUCER names it.",
        ),
    ],
)
@pytest.mark.usefixtures("no_tools")
def test_a_ticket_that_cannot_be_had_is_refused(
    producer: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "htcondor2", Bindings(producer))
    with pytest.raises(Refused) as refused:
        schedd.submit_dag(tmp_path, {})
    assert message in render(refused.value.diagnostics, {})


@pytest.mark.parametrize("status", [1, 2])
@pytest.mark.parametrize(
    ("starts", "code", "told"),
    [
        (1, 45, "tried once, but its worker could not start it (Error from slot1: no image); HTCondor will try again"),
        (
            3,
            45,
            "tried 3 times, but its worker could not start it (Error from slot1: no image); HTCondor will try again",
        ),
        (1, 1022, ""),
        (
            4,
            1022,
            "started 4 times, and evicted from its worker before it ended (Error from slot1: no image);"
            " if this goes on, stop the run",
        ),
    ],
)
def test_what_is_said_of_a_job_that_left_its_worker(
    starts: int, code: int, told: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {"NumShadowStarts": starts, "VacateReasonCode": code, "VacateReason": "Error from slot1: no image."}
    ad = {"ClusterId": 7, "ProcId": 0, "JobStatus": status, "Iwd": str(tmp_path), "DAGNodeName": "fit.0", **left}
    answering = SimpleNamespace(query=lambda *_: [ad])
    monkeypatch.setitem(sys.modules, "htcondor2", SimpleNamespace(Schedd=lambda: answering))
    (job,) = schedd.query(tmp_path, Submission(place={})).jobs
    assert job.reason == told
