"""Snakemake workflows on the real systems: a run makes the same files as Snakemake itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.snakemake import flows

from .conftest import Desk

pytestmark = pytest.mark.site

SITES = ("generic-slurm", "generic-htcondor")
BARE = ("--set", "container_runtime=none")


STRICT = ["features", "analysis", "checkpoints", "late"]


@pytest.mark.parametrize(("flow", "options"), [*((flow, ("--strict",)) for flow in STRICT), ("late", ())])
def test_what_a_run_leaves_is_snakemakes(desk: Desk, flow: str, options: tuple[str, ...], tmp_path: Path) -> None:
    desk.copy(flows.FLOWS / flow, "analysis")
    names = [desk.run("-f", "analysis", "--site", site, *BARE, *options, name=site) for site in SITES]
    expected = flows.made(flows.left_by_snakemake(flow, tmp_path / "theirs"), flow)
    for name in names:
        assert desk.wait(name, 400)["status"] == "finished"
        assert flows.made(flows.tree(desk.path / "runs" / name / "workspace"), flow) == expected


MANY = """
rule all:
    input: "all.txt"
rule one:
    output: "one/{i}"
    shell: "echo {wildcards.i} > {output}"
rule two:
    input: "one/{i}"
    output: "two/{i}"
    shell: "cp {input} {output}"
rule merge:
    input: expand("two/{i}", i=range(config["samples"]))
    output: "all.txt"
    shell: "cat {input} > {output}"
"""


@pytest.mark.parametrize("site", SITES)
def test_samples_do_not_make_submissions(desk: Desk, site: str) -> None:
    desk.write("Snakefile", MANY)
    analysis = {"inputs": {"parameters": {"samples": 200}}, "workflow": {"type": "snakemake", "file": "Snakefile"}}
    desk.write("reana.yaml", json.dumps(analysis))
    name = desk.run("--site", site, *BARE, "--set", "rows_per_job=20")
    assert desk.wait(name, 300)["status"] == "finished"
    assert desk.file(f"runs/{name}/workspace/all.txt") == "".join(f"{i}\n" for i in range(200))
    if site == "generic-slurm":
        journal = [line.split()[1] for line in desk.file(f"runs/{name}/state/slurm.jobs").splitlines()]
        assert [key for key in journal if not key.startswith(".finaliser")] == ["one/0", "two/0", "merge/0"]
    else:
        assert len(list((desk.path / "runs" / name / "batch/steps").rglob("*.sub"))) == 3


ASKING = """
rule all:
    input: "1.txt", "2.txt"
rule ask:
    output: "{i}.txt"
    resources:
        slurm_account="escape", qos="normal", cpus_per_task=2, tasks=2, nodes=lambda wildcards: int(wildcards.i)
    shell: "echo $SLURM_JOB_ACCOUNT $SLURM_JOB_QOS $SLURM_CPUS_PER_TASK $SLURM_NTASKS $SLURM_JOB_NUM_NODES > {output}"
"""


def test_what_rules_ask_of_slurm(desk: Desk) -> None:
    desk.write("Snakefile", ASKING)
    desk.write("reana.yaml", json.dumps({"workflow": {"type": "snakemake", "file": "Snakefile"}}))
    name = desk.run("--site", "generic-slurm", *BARE)
    assert desk.wait(name)["status"] == "finished"
    for nodes in (1, 2):
        assert desk.file(f"runs/{name}/workspace/{nodes}.txt") == f"escape normal 2 2 {nodes}\n"
