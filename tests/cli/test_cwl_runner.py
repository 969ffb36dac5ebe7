"""``reana-batch cwl-runner`` with GNU make: outputs as cwltool's, exit codes, what it leaves behind, interrupts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cwl import flows

from .conftest import Tool

ECHO = """
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [echo]
inputs:
  word: {type: string, inputBinding: {}}
stdout: said.txt
outputs: {said: stdout}
"""
# For each document what is added to ECHO, and the exit code and a part of the message.
BAD = {
    "image": ("requirements: {DockerRequirement: {dockerPull: 'debian:12'}}", 33, "requires an image"),
    "class": ("requirements: {MPIRequirement: {processes: 2}}", 1, "echo.cwl:"),
    "failure": ("arguments: [{shellQuote: false, valueFrom: '; exit 3'}]\nrequirements: {ShellCommandRequirement: {}}", 1, "exit code 3"),
}  # fmt: skip  # one line is one document


def cwltool(document: Path, job: Path, outdir: Path) -> dict[str, Any]:
    """Return the output object of cwltool."""
    words = ["--no-container", "--quiet", "--relax-path-checks", f"--outdir={outdir}", str(document), str(job)]
    ended = subprocess.run([sys.executable, "-m", "cwltool", *words], check=True, capture_output=True, text=True)
    outputs: dict[str, Any] = json.loads(ended.stdout)
    return outputs


def moved(outputs: Any, old: Path, new: Path) -> Any:
    """Return an output object with other places of files."""
    return json.loads(json.dumps(outputs).replace(str(old), str(new)))


def left(tool: Tool) -> list[str]:
    return sorted(path.name for path in (tool.directory / "runs").glob("*"))


def test_outputs_are_those_of_cwltool(empty: Tool) -> None:
    flow = flows.copy("secondary", empty.directory / "flow")
    document, job = flows.analysis(flow)
    found = empty.run("cwl-runner", "--runs", "runs", "--quiet", "--outdir", "found", f"flow/{document}", str(job))
    assert (found.code, found.stderr) == (0, "")
    expected = cwltool(flow / document, job, empty.directory / "expected")
    assert flows.shown(json.loads(found.stdout)) == flows.shown(expected)
    assert flows.made(empty.directory / "found") == flows.made(empty.directory / "expected")
    assert flows.lost(json.loads(found.stdout), Path("/")) == []
    assert left(empty) == []


def test_outputs_go_to_the_current_directory_and_the_run_can_be_kept(empty: Tool) -> None:
    empty.write("echo.cwl", ECHO)
    found = empty.run("cwl-runner", "--runs", "runs", "--keep", "echo.cwl", "--word", "two words")
    said = json.loads(found.stdout)["said"]
    assert (found.code, said["path"]) == (0, str(empty.directory / "said.txt"))
    assert Path(said["path"]).read_text("utf-8") == "two words\n"
    assert left(empty) == ["echo.1"]
    assert f"The run is in {empty.directory}/runs/echo.1." in found.stderr.replace(
        " runs/", f" {empty.directory}/runs/"
    )
    assert (empty.directory / "runs/echo.1/workspace/outputs/said.txt").exists()


@pytest.mark.parametrize(("more", "code", "message"), BAD.values(), ids=BAD)
def test_a_document_that_cannot_run_has_no_outputs(empty: Tool, more: str, code: int, message: str) -> None:
    empty.write("echo.cwl", f"{ECHO}{more}\n")
    empty.write("job.yml", "word: x\n")
    found = empty.run("cwl-runner", "--runs", "runs", "--no-container", "echo.cwl", "job.yml")
    assert (found.code, found.stdout) == (code, "")
    assert message in found.stderr
    assert left(empty) == (["echo.1"] if "exit" in message else [])


def test_missing_inputs_are_named(empty: Tool) -> None:
    empty.write("echo.cwl", ECHO)
    found = empty.run("cwl-runner", "--runs", "runs", "echo.cwl")
    assert (found.code, found.stdout) == (1, "")
    assert "error: The workflow needs the input word." in found.stderr.splitlines()[0]


def test_a_faulty_input_is_shown_in_the_job(empty: Tool) -> None:
    empty.write("echo.cwl", ECHO)
    empty.write("job.yml", "# the inputs\nword: [x]\n")
    found = empty.run("cwl-runner", "--runs", "runs", "echo.cwl", "job.yml")
    assert (found.code, found.stdout) == (1, "")
    assert found.stderr.startswith("job.yml:2:7: error: Input word does not fit:")
    assert "\n  word: [x]\n" in found.stderr


READ = """
cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  files: {type: 'File[]', inputBinding: {}}
  count: int
  word: string
  other: File
stdout: said.txt
outputs: {said: stdout}
"""
JOB = """# the inputs
files:
- {class: File, path: job.yml}
- {class: File, path: absent.txt}
count: many
other: {class: File, path: gone.txt}
"""


def test_all_faults_of_the_inputs_are_shown_at_once(empty: Tool) -> None:
    empty.write("read.cwl", READ)
    empty.write("job.yml", JOB)
    found = empty.run("cwl-runner", "--runs", "runs", "read.cwl", "job.yml")
    assert (found.code, found.stdout) == (1, "")
    assert [line for line in found.stderr.splitlines() if " error: " in line] == [
        "job.yml:2:1: error: The workflow needs the input word. [undefined-parameter]",
        f'job.yml:3:1: error: "{empty.directory}/absent.txt" does not exist. [input-missing]',
        "job.yml:5:8: error: Input count does not fit: \"'many'\" is not int. [bad-type]",
        f'job.yml:6:8: error: "{empty.directory}/gone.txt" does not exist. [input-missing]',
    ]


def test_faults_of_options_name_them(empty: Tool) -> None:
    empty.write("read.cwl", READ)
    empty.write("here.txt", "x")
    words = ("--files", "here.txt", "--count", "1", "--word", "x", "--other", "gone.txt")
    found = empty.run("cwl-runner", "--runs", "runs", "read.cwl", *words)
    assert (found.code, found.stdout) == (1, "")
    assert found.stderr.startswith(f'error: --other: "{empty.directory}/gone.txt" does not exist. [input-missing]\n')


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_run(empty: Tool, number: signal.Signals) -> None:
    empty.write("echo.cwl", ECHO.replace("[echo]", "[sh, -c, 'touch begun; sleep 300', sh]"))
    with empty.start("cwl-runner", "--runs", "runs", "echo.cwl", "--word", "x") as process:
        while not list(empty.directory.glob("runs/echo.1/workspace/cwl/echo/0/begun")):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(number)
        stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (130, "")
    assert "echo.1 has been stopped" in stderr
