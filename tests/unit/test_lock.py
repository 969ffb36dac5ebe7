"""The lock of a run, and the processes that want it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from reana_batch.diagnostics import Refused
from reana_batch.run import lock
from reana_batch.run.lock import LOCK, locked

# Counts up in a file. If two do so at once, counts are lost.
COUNTING = """
import pathlib, sys
from reana_batch.run import lock
from reana_batch.run.lock import locked
lock._MOMENT = 0.1
run = pathlib.Path(sys.argv[1])
for _ in range(20):
    with locked(run):
        count = int((run / "count").read_text())
        (run / "count").write_text(str(count + 1))
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a record, so that its folder of records is not empty."""
    for name in ("batch/manifest.json", "state/run.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    return tmp_path


def leave(run: Path, *, pid: int, host: str) -> None:
    (run / LOCK).write_text(f"{pid}\n{host}\n", "utf-8")


def gone() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_one_at_a_time_also_behind_one_that_died(run: Path) -> None:
    (run / "count").write_text("0")
    leave(run, pid=gone(), host=os.uname().nodename)
    counting = [subprocess.Popen([sys.executable, "-c", COUNTING, str(run)]) for _ in range(4)]
    assert [process.wait() for process in counting] == [0, 0, 0, 0]
    assert (run / "count").read_text() == "80"
    assert [path.name for path in (run / LOCK).parent.iterdir()] == ["run.json"]


def test_it_is_given_back_after_a_fault(run: Path) -> None:
    with pytest.raises(KeyError), locked(run):
        raise KeyError
    assert not (run / LOCK).exists()


@pytest.mark.parametrize("host", ["here", "elsewhere"])
def test_what_may_still_be_at_work_is_not_taken_from(run: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 0)
    if host == "here":
        leave(run, pid=os.getpid(), host=os.uname().nodename)
    else:
        leave(run, pid=gone(), host="elsewhere")
    with pytest.raises(Refused) as refused, locked(run):
        pass
    [fault] = refused.value.diagnostics.errors
    assert fault.hint == f"if there is none any more, delete {run / LOCK}."


def test_an_empty_lock_is_replaced(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is killed after it makes its lock and before it writes its number leaves an empty lock."""
    monkeypatch.setattr(lock, "_MOMENT", 0.1)
    (run / "count").write_text("0")
    (run / LOCK).touch()
    counting = [subprocess.Popen([sys.executable, "-c", COUNTING, str(run)]) for _ in range(3)]
    with locked(run):
        assert (run / LOCK).read_text().startswith(f"{os.getpid()}\n")
    assert [process.wait() for process in counting] == [0, 0, 0]
    assert (run / "count").read_text() == "60"
    assert [path.name for path in (run / LOCK).parent.iterdir()] == ["run.json"]


def test_one_that_is_just_being_written_is_not_taken_from(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 0)
    monkeypatch.setattr(lock, "_MOMENT", 0.1)
    (run / LOCK).touch()

    empty, looks = lock._empty, iter((False, True))

    def look(path: Path) -> object:
        if next(looks):
            leave(run, pid=os.getpid(), host=os.uname().nodename)
        return empty(path)

    monkeypatch.setattr(lock, "_empty", look)
    with pytest.raises(Refused), locked(run):
        pass
    assert (run / LOCK).read_text().startswith(f"{os.getpid()}\n")


def test_an_empty_lock_that_is_given_back_is_not_written_to(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run / LOCK).touch()
    looks: list[Path] = []

    def look(path: Path) -> tuple[int, int]:
        looks.append(path)
        path.unlink()
        return 1, 1

    monkeypatch.setattr(lock, "_empty", look)
    with locked(run):
        assert (run / LOCK).read_text().startswith(f"{os.getpid()}\n")
    assert looks == [run / LOCK]


def test_a_run_that_was_deleted_meanwhile_does_not_come_back(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquire = filelock.SoftFileLock.acquire

    def late(lock: filelock.SoftFileLock) -> object:
        shutil.rmtree(run)
        return acquire(lock)

    monkeypatch.setattr(filelock.SoftFileLock, "acquire", late)
    with pytest.raises(Refused, match="There is no run in"), locked(run):
        pass
    assert not run.exists()


def test_a_directory_that_is_gone_is_not_made(run: Path) -> None:
    shutil.rmtree(run)
    with pytest.raises(Refused, match="There is no run in"), locked(run):
        pass
    assert not run.exists()
