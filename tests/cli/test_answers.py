"""Answers go to stdout, progress and faults to stderr. With ``--json`` stdout holds one object and nothing else."""

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

from tests.terminals import all_of
from tests.toy import flows

from .conftest import PROGRAM, Tool

MISSING = ("--runs", "runs", "-w", "nowhere")
RUN = ("--runs", "runs", "-w", "done")

FEATURE = """\
Feature: The run
  Scenario: It has ended
    When the workflow is finished
    Then the workflow status should be "finished"
"""

# Each command with arguments that succeed in a directory with the analysis and its run `done`, and the keys of its
# answer.
ANSWERS: dict[str, tuple[Sequence[str], set[str]]] = {
    "validate": (["validate"], {"valid", "diagnostics"}),
    "compile": (["compile", "-o", "compiled"], {"backend", "directory", "jobs", "start_command", "diagnostics"}),
    "compile, dry": (["compile", "--dry-run"], {"files", "inputs"}),
    "inspect": (["inspect"], {"backend", "steps"}),
    "inspect, scripts": (["inspect", "--script", "greet"], {"backend", "files"}),
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
        # Each command works in its own copy, so that all can run at once.
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


# Each kind of wrong usage, with the words that the message must hold.
WRONG: dict[str, tuple[Sequence[str], str]] = {
    "no command of the name": (["vaildate", "--json"], "No such command 'vaildate'."),
    "no option of the name": (["validate", "--json", "--fus"], "No such option '--fus'."),
    "no option of the name before a command": (["--json", "validate"], "No such option '--json'."),
    "an option without a value": (["validate", "--json", "-f"], "Option '-f' requires an argument."),
    "a missing option": (["status", "--json"], "Missing option '-w' / '--workflow'."),
    "a missing argument": (["secrets-delete", "--json"], "Missing argument 'NAMES...'."),
    "a missing argument of a subcommand": (["sites", "show", "--json"], "Missing argument 'NAME'."),
    "a word too many": (["validate", "x", "--json"], "Got unexpected extra argument (x)"),
    "a value that is none": (["run", "-j", "0", "--json"], "Invalid value for '-j' / '--jobs': 0 is not in"),
    "a directory that is not there": (["submit", "x", "--json"], "Directory 'x' does not exist."),
    "a command without it": (["completion", "bash", "--json"], "No such option '--json'."),
    "options that do not fit": (["inspect", "--format", "png", "--json"], "--format png needs --output FILE."),
    "a file for the tree": (["inspect", "-o", "x", "--json"], "--output takes a graph: choose --format mermaid,"),
    "a name that is none": (["secrets-add", "--env", "1x=y", "--json"], 'and "1x" is not a name.'),
    "values that do not fit": (["secrets-add", "--json"], "Give at least one --env or --file."),
}


def test_json_of_wrong_usage_names_it(hello: Tool) -> None:
    started = {name: hello.start(*args) for name, (args, _) in WRONG.items()}
    for name, process in started.items():
        stdout, stderr = process.communicate()
        assert process.returncode == 2, name
        answer = _object(stdout)
        assert answer.keys() == {"schema_version", "error", "diagnostics", "more_diagnostics"}
        [fault] = answer["diagnostics"]
        assert (answer["error"], fault["severity"], fault["code"], fault["line"]) == (True, "error", "usage", None)
        assert WRONG[name][1] in fault["message"], name
        assert f"Error: {fault['message']}" in stderr


def test_the_word_of_an_argument_asks_for_no_json(hello: Tool) -> None:
    ended = hello.run("status", "-w", "x", "--", "--json")
    assert (ended.code, ended.stdout) == (2, "")


# Each command prints its answer on stdout only. Some also print a warning, a note or progress on stderr.
TELLING = (
    ["samples"],
    ["inspect"],
    ["inspect", "--script", "greet"],
    ["inspect", "--format", "mermaid"],
    ["inspect", "--format", "dot"],
)
SAYING = {
    "validate": (["validate"], "==> SUCCESS: ", "warning: "),
    "compile": (["compile"], "==> SUCCESS: ", "warning: "),
    "compile, dry": (["compile", "-n"], "FILE\t", "Nothing was written."),
    "sites": (["sites"], "SITE\t", "Your own profiles go into "),
    "config": (["config"], "SETTING\t", "==> Site local, the default"),
    "run": (["run", "--runs", "r"], "==> SUCCESS: ", "==> Running workflow.1 in r/workflow.1"),
}


@pytest.mark.parametrize("args", TELLING, ids=" ".join)
def test_answers_go_to_stdout_alone(args: Sequence[str], hello: Tool) -> None:
    ended = hello.run(*args)
    assert (ended.code, ended.stderr) == (0, "")
    assert "greet" in ended.stdout


def test_notes_and_progress_go_to_stderr_alone(hello: Tool) -> None:
    for name, process in [(name, hello.start(*args)) for name, (args, _, _) in SAYING.items()]:
        stdout, stderr = process.communicate()
        _, answer, said = SAYING[name]
        assert process.returncode == 0, name
        assert stdout.startswith(answer), name
        assert said in stderr
        assert said not in stdout
        assert answer not in stderr


def test_json_replaces_the_answer_in_words(hello: Tool) -> None:
    ended = hello.run("validate", "--json")
    assert _object(ended.stdout)["valid"] is True
    assert "SUCCESS" not in ended.stderr


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["20", "200"])
def test_off_a_terminal_a_row_is_a_line_whatever_the_width(columns: str, hello: Tool) -> None:
    hello.write_steps(**{f"step{number}": "true" for number in range(250)})
    ended = hello.run("inspect", COLUMNS=columns)
    lines = ended.stdout.splitlines()
    assert len(lines) == (1 + 250) + (1 + 250)
    rows = [line.split("\t") for line in lines[251:]]
    assert rows[0] == ["STEP", "JOBS", "IMAGE", "RESOURCES", "CREDENTIALS"]
    assert rows[-1] == ["step249", "1", "debian:12", "-", "-"]
    assert {len(row) for row in rows} == {5}
    assert ended.stdout == hello.run("inspect", COLUMNS="80").stdout


def test_on_a_terminal_long_cells_are_folded(hello: Tool) -> None:
    shown = re.sub("\x1b\\[[0-9;]*m", "", _on_a_terminal(hello, "samples", COLUMNS="60"))
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 60
    assert max(map(len, hello.run("samples", COLUMNS="60").stdout.splitlines())) > 60


def test_a_terminal_shows_numbers_in_words_and_aligns_columns(hello: Tool) -> None:
    shown = re.sub("\x1b\\[[0-9;]*m", "", _on_a_terminal(hello, "inspect"))
    rows = [re.split(" {3,}", line.strip()) for line in shown.splitlines()[2:]]
    assert rows[1:] == [["greet", "1 job", "docker.io/library/debian:12-slim", "-", "-"]]


def test_a_terminal_shows_the_first_steps_and_counts_the_others(hello: Tool) -> None:
    hello.write_steps(**{f"step{number}": "true" for number in range(203)})
    shown = re.sub("\x1b\\[[0-9;]*m", "", _on_a_terminal(hello, "inspect"))
    ends = [line.split() for line in shown.splitlines() if line.split()[-1:] in (["more"], ["steps"])]
    assert ends == [["└──", "and", "3", "more", "steps"], ["and", "3", "more"]]
    assert shown.count("step199 ") == 2  # in the tree and in the table
    assert "step202" not in shown


def test_the_tree_shows_the_other_batch_system_of_a_step_and_the_data_that_jobs_bring(hello: Tool) -> None:
    step = "{name: NAME, environment: 'debian:12', compute_backend: NAME, commands: ['true']}"
    steps = ", ".join(step.replace("NAME", name) for name in ("htcondorcern", "slurmcern"))
    reference = "root://eospublic.cern.ch//eos/x.root"
    inputs = f'inputs: {{files: ["{reference} credential=none"]}}'
    hello.write("reana.yaml", f"{inputs}\nworkflow: {{type: serial, specification: {{steps: [{steps}]}}}}\n")
    shown = hello.run("inspect", "-b", "auto").stdout
    assert "── htcondorcern  1 job  after stage-in.none  " in shown
    assert "── slurmcern  1 job on Slurm  after htcondorcern  " in shown
    brought = f"│   └── {reference} credential=none -> x.root  reana.yaml:1\n"
    assert brought in shown
    on_a_terminal = re.sub("\x1b\\[[0-9;]*m", "", _on_a_terminal(hello, "inspect", "-b", "auto"))
    assert brought.rstrip("\n") in on_a_terminal


def test_the_tree_shows_what_compiles_more_jobs(hello: Tool) -> None:
    hello.write("flow.json", flows.faulty())
    hello.write("reana.yaml", flows.ANALYSIS)
    shown = hello.run("inspect", PYTHONPATH=str(flows.HERE)).stdout
    assert "── follows  1 job  after a  compiles the jobs that follow from the files a/*  flow.json:1\n" in shown


