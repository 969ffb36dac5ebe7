"""Files in folders in which other users may write."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from reana_batch import backends, files
from reana_batch.lifecycle import submission
from reana_batch.run import run_json
from reana_batch.run.parts import Run
from reana_batch.run.queue import Trace

MANIFEST = '{"backend": "slurm", "outputs": {"files": [], "directories": []}, "steps": []}'


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


def test_a_file_is_written_in_the_place_of_a_link(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "file").symlink_to(victim)
    files.write_whole(tmp_path / "file", b"new")
    assert (victim.read_text(), (tmp_path / "file").read_text()) == ("precious", "new")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "victim"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        files.write_whole(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_run_that_is_submitted_again_holds_no_links(
    tmp_path: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    for folder in ("batch", "state/s/0", "logs", "workspace"):
        (run / folder).mkdir(parents=True)
    (run / "batch/manifest.json").write_text(MANIFEST)
    for name in ("state/slurm.jobs", "state/s/0/1.started", "logs/finaliser.out", "batch/workflow.dag.rescue001"):
        (run / name).symlink_to(victim)
    for name in ("state/run.json", "state/t"):
        (run / name).symlink_to(tmp_path)
    (run / "workspace/link").symlink_to(victim)
    (run / "state/run.json").unlink()

    def submit(submitted: Run, place: dict[str, str]) -> list[str]:
        del place
        for name in ("state/slurm.jobs", "logs/finaliser.out"):
            (submitted.directory / name).write_text("new")
        return ["1"]

    system = SimpleNamespace(submit=submit, place=lambda *_: {}, trace=lambda _: Trace.NONE)
    monkeypatch.setattr(backends, "driver", lambda _: system)
    submission.submit_run(Run(run))
    assert victim.read_text() == "precious"
    assert [path for path in run.rglob("*") if path.is_symlink()] == [run / "workspace/link"]


def test_records_are_not_written_through_links(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/run.json").symlink_to(victim)
    victim.write_text("{}")
    run_json.note(tmp_path, created=1)
    assert victim.read_text() == "{}"
    assert run_json.read_record(tmp_path) == run_json.RunRecord(created=1)


def test_an_open_that_follows_no_link_waits_for_no_fifo(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "link").symlink_to(victim)
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "fifo"):
        with pytest.raises(OSError, match=r"link|device"), open(tmp_path / name, "wb", opener=files.no_follow):
            pass
    assert victim.read_text() == "precious"


def test_a_walk_in_a_directory_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(files.walk(tmp_path, "none"))


def test_an_error_of_the_system_names_the_file_or_keeps_the_name_that_it_has() -> None:
    for named, told in ((False, "b"), (True, "a")):
        with pytest.raises(FileNotFoundError) as caught, files.naming(Path("b"), named=named):
            raise FileNotFoundError(2, "No such file", "a")
        assert caught.value.filename == told
