"""Rows that fail, on all systems. The others finish, and jobs that wait for a failed one end quickly with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest

from tests.snakemake import flows

from .conftest import Desk
from .flows import Template, compile_flow

pytestmark = pytest.mark.site

SITES = ("generic-slurm", "generic-htcondor", "local")
BARE = "container_runtime=none"
Row = tuple[str, int]


# --- random graphs --------------------------------------------------------------------------------


def graph(random: Random) -> tuple[list[Template], set[Row]]:
    """Return steps with some rows each, edges of every pattern, and the rows that fail."""
    steps: list[Template] = []
    for index in range(5):
        count = random.choice([1, 3, 5])
        parents = random.sample(steps, min(len(steps), random.randint(1, 2)))
        needs = {parent.name: edge(random, parent.rows or 1, count) for parent in parents}
        steps.append(Template(f"step{index}", "", rows=count, needs=needs))
    rows = [(step.name, row) for step in steps for row in range(step.rows or 1)]
    failing = set(random.sample(rows, 2))
    return [failing_at(step, failing) for step in steps], failing


def edge(random: Random, before: int, count: int) -> str | Sequence[Sequence[int]]:
    kind = random.choice(["all", "rows", "rows", "each" if before == count else "rows"])
    some = [sorted(random.sample(range(before), random.randint(0, min(2, before)))) for _ in range(count)]
    return some if kind == "rows" else kind


def failing_at(step: Template, failing: set[Row]) -> Template:
    numbers = "".join(f" {row}" for name, row in failing if name == step.name)
    return Template(
        step.name, f'case "{numbers} " in *" {{row}} "*) exit 3 ;; esac\n', rows=step.rows, needs=step.needs
    )


def without(failing: set[Row], steps: Sequence[Template]) -> set[Row]:
    """Return the rows that do not fail, and whose parents are all done."""
    done: set[Row] = set()
    counts = {step.name: step.rows or 1 for step in steps}
    for step in steps:
        for row in range(counts[step.name]):
            waited = {
                (name, before) for name, pattern in step.needs.items() for before in rows(pattern, row, counts[name])
            }
            if waited <= done and (step.name, row) not in failing:
                done.add((step.name, row))
    return done


def rows(pattern: str | Sequence[Sequence[int]], row: int, count: int) -> Sequence[int]:
    if isinstance(pattern, str):
        return (row,) if pattern == "each" else range(count)
    return pattern[row]


def recorded(desk: Desk, name: str, counts: Mapping[str, int], ending: str) -> set[Row]:
    state = desk.path / "runs" / name / "state"
    return {
        (step, row)
        for step, count in counts.items()
        for row in range(count)
        if (state / step / f"{row}.{ending}").exists()
    }


def mixed(steps: Sequence[Template]) -> list[Template]:
    """Return the steps, every second one for Slurm. HTCondor delegates its jobs in bundles."""
    return [
        replace(step, hints={"compute_backend": "slurmcern"} if index % 2 else {}) for index, step in enumerate(steps)
    ]


def compiled(desk: Desk, name: str, system: str, steps: Sequence[Template], *settings: str) -> str:
    if system == "mixed":
        return compile_flow(desk, name, "generic-htcondor", *mixed(steps), settings=[BARE, *settings])
    return compile_flow(desk, name, system, *steps, settings=[BARE, *settings])


@pytest.mark.parametrize(("seeds", "rows_per_job"), [((0, 2, 3), 1), ((1, 4), 2)], ids=["single-rows", "chunks"])
def test_random_graphs_end_with_the_same_rows_on_every_system(
    desk: Desk, seeds: Sequence[int], rows_per_job: int
) -> None:
    graphs = {f"graph{seed}": graph(Random(seed)) for seed in seeds}
    names = {
        (shape, system): compiled(desk, f"{shape}-{system}", system, steps, f"rows_per_job={rows_per_job}")
        for shape, (steps, _) in graphs.items()
        for system in (*SITES, "mixed")
    }
    for (_, system), name in names.items():
        if system != "local":
            desk.reana_batch("submit", f"runs/{name}")
    for (_, system), name in names.items():
        if system == "local":
            done = desk.box.alice("make", "-j4", "-f", "batch/Makefile", cwd=f"{desk.folder}/runs/{name}", check=False)
            assert done.returncode == 2
    for (shape, system), name in names.items():
        steps, failing = graphs[shape]
        expected, counts = without(failing, steps), {step.name: step.rows or 1 for step in steps}
        if system != "local":
            record = desk.wait(name, 300)
            assert record["status"] == "failed"
            assert record["progress"] == {"done": len(expected), "total": sum(counts.values())}
            assert record["failed"] == len(recorded(desk, name, counts, "failed"))
        if system in ("generic-htcondor", "mixed"):
            told = desk.file(f"runs/{name}/batch/workflow.dag.dagman.out")
            assert "EXITING WITH STATUS 1" in told
        assert recorded(desk, name, counts, "done") == expected, (shape, system)
        assert recorded(desk, name, counts, "failed") <= failing


# --- analyses -------------------------------------------------------------------------------------


TWO_PRODUCERS = """
D = [f"d{i}" for i in range(6)]; M = [f"m{i}" for i in range(6)]
rule all:
    input: expand("last/{s}", s=D + M)
