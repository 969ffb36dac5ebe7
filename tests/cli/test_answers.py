"""Answers go to stdout, everything for the eye to stderr; ``--json`` gives one object and nothing else."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from .conftest import PROGRAM, Tool

MISSING = ("--runs", "runs", "-w", "nowhere")
RUN = ("--runs", "runs", "-w", "done")

FEATURE = """\
Feature: The run
  Scenario: It has ended
    When the workflow is finished
    Then the workflow status should be "finished"
"""

# Each command, as it succeeds beside the analysis and its run `done`; then what its answer must hold.
ANSWERS: dict[str, tuple[Sequence[str], set[str]]] = {
    "validate": (["validate"], {"valid", "diagnostics"}),
    "compile": (["compile", "-o", "compiled"], {"backend", "directory", "jobs", "start_command", "diagnostics"}),
    "compile, dry": (["compile", "--dry-run"], {"files", "inputs"}),
    "inspect": (["inspect"], {"backend", "steps"}),
    "samples": (["samples"], {"samples"}),
    "samples, copying": (["samples", "helloworld"], {"sample", "directory"}),
    "sites": (["sites"], {"sites"}),
    "sites show": (["sites", "show", "cern-lxplus"], {"site", "settings", "sources"}),
    "config": (["config"], {"site", "settings", "origins"}),
    "run": (["run", "--runs", "runs", "-w", "another"], {"name", "directory", "status", "steps", "diagnostics"}),
    "status": (["status", *RUN], {"name", "status", "progress", "steps", "failed"}),
    "list": (["list", "--runs", "runs"], {"runs"}),
    "wait": (["wait", *RUN], {"status"}),
    "logs": (["logs", *RUN, "greet"], {"name", "logs"}),
    "ls": (["ls", *RUN], {"files"}),
    "du": (["du", *RUN], {"total", "files"}),
    "download": (["download", *RUN, "-o", "here"], {"files", "directory"}),
    "diff": (["diff", "--runs", "runs", "done.1", "done.1"], {"differences"}),
    "test": (["test", *RUN, "-n", "done.feature"], {"scenarios"}),
    "restart": (["restart", *RUN], {"name", "status"}),
    "delete": (["delete", *RUN], {"name", "status"}),
}

FAULTS: dict[str, Sequence[str]] = {
    "validate": ["validate", "-p", "x"],
    "compile": ["compile", "-o", "names.txt"],
    "inspect": ["inspect", "--script", "x"],
    "run": ["run", "--runs", "names.txt"],
    "samples": ["samples", "x"],
    "sites show": ["sites", "show", "x"],
    "config": ["config", "--set", "x=1"],
    **{name: [name, *MISSING] for name in ("status", "wait", "stop", "restart", "resume", "logs", "ls", "du")},
}


def _object(text: str) -> dict[str, Any]:
    """Return the one JSON object that is all of ``text``."""
    answer = json.loads(text)
    assert isinstance(answer, dict)
    assert answer["schema_version"] == 1
    return answer


def test_json_is_one_object_on_stdout(hello: Tool, finished: Path) -> None:
    started = {}
    for name, (args, _) in ANSWERS.items():
        # Each in a copy of its own, so that all can run at once.
        copy = Tool(hello.directory.parent / name, hello.environment)
        shutil.copytree(hello.directory, copy.directory)
        shutil.copytree(finished, copy.directory / "runs")
        (copy.directory / "runs/done.1/workspace/done.feature").write_text(FEATURE)
        started[name] = copy.start(*args, "--json")
    for name, process in started.items():
        stdout, stderr = process.communicate()
        assert process.returncode == 0, (name, stderr)
        assert ANSWERS[name][1] <= _object(stdout).keys(), name


def test_json_of_a_fault_names_it(hello: Tool) -> None:
    started = {name: hello.start(*args, "--json") for name, args in FAULTS.items()}
    for name, process in started.items():
        stdout, stderr = process.communicate()
        assert process.returncode == 3, name
        diagnostics = _object(stdout)["diagnostics"]
        assert [d["code"] for d in diagnostics if d["severity"] == "error"]
        assert all(
            d.keys() == {"severity", "code", "message", "hint", "file", "line", "column", "notes"} for d in diagnostics
        )
        assert "error: " in stderr


def test_json_has_the_place_of_each_fault(hello: Tool) -> None:
    hello.write("reana.yaml", "workflow:\n  typ: serial\n")
    found = _object(hello.run("validate", "--json").stdout)["diagnostics"]
    assert [(d["code"], d["file"], d["line"], d["column"]) for d in found] == [
        ("missing-key", "reana.yaml", 1, 1),
        ("unknown-key", "reana.yaml", 2, 3),
    ]


# What tells the eye something tells stdout nothing; what is an answer is there and only there.
SILENT = (
    ["validate"],
    ["compile"],
    ["compile", "-n"],
    ["inspect"],
    ["samples"],
    ["sites"],
    ["config"],
    ["run", "--runs", "r"],
)
TELLING = (["inspect", "--script", "greet"], ["inspect", "--format", "mermaid"], ["inspect", "--format", "dot"])


def test_what_is_for_the_eye_goes_to_stderr(hello: Tool) -> None:
    for args, process in [(args, hello.start(*args)) for args in SILENT]:
        stdout, stderr = process.communicate()
        assert (process.returncode, stdout) == (0, ""), args
        assert stderr


@pytest.mark.parametrize("args", TELLING, ids=" ".join)
def test_answers_go_to_stdout_alone(args: Sequence[str], hello: Tool) -> None:
    ended = hello.run(*args)
    assert (ended.code, ended.stderr) == (0, "")
    assert "greet" in ended.stdout


def test_the_script_of_a_step_is_the_script_that_is_written(hello: Tool) -> None:
    shown = hello.run("inspect", "--script", "greet").stdout
    hello.run("compile", "-o", "run")
    for name in ("job.sh", "command.1"):
        path = f"batch/steps/greet/{name}"
        text = (hello.directory / "run" / path).read_text("utf-8")
        assert f"==> {path}\n{text.rstrip()}\n" in shown


# --- colours -------------------------------------------------------------------------------------


def _on_a_terminal(tool: Tool, *args: str, **changes: str) -> str:
    """Return what the command shows when stderr is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *args],
        cwd=tool.directory,
        env={**tool.environment, "TERM": "xterm-256color", **changes},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other side is closed
        return b""


