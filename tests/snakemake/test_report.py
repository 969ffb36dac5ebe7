"""The report that Snakemake itself writes on a run: it has the runtimes of the jobs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.conftest import Desk, desk, forked  # noqa: F401  # fixtures

ANALYSIS = """\
inputs:
  files: [Snakefile]
  options: {report: report.html}
workflow: {type: snakemake, file: Snakefile}
outputs: {files: [sum.txt, report.html]}
"""
STATIC = """
rule all:
    input: "sum.txt"
rule part:
    output: "parts/{n}.txt"
    shell: "echo {wildcards.n} > {output}"
rule own:
    output: "own.txt"
    run:
        open(output[0], "w").write("1")
rule sum:
    input: expand("parts/{n}.txt", n=range(3)), "own.txt"
    output: report("sum.txt")
    shell: "cat {input} > {output}"
"""
GROWING = """
rule all:
    input: "sum.txt"
checkpoint split:
    output: directory("parts")
    shell: "mkdir parts; echo 1 > parts/a; echo 2 > parts/b"
rule part:
    input: "parts/{n}"
    output: "done/{n}.txt"
    shell: "cp {input} {output}"
def parts(wildcards):
    return expand("done/{n}.txt", n=glob_wildcards(checkpoints.split.get().output[0] + "/{n}").n)
rule sum:
    input: parts
    output: "sum.txt"
    shell: "cat {input} > {output}"
"""


def charted(report: Path, name: str) -> list[dict[str, Any]]:
    """Return the values of a chart in a report."""
    [values] = re.findall(rf'"description": "{name}[^"]*", "data": {{"values": (\[.*?\])}}', report.read_text("utf-8"))
    found: list[dict[str, Any]] = json.loads(values)
    return found


def slow(run: Path, seconds: int) -> None:
    """Let the records say that each job of a step took so many seconds, as if it had."""
    for record in run.glob("**/state/part/*.done"):
        text = record.read_text()
        started = int(re.findall(r"^started=(\d+)$", text, re.MULTILINE)[0])
        record.write_text(re.sub(r"^ended=\d+$", f"ended={started + seconds}", text, flags=re.MULTILINE))


# As in Snakemake's own report on such a run, the checkpoint is not there.
@pytest.mark.parametrize(("snakefile", "rules"), [(STATIC, "own part part part sum"), (GROWING, "part part sum")])
def test_it_has_the_runtimes(desk: Desk, snakefile: str, rules: str) -> None:  # noqa: F811  # the fixture
    desk.write("Snakefile", snakefile)
    desk.write("reana.yaml", ANALYSIS)
    run = desk.run("test", "--site", "local")
    report = run / "workspace/report.html"
    assert sorted(each["rule"] for each in charted(report, "Runtimes")) == rules.split()
    assert all(0 <= each["runtime"] < 1000 for each in charted(report, "Runtimes"))
    # The report is made again, when the records say something that it cannot know otherwise.
    slow(run, 77)
    [done] = run.glob("**/state/report.html/0.done")
    done.unlink()
    desk("restart", "-w", "test")
    again = charted(desk.path / "runs/test.1.1/workspace/report.html", "Runtimes")
    assert {each["runtime"] for each in again if each["rule"] == "part"} == {77}
    assert len(charted(report, "Timeline")) == len(rules.split())


def test_a_python_without_reana_batch_writes_a_report_without_runtimes(desk: Desk) -> None:  # noqa: F811
    desk.write("Snakefile", STATIC)
    desk.write("reana.yaml", ANALYSIS)
    alone = desk.write(
        "python", f'#!/bin/bash\n[[ $* != *"import reana_batch"* ]] || exit 1\nexec {sys.executable} "$@"\n'
    )
    alone.chmod(0o755)
    run = desk.run("test", "--site", "local", "--set", f"python={alone}")
    assert [each["rule"] for each in charted(run / "workspace/report.html", "Runtimes")] == []