rule get:
    output: "ev/d{n}"
    shell: "test {wildcards.n} != 3 && echo d > {output}"
rule sim:
    output: "ev/m{n}"
    shell: "echo m > {output}"
rule sel:
    input: "ev/{s}"
    output: "sel/{s}"
    shell: "cp {input} {output}"
rule hist:
    input: "sel/{s}"
    output: "last/{s}"
    shell: "cp {input} {output}"
"""

MEMORY_VARIANTS = """
S = [f"s{i:02d}" for i in range(12)]
rule all:
    input: expand("last/{s}", s=S), "sum"
rule a:
    output: "a/{s}"
    shell: "test {wildcards.s} != s05 && echo {wildcards.s} > {output}"
rule b:
    input: "a/{s}"
    output: "b/{s}"
    resources: mem_mb=lambda wc: 100 * (1 + int(wc.s[1:]) % 3)
    shell: "cp {input} {output}"
rule c:
    input: "b/{s}"
    output: "c/{s}"
    shell: "cp {input} {output}"
rule d:
    input: "c/{s}", "a/{s}"
    output: "last/{s}"
    shell: "cat {input} > {output}"
rule sum:
    input: expand("last/{s}", s=S)
    output: "sum"
    shell: "cat {input} > {output}"
"""


@pytest.mark.parametrize("snakefile", [TWO_PRODUCERS, MEMORY_VARIANTS], ids=["two-producers", "memory-variants"])
def test_one_failed_sample_stops_itself_alone(desk: Desk, snakefile: str) -> None:
    desk.write("Snakefile", snakefile)
    desk.write("reana.yaml", json.dumps({"workflow": {"type": "snakemake", "file": "Snakefile"}}))
    options = ("--set", BARE)
    names = [desk.run("--site", site, *options, name=site) for site in SITES[:2]]
    desk.reana_batch("run", "--site", "local", *options, "--runs", "runs", "-w", "local", check=False)
    made = []
    for name in (*names, "local.1"):
        record = desk.wait(name, 300)
        assert (record["status"], record["failed"]) == ("failed", 1)
        assert record["progress"]["done"] + 1 + record["not_started"] == record["progress"]["total"]
        made.append(flows.tree(desk.path / "runs" / name / "workspace"))
    assert made[0] == made[1] == made[2]
    assert len([path for path in made[0] if path.startswith("last/")]) == 11
    assert "sum" not in made[0]


@pytest.mark.parametrize(("site", "rows_per_job"), [("generic-slurm", 1), ("generic-htcondor", 2)])
def test_a_row_that_fails_again_after_resume_stops_itself_alone(desk: Desk, site: str, rows_per_job: int) -> None:
    command = "[ ! -e fail-{row} ] || exit 3"
    steps = Template("first", command, rows=3), Template("second", "true {row}", rows=3, needs={"first": "each"})
    name = compile_flow(desk, "flow", site, *steps, settings=[BARE, f"rows_per_job={rows_per_job}"])
    for row in (0, 1):
        desk.write(f"runs/{name}/workspace/fail-{row}", "")
    desk.reana_batch("submit", f"runs/{name}")
    assert desk.wait(name)["progress"]["done"] == 2
    (desk.path / f"runs/{name}/workspace/fail-1").unlink()
    desk.reana_batch("resume", "--runs", "runs", "-w", name)
    record = desk.wait(name)
    assert (record["progress"]["done"], record["failed"], record["not_started"]) == (4, 1, 1)
    assert recorded(desk, name, {"second": 3}, "done") == {("second", 1), ("second", 2)}
    (desk.path / f"runs/{name}/workspace/fail-0").unlink()
    # As if the job of the last rows had ended just after it wrote its records.
    desk.write(f"runs/{name}/state/first/{3 // rows_per_job}.unfinished", "")
    desk.reana_batch("resume", "--runs", "runs", "-w", name)
    assert desk.wait(name)["status"] == "finished"
    assert not recorded(desk, name, {"first": 3, "second": 3}, "skipped")