# Foregrounds and backgrounds; bold and dim are no colours.
COLOUR = re.compile("\x1b\\[(?:[0-9]+;)*(?:[349]|10)[0-7]")


@pytest.mark.parametrize("command", ["validate", "inspect"])
def test_a_terminal_gets_colours_unless_it_wants_none(command: str, hello: Tool) -> None:
    assert COLOUR.search(_on_a_terminal(hello, command))
    assert not COLOUR.search(_on_a_terminal(hello, command, NO_COLOR="1"))


@pytest.mark.parametrize("command", ["validate", "inspect"])
def test_a_file_gets_no_colours(command: str, hello: Tool) -> None:
    assert "\x1b" not in hello.run(command, TERM="xterm-256color").stderr


# --- readers that go away, and disks that are full ------------------------------------------------

LONG_ANSWERS = (["config", "--json"], ["inspect", "--script", "greet"], ["completion", "bash"], ["--help"])


@pytest.mark.parametrize("args", LONG_ANSWERS, ids=" ".join)
def test_a_reader_that_has_gone_is_no_fault(args: Sequence[str], hello: Tool) -> None:
    with hello.start(*args) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("args", [["samples"], ["validate"], ["inspect"], ["compile", "-n"]], ids=" ".join)
def test_nobody_has_to_read_stderr(args: Sequence[str], hello: Tool) -> None:
    with hello.start(*args) as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_stdout_may_be_closed(hello: Tool) -> None:
    command = ["bash", "-c", 'exec "$0" "$@" >&-', str(PROGRAM), "compile", "-b", "make", "-o", "run"]
    ended = subprocess.run(
        command, cwd=hello.directory, env=hello.environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    assert (hello.directory / "run/batch/Makefile").is_file()


@pytest.mark.parametrize("args", LONG_ANSWERS[:3], ids=" ".join)
def test_an_answer_that_cannot_be_written_is_said(args: Sequence[str], hello: Tool) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [PROGRAM, *args],
            cwd=hello.directory,
            env=hello.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert ended.returncode != 0
    assert b"No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr
