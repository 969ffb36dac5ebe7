"""The commands jobs and top, from outside: tables in a pipe and on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reana_batch.cli import job_commands
from reana_batch.lifecycle import jobs as lifecycle

from ..terminals import all_of

SNAKEFILE = """
rule all:
    input: expand("out/{i}", i=range(5))
rule cook:
    output: "out/{i}"
    shell: "[[ {wildcards.i} != 3 ]] && until [[ -e go ]]; do sleep 0.1; done"
           " && for n in {{1..200000}}; do :; done && echo {wildcards.i} > {output}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "reana.yaml").write_text("inputs: {files: [Snakefile]}\nworkflow: {type: snakemake, file: Snakefile}\n")
    return tmp_path


def start(folder: Path, *words: str, terminal: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start a command. Its output goes to a terminal, if there is one."""
    command = [sys.executable, "-m", "reana_batch", *words]
    env = os.environ | {"TERM": "xterm", "REANA_BATCH_RUNS": "."}
    return subprocess.Popen(command, cwd=folder, text=True, env=env, stdout=terminal, stderr=terminal)


def said(folder: Path, *words: str) -> str:
    process = start(folder, *words)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out


@pytest.fixture
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in which one row has failed, and the others wait for a file."""
    process = start(folder, "run", "--site", "local", "--set", "container_runtime=none", "-j", "5", "-w", "cook")
    deadline = time.monotonic() + 60
    state = folder / "cook.1/state/cook"
    while not ((state / "3.failed").exists() and len(list(state.glob("*.started"))) == 5):
        assert time.monotonic() < deadline, process.poll()
        time.sleep(0.1)
    yield process
    finish(folder, process)


def table(text: str) -> list[dict[str, str]]:
    header, *rows = (line.split("\t") for line in text.splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


def finish(folder: Path, run: subprocess.Popen[str]) -> None:
    (folder / "cook.1/workspace/go").touch()
    if run.poll() is None:
        run.communicate(timeout=120)


def test_states_of_the_command_line_are_those_of_jobs() -> None:
    assert job_commands.STATES == lifecycle.STATES


def test_jobs_of_a_run_that_goes_on_and_has_ended(folder: Path, running: subprocess.Popen[str]) -> None:
    found = table(said(folder, "jobs", "-w", "cook"))
    assert [row["STATE"] for row in found] == ["running", "running", "running", "failed", "running"]
    assert [row["ATTEMPT"] for row in found] == ["1"] * 5
    assert {row["HOST"] for row in found} == {os.uname().nodename}
    finish(folder, running)
    assert [row["ROW"] for row in table(said(folder, "jobs", "-w", "cook", "--state", "finished"))] == list("0124")
    (failed,) = table(said(folder, "jobs", "-w", "cook", "--state", "failed", "--state", "lost", "-v"))
    assert (failed["ROW"], failed["EXIT"], failed["REASON"]) == ("3", "1", "command")
    assert float(failed["CPU"]) < 30
    (folder / "cook.1/state/cook/2.done").unlink()  # as if the job had been killed
    (lost,) = json.loads(said(folder, "jobs", "-w", "cook", "--state", "lost", "--step", "cook", "--json"))["jobs"]
    assert (lost["row"], lost["status"], lost["exit_code"]) == (2, "lost", None)


def test_a_step_that_is_not_there(folder: Path, running: subprocess.Popen[str]) -> None:
    finish(folder, running)
    process = start(folder, "jobs", "-w", "cook", "--step", "cok")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, 'There is no step "cok"' in errors, "did you mean cook?" in errors) == (3, True, True)


def test_top_in_a_pipe_prints_again_after_changes(folder: Path, running: subprocess.Popen[str]) -> None:
    following = start(folder, "top", "-w", "cook", "--follow", "--interval", "1")
    assert following.stdout is not None
    first = following.stdout.readline()
    assert re.match(r"\S+  cook.1  running  0 of 5 jobs done\n", first)
    finish(folder, running)
    rest, errors = following.communicate(timeout=120)
    assert (following.returncode, errors) == (0, "")
    assert "cook.1  failed  4 of 5 jobs done\n" in rest
    assert "cook\t4\t1\t0\t0\t5\t" in rest


def test_top_on_a_terminal_ends_with_an_interrupt_and_the_run_goes_on(
    folder: Path, running: subprocess.Popen[str]
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 90, 0, 0))
    top = start(folder, "top", "-w", "cook", "--interval", "1", terminal=theirs)
    os.close(theirs)
    shown = b""
    while b"\x1b[?1049h" not in shown or b"0 of 5" not in shown:  # the whole terminal is ours
        shown += os.read(ours, 4096)
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 60, 0, 0))
    top.send_signal(signal.SIGWINCH)
    top.send_signal(signal.SIGINT)
    view, restored, answer = (shown + all_of(ours)).decode().rpartition("\x1b[?1049l")
    assert top.wait(60) == 0
    assert restored, "the terminal shows again what it had before"
    assert "0 of 5 jobs done" in answer
    assert "FAILED" in view
    assert running.poll() is None
    finish(folder, running)


def test_top_does_not_follow_in_json(folder: Path, running: subprocess.Popen[str]) -> None:
    refused = start(folder, "top", "-w", "cook", "--follow", "--json")
    out, _ = refused.communicate(timeout=60)
    assert (refused.returncode, json.loads(out)["diagnostics"][0]["code"]) == (2, "usage")
    answer = json.loads(said(folder, "top", "-w", "cook", "--json"))
    assert [job["row"] for job in answer["jobs"]] == [0, 1, 2, 3, 4]
    finish(folder, running)


def test_usage_of_a_run(folder: Path, running: subprocess.Popen[str]) -> None:
    finish(folder, running)
    answer = json.loads(said(folder, "status", "-w", "cook", "--usage", "--json"))
    (step,) = answer["usage"]["steps"]
    assert (step["name"], step["jobs"], step["queue_seconds"]) == ("cook", 5, None)
    assert step["cpu_seconds"] > 0
    assert answer["seconds"] >= step["longest_seconds"] >= answer["steps"][0]["typical_seconds"] >= 0
    text = said(folder, "status", "-w", "cook", "--usage")
    assert "\nSTEP\tDONE\tFAILED\tRUNNING\tWAITING\tJOBS\tTIME\tTYPICAL\tLEFT\ncook\t4\t1\t0\t0\t5\t" in text
    assert (
        "\nSTEP\tJOBS\tTIME\tCPU\tCPU_USED\tQUEUED\tMEMORY\tOF\tASKED\tMEMORY_USED\tLONGEST\tLIMIT\ncook\t5\t" in text
    )
