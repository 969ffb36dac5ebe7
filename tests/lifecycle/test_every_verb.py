"""Every verb of the table of commands, with the additions of tests/toy and of tests/toy_backend."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reana_batch.cli.main import COMMANDS
from tests.toy import flows

from .conftest import environment

ROOT = Path(__file__).parents[2]
FEATURE = """\
Feature: The end

    Scenario: It is there
        When the workflow is finished
        Then the workspace should include "result"
"""
TOOL = {
    "cwlVersion": "v1.2",
    "class": "CommandLineTool",
    "baseCommand": "echo",
    "inputs": {"word": {"type": "string", "inputBinding": {}}},
    "outputs": {"said": "stdout"},
    "stdout": "said.txt",
}
# The first step waits for a file, the second fails without one.
WAIT, END = "until [ -e go ]; do sleep 0.1; done", "cp good result"


@dataclass(frozen=True)
class Additions:
    """What is on PYTHONPATH, the options of commands that read the analysis, and what the verbs are to answer."""

    python_path: str
    options: tuple[str, ...]
    type: str
    specification: dict[str, Any]
    backend: str
    expands: bool


SERIAL = {
    "steps": [
        {"name": name, "environment": "debian:12", "commands": [does]} for name, does in (("wait", WAIT), ("end", END))
    ]
}
TOY = {
    "steps": [
        flows.step("wait", WAIT),
        flows.step("end", f'{END} && echo "$(<"$TOKEN_FILE")" >>result', "wait") | {"credentials": ["token"]},
    ],
    "expansions": [flows.expansion("more", "good", "end", steps=[flows.step("copy", "cp result copy")])],
}
ADDITIONS = {
    "back-end": Additions(f"{ROOT}/tests/toy_backend:{ROOT}", ("-b", "toy"), "serial", SERIAL, "toy", expands=False),
    "front-end-and-credential": Additions(str(flows.HERE), (), "toy", TOY, "make", expands=True),
}


@dataclass(frozen=True)
class Story:
    """A folder in which commands are run, and the verbs that were said there."""

    path: Path
    additions: Additions
    verbs: set[str] = field(default_factory=set)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        home = {"HOME": str(self.path / "home"), "XDG_CONFIG_HOME": str(self.path / "home/.config")}
        return environment(PYTHONPATH=self.additions.python_path, **home)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command, which may be one that watches its run."""
        self.verbs.add(words[0])
        process = subprocess.Popen(
            [sys.executable, "-m", "reana_batch", *words],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def text(self, *words: str, exits: tuple[int, ...] = (0,)) -> str:
        """Return the answer of a command."""
        process = self.start(*words)
        stdout, stderr = process.communicate(timeout=240)
        assert process.returncode in exits, f"{words}: {process.returncode}\n{stdout}{stderr}"
        assert "Traceback" not in stderr, stderr
        return stdout

    def __call__(self, *words: str, exits: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Return the answer of a command as JSON."""
        answer: dict[str, Any] = json.loads(self.text(*words, "--json", exits=exits))
        return answer

    def state(self, run: str) -> str:
        return str(self("status", "-w", run, exits=(0, 1, 3)).get("status"))

    def make(self, name: str) -> None:
        """Make a file in the workspace, which all runs of the story share."""
        (self.path / "runs/a.1/workspace" / name).touch()


@pytest.fixture(params=ADDITIONS)
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    additions = ADDITIONS[request.param]
    (tmp_path / "home").mkdir()
    (tmp_path / "the.feature").write_text(FEATURE)
    workflow: dict[str, Any] = {"type": additions.type, "specification": additions.specification}
    if additions.type == "toy":
        (tmp_path / "flow.json").write_text(json.dumps(additions.specification))
        workflow = {"type": "toy", "file": "flow.json"}
    analysis = {"workflow": workflow, "outputs": {"files": ["result"]}, "tests": {"files": ["the.feature"]}}
    (tmp_path / "reana.yaml").write_text(json.dumps(analysis))
    told = Story(tmp_path, additions)
    yield told
    for process in told.started:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=240)


def before_a_run(story: Story) -> None:
    """Say the verbs that need no run."""
    options = story.additions.options
    story("secrets-add", "--env", "TOKEN=sesame")
    assert "TOKEN" in json.dumps(story("secrets-list"))
    assert story("samples")["samples"]
    assert "reana-batch" in story.text("completion", "bash")
    assert story("sites")["sites"]
    assert story("config")["settings"]["backend"] == "make"
    assert "findings" in story("doctor", exits=(0, 1))
    assert story("validate", *options)["valid"]
    assert story("inspect", *options)["backend"] == story.additions.backend
    assert story("estimate", *options)["backend"] == story.additions.backend
    variables = story("ci", "gitlab", *options)["variables"]
    assert variables == (["TOKEN"] if story.additions.type == "toy" else [])


def a_document_of_cwl(story: Story) -> None:
    """Run a CWL document, whose answer is JSON without an option."""
    (story.path / "tool.cwl").write_text(json.dumps(TOOL))
    backend = ("-b", story.additions.backend)
    answer = json.loads(story.text("cwl-runner", *backend, "--outdir", "of-cwl", "tool.cwl", "--word", "good"))
    assert answer["said"]["basename"] == "said.txt"
    assert (story.path / "of-cwl/said.txt").read_text() == "good\n"


def stopped_and_resumed(story: Story) -> None:
    """Start a run, stop it, and resume it until it fails."""
    watching = story.start("run", "-w", "a", *story.additions.options)
    _until(lambda: story.state("a") == "running")
    story("stop", "-w", "a")
    watching.communicate(timeout=240)
    assert story.state("a") == "stopped"
    story.make("go")
    story("resume", "-w", "a", exits=(0, 1))
    failed = story("wait", "-w", "a", exits=(1,))
    assert (failed["status"], failed["first_failure"]["step"]) == ("failed", "end")
    assert "cp" in json.dumps(story("logs", "-w", "a"))
    listed = story("jobs", "-w", "a", "--state", "failed")["jobs"]
    assert [(job["step"], job["attempt"]) for job in listed] == [("end", 1)]
    assert story("top", "-w", "a")["jobs"] == listed
    assert story.text("shell", "-w", "a", "end") == ""


def restarted(story: Story) -> None:
    """Start the run again until it is finished, and look at it."""
    story.make("good")
    story("restart", "-w", "a")
    assert story("wait", "-w", "a.1.1")["status"] == "finished"
    assert {each["name"] for each in story("list")["runs"]} == {"a.1", "a.1.1"}
    assert "result" in json.dumps(story("ls", "-w", "a.1.1"))
    assert story("du", "-w", "a.1.1")["total"] > 0
    story("download", "-w", "a.1.1", "result", "-o", "got")
    assert (story.path / "got/result").exists()
    assert story("report", "-w", "a.1.1", "-o", "a.html")["status"] == "finished"
    assert "a.1.1" in (story.path / "a.html").read_text()
    assert [each["problem"] for each in story("test", "-w", "a.1.1")["scenarios"]] == [""]
    different = story("diff", "a.1", "a.1.1")["differences"]["what is run"]
    assert bool(different) == story.additions.expands, "the first run ended before its expansion"
    assert story("export", "-w", "a.1", "--ro-crate", "crate")["files"] == ["crate"]
    assert not story("compare", "a.1", "a.1.1", exits=(1,))["equal"], "the first run failed"
    expanded = story("expand", "runs/a.1.1", "more", exits=(0,) if story.additions.expands else (3,))
    assert ("jobs" in expanded) == story.additions.expands


def compiled_and_submitted(story: Story) -> None:
    """Compile into a directory, and submit that."""
    story("compile", *story.additions.options, "-o", "made")
    for name in ("go", "good"):
        (story.path / "made/workspace" / name).touch()
    refused = story("submit", "made", exits=(0, 3)).get("diagnostics")
    assert bool(refused) == (story.additions.backend == "make"), "only make submits no jobs"
    if refused:
        command = refused[0]["hint"].removeprefix("to run it here: ")
        subprocess.run(["bash", "-c", command], cwd=story.path, env=story.environment, check=True, timeout=240)
    assert story("wait", "-w", str(story.path / "made"))["status"] == "finished"


def no_session(story: Story) -> None:
    """Ask for a session on a batch system that starts none, and close what is not open."""
    assert story("open", "-w", "a.1.1", "--on", "batch", exits=(3,))["diagnostics"][0]["code"] == "unsupported"
    assert story("close", "-w", "a.1.1", exits=(3,))["diagnostics"][0]["code"] == "run-state"


def deleted(story: Story) -> None:
    assert "result" not in json.dumps(story("prune", "-w", "a.1.1", "--force"))
    for run in ("a.1.1", "a.1"):
        story("delete", "-w", run)
    assert story("list")["runs"] == []
    story("secrets-delete", "TOKEN")


def test_every_verb_works_with_the_additions(story: Story) -> None:
    before_a_run(story)
    a_document_of_cwl(story)
    stopped_and_resumed(story)
    restarted(story)
    compiled_and_submitted(story)
    no_session(story)
    deleted(story)
    assert story.verbs == set(COMMANDS), "each verb of the table is said in this story"


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 240
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)
