"""What the files of a run become if others write, delete or damage them meanwhile."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from reana_batch import files
from reana_batch.diagnostics import Refused
from reana_batch.lifecycle import creation, deletion, expansion
from reana_batch.run import logs, names, workspace
from reana_batch.run.failures import failures
from reana_batch.run.logs import JobLog
from reana_batch.run.parts import Run
from tests.lifecycle import flows


def test_a_run_that_another_command_makes_first_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    flows.write_run(run, flows.scatter("first", "true"))
    monkeypatch.setattr(creation, "_check_directory", lambda *_: None)  # it looked before the other command was done
    with pytest.raises(Refused, match="Another command has just made a run in "):
        flows.write_run(run, flows.scatter("second", "true"))
    assert [step.name for step in Run(run).manifest.steps] == ["first"]


def test_a_run_is_deleted_although_its_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    flows.write_run(run, flows.scatter("first", "true"))
    delete = shutil.rmtree

    def fail_at_the_end(path: Path) -> None:
        if path.parent != tmp_path:
            return delete(path)
        delete(path / "batch")
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))

    monkeypatch.setattr(shutil, "rmtree", fail_at_the_end)
    with pytest.raises(Refused) as refused:
        deletion.delete(run)
    [fault] = refused.value.diagnostics.errors
    [left] = tmp_path.iterdir()
    assert fault.hint == f"the run is deleted; only {left} is left."


def test_an_expansion_that_was_compiled_meanwhile_stays(tmp_path: Path) -> None:
    part = tmp_path / "expansions/part"
    part.mkdir(parents=True)
    for name in ("first", "second"):
        expansion._write_expansion(flows.compiled(flows.scatter(name, "true")), part)
    assert [step.name for step in Run(part).manifest.steps] == ["first"]
    assert [*part.parent.iterdir()] == [part]


def test_an_expansion_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "expansions").touch()
    with pytest.raises(Refused) as refused:
        expansion._write_expansion(flows.compiled(flows.scatter("first", "true")), tmp_path / "expansions/part")
    [fault] = refused.value.diagnostics.errors
    assert fault.code == "cannot-write"
    assert f"{tmp_path}/expansions" in fault.message


def test_a_number_that_another_command_takes_meanwhile_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Path.iterdir

    def look_too_early(folder: Path) -> Iterator[Path]:
        found = [*look(folder)]
        (folder / "test.1").mkdir()
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", look_too_early)
    assert names.new_run(tmp_path, "test") == tmp_path / "test.2"


def test_a_file_that_cannot_be_read_to_its_end_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workspace").mkdir()
    for name in ("bad", "good"):
        (tmp_path / "workspace" / name).write_text(name)
    read = files._read

    def fail(source: BinaryIO, origin: Path) -> bytes:
        if origin.name == "bad":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(origin))
        return read(source, origin)

    monkeypatch.setattr(files, "_read", fail)
    found = workspace.download(tmp_path, "*", tmp_path / "to")
    assert (found.copied, found.faults) == (("good",), ("bad: Input/output error",))
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["good"]


def test_printed_files_keep_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    content = bytes(range(256)) + "é".encode()
    for name in ("odd", "even"):
        (tmp_path / "workspace" / name).write_bytes(content[name == "even" :])
    found = workspace.download(tmp_path, "*", None)
    assert found.paths == ("even", "odd")
    printed = "".join(workspace.texts(tmp_path, found.paths))
    assert printed.encode("utf-8", "surrogateescape") == content[1:] + content


def test_logs_are_followed_more_often_than_the_state_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PAUSE", 0)
    monkeypatch.setattr(logs, "_SHARE", 0)
    out, err = tmp_path / "0.out", tmp_path / "0.err"
    states = iter(["running", "running", "running", "finished"])
    looks = 0

    def find() -> list[JobLog]:
        nonlocal looks
        with out.open("a") as log:
            log.write(f"{looks}\n")
        looks += 1
        return [JobLog("s", "s", "r:1", 0, 1, out, err, "")]

    said = "".join(logs.follow(find, lambda: next(states)))
    assert [line for line in said.splitlines() if line.isdecimal()] == [str(number) for number in range(8)]
    assert not err.exists()


def test_a_command_that_fails_to_transfer_data_is_a_fault_of_the_data(tmp_path: Path) -> None:
    step = {"name": "get", "label": "get", "folder": "get", "origin": "r:1", "rows": 2, "chunk_size": 2}
    step |= {"needs": [], "outputs": [], "row_origins": ["r:2", "r:3"]}
    manifest = {"backend": "make", "outputs": {"files": [], "directories": []}, "steps": [step]}
    for name in ("batch", "state/get"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "batch/manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "state/get/0.failed").write_text("reason=command\nexit_code=1\n")
    # A chunk that was ended after one of its rows failed has this failure only.
    [failure] = failures(Run(tmp_path), {("get", 0): "its node failed"})
    assert (failure.row, failure.reason, failure.exit_code) == (0, "data", 1)