@pytest.mark.parametrize(("form", "begin"), [("svg", b"<?xml "), ("png", b"\x89PNG")])
def test_a_picture_is_written_to_its_file(form: str, begin: bytes, hello: Tool) -> None:
    ended = hello.run("inspect", "--format", form, "-o", "graph")
    assert (ended.code, ended.stdout) == (0, "")
    drawn = (hello.directory / "graph").read_bytes()
    assert drawn.startswith(begin)
    assert b"greet" in drawn or form == "png"


# Names of files, with the cell that stands for each in a table.
NAMES = {"a b": "a b", "a\tb": "a\\tb", "a\nb": "a\\nb", "a\x1b[2Jb": "a\\x1b[2Jb", "größe": "größe"}


def test_no_cell_has_a_tab_or_a_newline(hello: Tool, finished: Path) -> None:
    shutil.copytree(finished, hello.directory / "runs")
    for name in NAMES:
        hello.write(f"runs/done.1/workspace/odd/{name}", "")
    header, *rows = hello.run("ls", *RUN, "odd/*").stdout.removesuffix("\n").split("\n")
    assert header == "NAME\tSIZE\tLAST-MODIFIED"
    cells = [row.split("\t") for row in rows]
    assert sorted(name for name, _, _ in cells) == sorted(f"odd/{cell}" for cell in NAMES.values())
    assert {size for _, size, _ in cells} == {"0"}


def test_the_usual_tools_read_a_table(hello: Tool) -> None:
    command = f"{PROGRAM} compile --dry-run 2> /dev/null"
    script = f"""{command} | cut -f 1 | head -n 2
        {command} | awk -F '\\t' '$1 == "batch/Makefile" {{ print $2 + 0 }}'
        {command} | while IFS=$'\\t' read -r name size; do [[ $name != FILE ]] || echo "$size"; done"""
    printed = subprocess.run(
        ["bash", "-c", script], cwd=hello.directory, env=hello.environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert hello.run("compile", "-o", "run").code == 0
    size = (hello.directory / "run/batch/Makefile").stat().st_size
    assert printed == ["FILE", "batch/manifest.json", str(size), "BYTES"]


def test_the_script_of_a_step_is_the_script_that_is_written(hello: Tool) -> None:
    shown = hello.run("inspect", "--script", "greet").stdout
    hello.run("compile", "-o", "run")
    for name in ("job.sh", "command.1"):
        path = f"batch/steps/greet/{name}"
        text = (hello.directory / "run" / path).read_text("utf-8")
        assert f"==> {path}\n{text.rstrip()}\n" in shown


# --- colours -------------------------------------------------------------------------------------


def _on_a_terminal(tool: Tool, *args: str, **changes: str) -> str:
    """Return what the command shows when stdout is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *args],
        cwd=tool.directory,
        env={**tool.environment, "TERM": "xterm-256color", **changes},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(theirs)
        shown = all_of(ours)
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


# Foreground and background colours. Bold and dim are not colours.
COLOUR = re.compile("\x1b\\[(?:[0-9]+;)*(?:[349]|10)[0-7]")


@pytest.mark.parametrize("command", ["validate", "inspect"])
def test_a_terminal_gets_colours_unless_it_wants_none(command: str, hello: Tool) -> None:
    assert COLOUR.search(_on_a_terminal(hello, command))
    assert not COLOUR.search(_on_a_terminal(hello, command, NO_COLOR="1"))


@pytest.mark.parametrize("command", ["validate", "inspect"])
def test_a_file_gets_no_colours(command: str, hello: Tool) -> None:
    ended = hello.run(command, TERM="xterm-256color")
    assert "\x1b" not in ended.stdout + ended.stderr


# --- readers that close early, and full disks ---------------------------------------------------

LONG_ANSWERS = (
    ["config", "--json"],
    ["inspect", "--script", "greet"],
    ["samples"],
    ["inspect"],
    ["completion", "bash"],
    ["--help"],
)


@pytest.mark.parametrize("args", LONG_ANSWERS, ids=" ".join)
def test_a_reader_that_has_gone_is_not_a_fault(args: Sequence[str], hello: Tool) -> None:
    with hello.start(*args) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("args", [["samples"], ["validate"], ["inspect"], ["compile", "-n"]], ids=" ".join)
def test_stderr_may_be_closed(args: Sequence[str], hello: Tool) -> None:
    with hello.start(*args) as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdout is not None
        assert process.stdout.read() != ""


def test_stdout_may_be_closed(hello: Tool) -> None:
    command = ["bash", "-c", 'exec "$0" "$@" >&-', str(PROGRAM), "compile", "-b", "make", "-o", "run"]
    ended = subprocess.run(
        command, cwd=hello.directory, env=hello.environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    assert (hello.directory / "run/batch/Makefile").is_file()


@pytest.mark.parametrize("args", LONG_ANSWERS[:-1], ids=" ".join)
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
