"""A finished run on a real system goes on with a changed analysis: only what changed is submitted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Desk

pytestmark = pytest.mark.site("slurm")

SNAKEFILE = """\
rule all:
    input: "all.txt"
rule fit:
    output: "fits/{s}.txt"
    shell: "mkdir -p fits; echo {wildcards.s} > {output}; echo fit {wildcards.s} >> ran.txt"
rule merge:
    input: expand("fits/{s}.txt", s=SAMPLES)
    output: "all.txt"
    shell: "cat {input} > {output}; echo merge >> ran.txt"
"""


def write(desk: Desk, samples: list[str]) -> None:
    desk.write("Snakefile", f"SAMPLES = {samples}\n{SNAKEFILE}")
    content: dict[str, Any] = {
        "inputs": {"files": ["Snakefile"]},
        "workflow": {"type": "snakemake", "file": "Snakefile"},
    }
    desk.write("reana.yaml", json.dumps(content))


def test_a_finished_run_goes_on_with_a_sample_more(desk: Desk) -> None:
    write(desk, ["a", "b"])
    first = desk.run("--site", "generic-slurm", "--set", "container_runtime=none", name="reuse")
    assert desk.wait(first, 300)["status"] == "finished"
    ran = desk.path / "runs" / first / "workspace/ran.txt"
    assert sorted(ran.read_text().splitlines()) == ["fit a", "fit b", "merge"]
    ran.write_text("")
    write(desk, ["x", "a", "b"])
    again = ("restart", "--runs", "runs", "-w", first, "-f", ".", "--json")
    plan = json.loads(desk.reana_batch(*again, "--dry-run").stdout)
    assert {each["name"]: each["kept"] for each in plan["steps"]} == {"fit": 2, "merge": 0}
    answer = json.loads(desk.reana_batch(*again).stdout)
    assert answer["done"] == 2
    assert desk.wait(answer["name"], 300)["status"] == "finished"
    assert ran.read_text().splitlines() == ["fit x", "merge"]
    assert (ran.parent / "all.txt").read_text() == "x\na\nb\n"
