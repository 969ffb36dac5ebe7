"""A fourth back end, made as CONTRIBUTING lists: every command works with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import python_lines
from tests.cli.conftest import PROGRAM
from tests.toy_backend import toy_driver, toy_lowering, toy_settings

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests/toy_backend"
# The first step waits for a file, and the second fails without one.
ANALYSIS = """\
workflow:
  type: serial
  specification:
    steps:
      - {name: wait, environment: 'debian:12', commands: ['echo waiting; until [ -e go ]; do sleep 0.1; done']}
      - {name: end, environment: 'debian:12', commands: ['echo ended >&2; cp good result']}
outputs: {files: [result]}
"""


@dataclass(frozen=True)
class Desk:
    """A directory with the analysis, and the real command with a fourth back end."""

    path: Path

    def __call__(self, *words: str, code: int = 0) -> Any:
        """Return the answer of a command as JSON."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path / "home"),
            "PYTHONPATH": f"{TOY}:{ROOT}",
            "REANA_BATCH_RUNS": str(self.path / "runs"),
            "LC_ALL": "C.UTF-8",
            **python_lines.variables(),
        }
        done = subprocess.run(
            [PROGRAM, *words, "--json"], cwd=self.path, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def make(self, run: str, name: str) -> None:
        """Make a file in the workspace of a run."""
        (self.path / "runs" / run / "workspace" / name).touch()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "home").mkdir()
    (tmp_path / "reana.yaml").write_text(ANALYSIS)
    return Desk(tmp_path)


def test_compile_inspect_and_submit(desk: Desk) -> None:
    assert desk("validate", "-b", "toy")["valid"]
    assert desk("inspect", "-b", "toy")["backend"] == "toy"
    compiled = desk("compile", "-b", "toy", "-o", "made")
    assert (compiled["backend"], compiled["start_command"]) == ("toy", "bash batch/toy.sh")
    for name in ("go", "good"):
        (desk.path / "made/workspace" / name).touch()
    assert len(desk("submit", "made")["ids"]) == 1
    assert desk("wait", "-w", str(desk.path / "made"))["status"] == "finished"


def test_run_stop_resume_restart_and_delete(desk: Desk) -> None:
    assert desk("run", "-b", "toy", "-w", "a")["name"] == "a.1"
    assert desk("status", "-w", "a")["status"] in ("queued", "running")
    desk("delete", "-w", "a", code=3)
    desk("stop", "-w", "a")
    stopped = desk("status", "-w", "a")
    assert (stopped["status"], stopped["backend"]) == ("stopped", "toy")
    desk.make("a.1", "go")
    desk("resume", "-w", "a")
    failed = desk("wait", "-w", "a", code=1)
    assert (failed["status"], failed["first_failure"]["step"]) == ("failed", "end")
    assert "ended" in json.dumps(desk("logs", "-w", "a"))
    desk.make("a.1", "good")
    again = desk("restart", "-w", "a")
    assert (again["name"], again["done"]) == ("a.1.1", 1)
    assert desk("wait", "-w", "a.1.1")["status"] == "finished"
    assert desk("diff", "a.1", "a.1.1")["differences"]["what is run"] == []
    assert desk("compare", "a.1", "a.1.1", code=1)["runs"][1]["backend"] == "toy"
    for run in ("a.1.1", "a.1"):
        desk("delete", "-w", run)
    assert list((desk.path / "runs").glob("a*")) == []


def test_run_can_wait_for_the_jobs_that_it_submits(desk: Desk) -> None:
    (desk.path / "reana.yaml").write_text(ANALYSIS.replace("until [ -e go ]; do sleep 0.1; done", "touch good"))
    ended = desk("run", "-b", "toy", "-w", "a", "--follow", code=0)
    assert (ended["name"], ended["status"]) == ("a.1", "finished")


def test_settings_and_doctor(desk: Desk) -> None:
    (desk.path / ".reana-batch.yaml").write_text("backend: toy\n")
    assert desk("config")["settings"]["backend"] == "toy"
    assert desk("inspect")["backend"] == "toy"
    found = {each["subject"]: each for each in desk("doctor", code=1)["findings"]}
    assert (found["Toy"]["state"], found["Toy"]["cure"]) == ("missing", "build a toy.")
    assert found["Slurm tools"]["state"] != "missing"
    refused = desk("config", "--set", "backend=tin", code=3)
    assert "toy" in json.dumps(refused["diagnostics"])


def test_a_setting_of_its_own(desk: Desk) -> None:
    file = desk.path / ".reana-batch.yaml"
    file.write_text("backend: toy\ntoy: {niceness: 7}\n")
    for command in (("config",), ("sites", "show", "local")):
        assert desk(*command)["settings"]["toy.niceness"] == 7
    shown = desk("config", "--origin", "--set", "toy.niceness=8")
    assert (shown["settings"]["toy.niceness"], shown["origins"]["toy.niceness"]) == (8, "command line")
    desk("compile", "-o", "made")
    assert "nice -n 7 bash" in (desk.path / "made/batch/toy.sh").read_text()
    for text, said in (
        ("niceness: 20", "must be a number from 0 to 19"),
        ("nicenes: 1", '"nicenes" is not known here'),
    ):
        file.write_text(f"toy:\n  {text}\n")
        [fault] = desk("config", code=3)["diagnostics"]
        assert said in fault["message"]
        assert (fault["file"], fault["line"]) == (".reana-batch.yaml", 2)
    file.write_text("backend: toy\n")
    [fault] = desk("config", "--set", "toy.nicness=1", code=3)["diagnostics"]
    assert fault["hint"] == "did you mean toy.niceness?"


def test_contributing_lists_what_the_toy_has() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = re.search(r"\*\*A back end\.\*\*(.*?)\n\n\*\*", text, re.DOTALL)
    assert section is not None
    named = set(re.findall(r"`([^`]+)`", section[1]))
    assert {"BACKENDS", "TARGET", "target(site)", "lower(workflow, site)", "DRIVER", "SETTINGS"} <= named
    made = {name for name in vars(toy_lowering) if name in ("TARGET", "target", "lower")}
    assert made | {name for name in vars(toy_driver) if name == "DRIVER"} == {"TARGET", "target", "lower", "DRIVER"}
    assert toy_settings.SETTINGS is toy_settings.ToySettings
