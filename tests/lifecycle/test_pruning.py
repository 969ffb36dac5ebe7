"""Pruning of a workspace: what stays, what links lead to, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

from .conftest import Desk, said, serial

MADE = """
mkdir -p work/deep out final; echo big > work/deep/a; echo b > work/b; echo c > out/c; echo d > work/d.root
ln -s ../work/d.root final/d.root; ln -s hop final/hop2; ln -s ../work/b final/hop; ln -s out direct; ln -s . here
ln -s ../../../outside final/outside; ln -s ../../../kept work/away; mkfifo work/pipe
"""
OUTPUTS = {"files": ["direct/c", "out/*.txt"], "directories": ["final", "none"]}


def made(desk: Desk) -> Path:
    """Run an analysis whose outputs are links in part. What others keep is next to the runs."""
    desk.write("in.txt", "in\n")
    desk.write("sub/in2.txt", "in\n")
    for name in ("runs/outside", "runs/kept/file"):
        desk.write(name, "precious\n")
    inputs = {"files": ["in.txt"], "directories": ["sub"]}
    desk.write("reana.yaml", serial(MADE.strip().replace("\n", "; "), inputs=inputs, outputs=OUTPUTS))
    return desk.run() / "workspace"


def left(workspace: Path) -> list[str]:
    """Return the paths of all files, links and empty folders."""
    found = []
    for folder, folders, files in os.walk(workspace):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        found += [os.path.relpath(Path(folder) / name, workspace) for name in (*files, *links)]
        found += [] if folders or files else [f"{os.path.relpath(folder, workspace)}/"]
    return sorted(found)


KEPT = ["direct", "final/d.root", "final/hop", "final/hop2", "final/outside", "in.txt", "out/c", "sub/in2.txt"]


def test_what_is_neither_input_nor_output_goes(desk: Desk) -> None:
    workspace = made(desk)
    before = left(workspace)
    planned = desk.json("prune", "-w", "test", "--dry-run")
    assert [each["name"] for each in planned["files"]] == ["here", "work/away", "work/pipe", "work/deep/a"]
    assert left(workspace) == before
    done = desk("prune", "-w", "test")
    assert done.stdout.startswith("==> SUCCESS: test.1 is pruned: 4 files, ")
    assert left(workspace) == sorted([*KEPT, "work/b", "work/d.root"])
    assert desk.json("status", "-w", "test")["missing_outputs"] == ["out/*.txt", "none"]
    assert desk.json("prune", "-w", "test")["files"] == []
    desk("prune", "-w", "test", "--include-inputs", "--include-outputs")
    assert left(workspace) == ["./"]
    # No link was followed out of the workspace.
    assert (desk.read("runs/outside"), desk.read("runs/kept/file")) == ("precious\n", "precious\n")


def test_folders_that_become_empty_go(desk: Desk) -> None:
    desk.write("reana.yaml", serial("mkdir -p a/b d/y; touch a/b/x"))
    workspace = desk.run() / "workspace"
    assert desk.json("prune", "-w", "test")["files"] == [{"name": "a/b/x", "size": 0}]
    assert left(workspace) == ["d/y/"], "folders that were empty before stay"


def test_a_run_that_may_go_on_keeps_its_files(desk: Desk, running: Path) -> None:
    stopping = "hint: reana-batch stop -w runs/test.1"
    said(desk("prune", "-w", "test", exits=3), "error: test.1 is running; stop it first. [run-state]", stopping)
    desk("stop", "-w", "test")
    for words in (("--dry-run",), ()):
        said(
            desk("prune", "-w", "test", *words, exits=3),
            "error: test.1 is stopped; without the files that its jobs made, it cannot be resumed. [run-state]",
            "hint: if it will not be resumed: --force.",
        )
    assert (running / "workspace/starts.txt").exists()
    desk("prune", "-w", "test", "--force")
    assert left(running / "workspace") == ["./"]


def test_a_restart_that_may_go_on_keeps_the_files_of_its_original(desk: Desk) -> None:
    desk.write("reana.yaml", serial("touch made"))
    run = desk.run()
    desk("restart", "-w", "test")
    (desk.path / "runs/test.1.1/state/s1/0.done").rename(desk.path / "runs/test.1.1/state/s1/0.failed")
    assert "test.1.1 is failed; without" in desk("prune", "-w", "test.1", exits=3).stderr
    assert (run / "workspace/made").exists()
    desk("prune", "-w", "test.1.1", "--force")
    assert left(run / "workspace") == ["./"]


def test_what_a_restart_with_another_analysis_has_stays(desk: Desk) -> None:
    desk.write("reana.yaml", serial("touch made more other", outputs={"files": ["made"]}))
    run = desk.run()
    desk.write("in.txt", "in\n")
    desk.write("reana.yaml", serial("touch made more other", inputs={"files": ["in.txt"]}, outputs={"files": ["more"]}))
    desk("restart", "-w", "test", "-f", "reana.yaml")
    for name in ("test.1", "test.1.1"):
        desk("prune", "-w", name)
        assert left(run / "workspace") == ["in.txt", "made", "more"], name
