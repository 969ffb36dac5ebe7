"""Lists of some runs, and the deletion of several at once."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from reana_batch import Run

from .conftest import Desk, answered, said, serial

DAY = 86400


def aged(desk: Desk, name: str, days: int) -> None:
    """Let a run have been made some days ago."""
    path = desk.path / f"runs/{name}/state/run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"created": time.time() - days * DAY}))


@pytest.fixture
def several(desk: Desk) -> Desk:
    """Runs fit.1, fit.1.1, fit.2 and plot.1, which has failed. Each is older than the next one."""
    desk.write("reana.yaml", serial("echo > out.txt"))
    desk.run("fit")
    desk("restart", "-w", "fit")
    desk.run("fit")
    desk.write("reana.yaml", serial("false"))
    desk.run("plot", exits=1)
    for name, days in (("fit.1", 40), ("fit.1.1", 31), ("fit.2", 29), ("plot.1", 0)):
        aged(desk, name, days)
    return desk


def names(desk: Desk, *options: str) -> list[str]:
    """Return the names of the runs that ``list`` shows."""
    return [str(each["name"]) for each in desk.json("list", *options)["runs"]]


def test_the_list_has_the_chosen_runs(several: Desk) -> None:
    assert names(several) == ["plot.1", "fit.2", "fit.1.1", "fit.1"]
    assert names(several, "--filter", "status=failed") == ["plot.1"]
    assert names(several, "--filter", "status=failed", "--filter", "status=finished", "--filter", "name=FI") == [
        *("fit.2", "fit.1.1", "fit.1")
    ]
    assert names(several, "--older-than", "30d") == ["fit.1.1", "fit.1"]
    assert names(several, "--older-than", "30d", "--filter", "status=failed") == []
    assert names(several, "-w", "fit.2", "-w", "plot") == ["plot.1", "fit.2"]
    assert names(several, "--sort", "RUN_NUMBER", "-w", "fit") == ["fit.2", "fit.1.1", "fit.1"]
    assert names(several, "--format", "status=failed,name") == ["plot.1"]
    shown = several("list", "--format", "run_number,name=fit", "--format", "progress").stdout
    assert shown == "RUN_NUMBER\tNAME\tPROGRESS\n2\tfit\t1/1\n1.1\tfit\t1/1\n1\tfit\t1/1\n"


def test_the_list_has_more_columns(several: Desk) -> None:
    header, row = (line.split("\t") for line in several("list", "-w", "plot", "-v").stdout.splitlines())
    assert header[:6] == several("list").stdout.splitlines()[0].split("\t")
    cells = dict(zip(header, row, strict=True))
    assert cells["ENDED"] >= cells["STARTED"] > "2020"
    assert cells["DIRECTORY"] == "runs/plot.1"
    assert int(cells["SIZE"]) > 1024
    readable = several("list", "-w", "plot", "-h", "--include-workspace-size", "--include-duration").stdout
    assert readable.splitlines()[0].endswith("\tDURATION\tSIZE")
    assert readable.endswith(" KiB\n")


def test_what_takes_long_is_read_once_and_only_where_it_is_shown(several: Desk) -> None:
    run = several.path / "runs/fit.2"
    current = Run(run).status()
    before = current.span, current.size
    (run / "state/s1/0.done").unlink()
    os.mkfifo(run / "state/s1/0.done")  # which cannot be read
    shutil.rmtree(run / "logs")
    assert (current.span, current.size) == before
    several("list", "-v", exits=3)
    several("list", "--json", exits=3)
    assert len(several("list").stdout.splitlines()) == 5
    assert several.json("delete", "fit.2", "--dry-run")["runs"][0]["size"] < current.size


def test_a_damaged_session_does_not_hide_the_others(several: Desk) -> None:
    known = {"kind": "jupyter", "backend": "make", "asked": time.time() - 5430, "seconds": 7200, "job": "elsewhere:7:1"}
    several.write("runs/fit.1/sessions/jupyter/session.json", json.dumps(known))
    several.write("runs/fit.2/sessions/jupyter/session.json", "{")
    listed = several("list", "--sessions", exits=3)
    answered(listed, "fit\t1\tjupyter\tunknown\t-\t1 h 30 min\t2 h")
    told = ("error: The session of fit.1 is on elsewhere. [scheduler]", "session.json is damaged")
    assert all(text in listed.stderr for text in told), "also why a machine did not answer"
    several.write("runs/plot.1/batch/manifest.json", "{")
    answer = several.json("list", "--sessions", "--filter", "name=fit", exits=3)
    assert [each["name"] for each in answer["sessions"]] == ["fit.1"]
    assert len(answer["diagnostics"]) == 2
    folder = "runs/fit.2/sessions/jupyter"
    said(
        several("delete", "fit.2", exits=3), f"hint: if its job still runs, cancel it; then delete the folder {folder}."
    )
    shutil.rmtree(several.path / folder)
    several("delete", "fit.2")


def test_several_runs_are_deleted(several: Desk) -> None:
    dry = several("delete", "--older-than", "30d", "--dry-run")
    assert [line.split("\t")[:2] for line in dry.stdout.splitlines()[1:]] == [["fit", "1.1"], ["fit", "1"]]
    said(dry, "Nothing was deleted.")
    assert len(names(several)) == 4
    answered(several("delete", "--filter", "name=none", "--older-than", "1h"), "==> No run fits.")
    # A variable names a run for commands without a choice alone: list and delete mean the same runs.
    done = several("delete", "--older-than", "30d", env={"REANA_WORKON": "plot"})
    answered(done, "==> SUCCESS: fit.1.1 has been deleted.", "==> SUCCESS: fit.1 has been deleted.")
    answer = several.json("delete", "plot", "-w", "fit.2")
    assert answer["runs"] == [{"name": name, "status": "deleted"} for name in ("plot.1", "fit.2")]
    assert list((several.path / "runs").iterdir()) == []


def test_all_runs_of_a_name_are_deleted(several: Desk) -> None:
    several("delete", "--include-workspace", "--include-all-runs", env={"REANA_WORKON": "fit.2"})
    assert names(several) == ["plot.1"]


def test_none_is_deleted_if_one_cannot_be(several: Desk) -> None:
    done = several("delete", "fit.1", "plot", exits=3)
    said(done, "error: fit.1.1 uses the workspace of fit.1. [run-state]", "==> ERROR: 1 fault.")
    several.write("runs/fit.2/batch/manifest.json", "{")
    assert "manifest.json is damaged" in several("delete", "--older-than", "1h", exits=3).stderr
    assert len(list((several.path / "runs").iterdir())) == 4


def test_a_run_that_is_active_keeps_the_others(desk: Desk, running: Path) -> None:
    desk.write("reana.yaml", serial("true"))
    desk.run("other")
    for options in (("--dry-run",), ()):
        done = desk("delete", "--filter", "backend=make", *options, exits=3)
        said(done, "error: test.1 is running; stop it first. [run-state]")
    assert names(desk) == ["other.1", "test.1"]
    (running / "workspace/go").touch()
