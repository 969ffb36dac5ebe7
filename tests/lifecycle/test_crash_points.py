"""Each command is killed at each of its steps: nothing is lost or done twice, and all commands work after that.

The runs use make, whose jobs continue after the command that started them is killed.
"""

from __future__ import annotations

import itertools
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.golden.forked import Forked

from .conftest import ENDLESS, Desk, environment, records, serial, until

# Each step adds a line each time that it succeeds.
FINE = serial("echo 1 >> ../../ends.txt", "echo 2 >> ../../ends.txt", outputs={"files": []})
FAILING = serial("echo 1 >> ../../ends.txt", "test -e go && echo 2 >> ../../ends.txt")
GOING = serial("echo 1 >> ../../ends.txt", ENDLESS, "echo 2 >> ../../ends.txt")

Scene = Callable[[Desk], None]


def failed(desk: Desk) -> None:
    desk.write("reana.yaml", FAILING)
    desk.run(exits=1)
    desk.write("runs/test.1/workspace/go", "")


def finished(desk: Desk) -> None:
    desk.write("reana.yaml", FINE)
    desk.run()


def new(desk: Desk) -> None:
    desk.write("reana.yaml", FINE)


def going(desk: Desk) -> None:
    desk.write("reana.yaml", GOING)
    desk.start("run", "-w", "test", "-j", "2")
    until(lambda: records(desk.path / "runs/test.1", "started") == ["s1/0", "s2/0"])


def once(path: Path, forked: Forked, scene: Scene) -> Scene:
    """Make a scene, and return one that copies it. No process of it may be left."""
    original = Desk(path / "original", forked)
    original.path.mkdir()
    scene(original)

    def copied(desk: Desk) -> None:
        shutil.copytree(original.path, desk.path, dirs_exist_ok=True)

    return copied


def crashes(path: Path, forked: Forked, scene: Scene, *words: str, every: int = 1) -> Iterator[tuple[int, Desk]]:
    """Yield desks on which a command was killed at its first, second, ... step. On the last one it was not killed.

    With ``every``, steps in between are left out.
    """
    for number in itertools.count(1, every):
        desk = Desk(path / str(number), forked)
        desk.path.mkdir()
        scene(desk)
        done = forked.run(list(words), desk.path, environment(CRASH_AT=str(number)))
        assert "Traceback" not in done.stderr, done.stderr
        assert done.code in (0, -signal.SIGKILL), done.stderr
        yield number, desk
        desk.close()
        if done.code == 0:
            assert number > 1
            return


def last(desk: Desk) -> str | None:
    """Return the name of the newest run, or None. Check that no run is incomplete."""
    names = [run["name"] for run in desk.json("list")["runs"]]
    return max(names, key=len) if names else None


def carry_on(desk: Desk, name: str | None = None) -> None:
    """Bring a run, or the newest one, to its end with the command that fits its state."""
    name = name or last(desk)
    if name is None:
        desk("run", "-w", "test")
        return
    state = desk.state(name)
    if state in ("queued", "running"):
        desk.json("wait", "-w", name)
    elif state == "created":
        desk("delete", "-w", name)
        desk("run", "-w", "test")
    elif state in ("failed", "stopped"):
        desk("resume", "-w", name)


def ends(desk: Desk) -> list[str]:
    return desk.read("runs/ends.txt").split()


def changed(desk: Desk) -> None:
    """A finished run, then a changed input of its last step, which fails unless a former input is gone."""
    commands = ("echo 1 >> ../../ends.txt", "bash second.sh")
    desk.write("second.sh", "test -e old.txt && echo 2 >> ../../ends.txt\n")
    desk.write("old.txt", "")
    desk.write("reana.yaml", serial(*commands, inputs={"files": ["second.sh", "old.txt"]}))
    desk.run()
    desk.write("second.sh", "test ! -e old.txt && echo changed >> ../../ends.txt\n")
    desk.write("reana.yaml", serial(*commands, inputs={"files": ["second.sh"]}))


AGAIN = [("restart", "-w", "test", "-f", "reana.yaml"), ("run", "-w", "test", "--reuse", "test.1")]


@pytest.mark.parametrize("words", AGAIN, ids=["restart", "reuse"])
def test_what_takes_over_jobs(words: tuple[str, ...], tmp_path: Path, forked: Forked) -> None:
    made = once(tmp_path, forked, changed)
    for number, desk in crashes(tmp_path, forked, made, *words, every=5):
        name = max((run["name"] for run in desk.json("list")["runs"]), key=lambda name: name.split("."))
        if name == "test.1":  # nothing has happened yet
            assert desk.read("runs/test.1/workspace/second.sh") != desk.read("second.sh"), number
            assert (desk.path / "runs/test.1/workspace/old.txt").exists(), number
            desk(*words)
        else:
            carry_on(desk, name)
        assert ends(desk) == ["1", "2", "changed"], number


@pytest.mark.parametrize(
    ("scene", "words"),
    [(new, ("run", "-w", "test")), (failed, ("resume", "-w", "test")), (failed, ("restart", "-w", "test"))],
)
def test_what_starts_a_run(scene: Scene, words: tuple[str, ...], tmp_path: Path, forked: Forked) -> None:
    for number, desk in crashes(tmp_path, forked, once(tmp_path, forked, scene), *words):
        carry_on(desk)
        newest = max(desk.json("list")["runs"], key=lambda run: len(run["name"]))
        assert newest["status"] == "finished", number
        assert ends(desk) == ["1", "2"], number


def test_stop(tmp_path: Path, forked: Forked) -> None:
    for number, desk in crashes(tmp_path, forked, going, "stop", "-w", "test"):
        if desk.state("test") == "running":
            desk("stop", "-w", "test")
        assert desk.state("test") in ("stopped", "failed"), number
        desk.write("runs/test.1/workspace/go", "")
        desk("resume", "-w", "test")
        assert desk.state("test") == "finished", number
        assert ends(desk) == ["1", "2"], number


def test_delete(tmp_path: Path, forked: Forked) -> None:
    for number, desk in crashes(tmp_path, forked, once(tmp_path, forked, finished), "delete", "-w", "test"):
        if last(desk):
            assert desk.state("test") == "finished", number
            desk("delete", "-w", "test")
        assert last(desk) is None
        desk("run", "-w", "test")


def test_compile_over_a_run(tmp_path: Path, forked: Forked) -> None:
    def compiled(desk: Desk) -> None:
        desk.write("reana.yaml", FINE)
        desk("compile", "-o", "runs/made")
        desk.write("reana.yaml", FAILING)

    for number, desk in crashes(
        tmp_path, forked, once(tmp_path, forked, compiled), "compile", "-o", "runs/made", "--force"
    ):
        desk("compile", "-o", "runs/made", "--force")
        assert desk.state("./runs/made") == "created", number
        assert "go" in desk.read("runs/made/batch/steps/s2/command.1"), number
