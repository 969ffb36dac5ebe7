"""A really full disk, and a part of a run that cannot be deleted, on a small file system made for the tests.

No file system produces a stale handle on demand, so Python raises that error before it calls the system.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.golden.forked import Ended, Forked

from .conftest import Desk, answered, environment, serial

# A mount namespace of its own, so that no mount remains. A user other than root needs a user namespace too.
IS_ROOT = os.geteuid() == 0
APART = ("unshare", "--mount") if IS_ROOT else ("unshare", "--user", "--map-root-user", "--mount")
_MOUNT = 'mount -t tmpfs -o size=2m,mode=700 none "$0" && exec "$@"'
_PAGE, _PAGES = 4096, 512


@dataclass
class Disk:
    """A file system of 2 MB: the command line that sees it, and its folder as seen from outside."""

    forked: Forked
    path: Path
    kept: Path  # outside: the folders of the scenes

    def desk(self, scene: Callable[[Desk], None]) -> Desk:
        """Return a folder with a scene, alone on the disk. Each scene is made once and copied."""
        for old in self.path.iterdir():
            old.unlink() if old.is_file() else shutil.rmtree(old)
        desk, kept = Desk(self.path / "desk", self.forked), self.kept / scene.__name__
        if not kept.exists():
            desk.path.mkdir()
            scene(desk)
            shutil.move(desk.path, kept)
        shutil.copytree(kept, desk.path, symlinks=True)
        return desk

    def fill(self, pages: int) -> None:
        """Fill the disk until this many pages are free."""
        assert os.statvfs(self.path).f_blocks == _PAGES, "this is not the small one"
        with (self.path / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(_PAGE))
            except OSError:
                filler.truncate(max(0, filler.tell() - _PAGE * pages))

    def empty(self) -> None:
        (self.path / "filler").unlink()

    def run(self, *command: str) -> None:
        """Run a command that sees the file system."""
        join = ("nsenter", "--mount", "--target", str(self.forked.pid))
        subprocess.run([*join, *(() if IS_ROOT else ("--user", "--preserve-credentials")), *command], check=True)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """A small file system."""
    folder = tmp_path_factory.mktemp("small")
    tried = subprocess.run([*APART, "sh", "-c", _MOUNT, folder, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    with Forked(*APART, "sh", "-c", _MOUNT, str(folder)) as made:
        made.run(["--version"], folder)  # once it answers, all is mounted
        yield Disk(made, Path(f"/proc/{made.pid}/root{folder}"), tmp_path_factory.mktemp("kept"))


Scene = Callable[[Desk], None]
Check = Callable[[Desk, Ended], None]


def new(desk: Desk) -> None:
    """Write an analysis."""
    desk.write("in.txt", "x" * 9000)
    inputs, outputs = {"files": ["in.txt"]}, {"files": ["a.txt"]}
    desk.write("reana.yaml", serial("cp in.txt a.txt", "[ ! -e ../wait ]", inputs=inputs, outputs=outputs))


def compiled(desk: Desk) -> None:
    """Make a compiled run, and another analysis to replace it."""
    new(desk)
    desk("compile", "-o", "runs/made.1")
    desk.write("reana.yaml", serial("cp in.txt b.txt"))


def failed(desk: Desk) -> None:
    """Make a failed run, and remove the cause of the failure."""
    new(desk)
    desk.write("runs/wait", "")
    text = desk.read("reana.yaml").replace("../wait", "../../wait")
    desk.write("reana.yaml", text)
    desk("run", "-w", "test", exits=1)
    (desk.path / "runs/wait").unlink()


def finished(desk: Desk) -> None:
    new(desk)
    desk("run", "-w", "test")


def nothing_made(desk: Desk, _: Ended) -> None:
    """Check that no part of an unfinished file exists."""
    assert [path for path in desk.path.rglob("*") if path.is_file() and path.name not in ("in.txt", "reana.yaml")] == []


def as_before(desk: Desk, _: Ended) -> None:
    """Check that the earlier run is whole, and that a later command with free space can replace it."""
    assert "a.txt" in desk.read("runs/made.1/batch/steps/s1/command.1")
    assert desk.state("made") == "created"
    desk("compile", "-o", "runs/made.1", "--force")


def goes_on(desk: Desk, _: Ended) -> None:
    """Check that every file is valid, and that the run can end when there is free space."""
    names = [each["name"] for each in desk.json("list")["runs"]]
    assert not list((desk.path / "runs").glob(".*"))
    name = max(names, key=len, default=None)
    state = desk.state(name) if name else ""
    if state in ("created", ""):
        desk("run", "-w", "test")
    elif state == "failed":
        desk("resume", "-w", str(name))
    made = max(Path(desk.path / "runs").glob("*"))
    assert desk.state(made.name) == "finished"
    assert (made / "workspace/a.txt").stat().st_size == 9000


def no_half_files(desk: Desk, _: Ended) -> None:
    assert list(desk.path.glob("to/*")) == []


def can_be_made_again(desk: Desk, _: Ended) -> None:
    desk("inspect", "--format", "dot", "-o", "graph.dot")
    shutil.rmtree(desk.path / "copied", ignore_errors=True)
    desk("samples", "diamond", "copied")


VERBS: dict[tuple[str, ...], tuple[Scene, Check]] = {
    ("compile", "-o", "out"): (new, nothing_made),
    ("compile", "-o", "runs/made.1", "--force"): (compiled, as_before),
    ("run", "-w", "test"): (new, goes_on),
    ("resume", "-w", "test"): (failed, goes_on),
    ("restart", "-w", "test"): (failed, goes_on),
    ("download", "-w", "test", "-o", "to"): (finished, no_half_files),
    ("secrets-add", "--env", "A=b"): (new, nothing_made),
    ("inspect", "--format", "dot", "-o", "graph.dot"): (new, can_be_made_again),
    ("samples", "diamond", "copied"): (new, can_be_made_again),
}


# Numbers of free pages. Few commands need more than the first of them.
ROOM = (*range(3), *range(4, 60, 4))


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_full_disk_is_named_and_nothing_is_lost(disk: Disk, words: tuple[str, ...]) -> None:
    scene, check = VERBS[words]
    for pages in ROOM:
        desk = disk.desk(scene)
        disk.fill(pages)
        done = disk.forked.run(list(words), desk.path, environment(HOME=str(desk.path)))
        disk.empty()
        assert "Traceback" not in done.stderr
        if done.code == 3:
            assert re.search(r"^error: [^:]*(: \S+)?: No space left on device\. \[", done.stderr, re.MULTILINE)
        elif done.code == 1:
            told = done.stderr if words[0] == "download" else done.stdout
            assert re.search(r"disk full|disk of \S+ is full|No space left", told)
        if done.code != 0:
            check(desk, done)
        if done.code == 0:
            assert pages
            return
    raise AssertionError("it never found room")


def is_deleted(desk: Desk, done: Ended) -> None:
    if "the run is deleted; only" not in done.stderr:
        assert desk.state("test") == ("deleted" if "deleted in part" in done.stderr else "finished")
        desk("delete", "-w", "test")
    desk("run", "-w", "test")
    desk("delete", "-w", "test")
    assert list((desk.path / "runs").iterdir()) == []


DELETE = ("delete", "-w", "test")
STALE = {**dict(list(VERBS.items())[1:6]), DELETE: (finished, is_deleted)}


@pytest.mark.parametrize("words", STALE, ids=" ".join)
def test_a_stale_handle_is_named_and_nothing_is_lost(disk: Disk, words: tuple[str, ...]) -> None:
    """The server has lost a file: each call of the command on a path below its folder fails once."""
    scene, check = STALE[words]
    for number in (*range(1, 4), *range(8, 400, 16)):
        desk = disk.desk(scene)
        surroundings = environment(HOME=str(desk.path), FAIL_AT=str(number))
        done = disk.forked.run(list(words), desk.path, surroundings)
        assert "Traceback" not in done.stderr
        if "FAILED AT" not in done.stderr:
            assert number > 1
            return
        if done.code == 3:
            assert re.search(r"^error: .*\S+: Stale file handle\. \[", done.stderr, re.MULTILINE)
        if done.code != 0:
            check(desk, done)
    raise AssertionError("it never came to its end")


def test_a_run_is_deleted_on_a_full_disk(disk: Disk) -> None:
    desk = disk.desk(finished)
    disk.fill(0)
    desk("delete", "-w", "test")
    disk.empty()
    assert list((desk.path / "runs").iterdir()) == []


def test_a_run_that_is_deleted_in_part_says_so(disk: Disk) -> None:
    desk = disk.desk(finished)
    held = desk.path / "runs/test.1/workspace/held"
    held.mkdir()
    inside = str(held).removeprefix(f"/proc/{disk.forked.pid}/root")
    disk.run("mount", "-t", "tmpfs", "-o", "size=4k", "none", inside)
    done = desk("delete", "-w", "test", exits=3)
    assert "Device or resource busy. [cannot-write]" in done.stderr
    assert "hint: test.1 is deleted in part; when the cause is gone, delete the rest: " in done.stderr
    assert (desk.state("test"), desk.json("list")["runs"][0]["status"]) == ("deleted", "deleted")
    answered(desk("status", "-w", "test"), "==> ERROR: test.1 has been deleted in part.")
    for words in (("resume",), ("restart",), ("stop",)):
        assert "test.1 is deleted; only a" in desk(*words, "-w", "test", exits=3).stderr
    assert "deleted in part" in desk("wait", "-w", "test", exits=1).stdout
    disk.run("umount", inside)
    desk("delete", "-w", "test")
    assert list((desk.path / "runs").iterdir()) == []
