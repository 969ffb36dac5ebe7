"""Other programs read the generated files: bash, shellcheck and GNU make read all, and make runs some.

tests/site has the same for DAGMan and Slurm.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reana_batch.backends import BACKENDS
from reana_batch.ir import Pattern, RowMapping, Workflow

from .golden_cases import CASES, SAMPLE_CASES, Case, golden_path
from .workflows import ODD_CELLS, WORKFLOWS

SHELLCHECK = Path(sys.executable).with_name("shellcheck")

# Some cases fail to compile, as their golden files say.
MADE = [
    *(
        each
        for each in CASES
        if "make" in each.backends and "==> batch/Makefile" in golden_path(each, "make").read_text()
    ),
    *SAMPLE_CASES,
]


def _said(command: list[str | Path], directory: Path) -> str:
    """Return the output of a program, which must succeed."""
    # A make that runs these tests must not affect them.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    ended = subprocess.run(command, cwd=directory, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_bash_and_shellcheck_have_no_complaint(backend: str, compiled: Path) -> None:
    root = compiled / backend
    found = sorted(path for path in root.glob("*/run/batch/**/*") if path.suffix in {".sh", ".sbatch"})
    # The libraries are the same in every run, so each text is read once.
    scripts = list({path.read_bytes(): path.relative_to(root) for path in found}.values())
    assert len(scripts) > len(list(root.glob("*/run")))
    assert _said(["bash", "-c", 'for script; do bash -n "$script" || exit; done', "bash", *scripts], root) == ""
    assert _said([SHELLCHECK, "--color=never", *scripts], root) == ""


def test_a_dag_finds_its_scripts(compiled: Path) -> None:
    """DAGMan starts the scripts of a node in the node's directory."""
    found = set()
    for dag in sorted((compiled / "htcondor").glob("*/run/batch/workflow.dag")):
        run = dag.parents[1].resolve()
        words = [line.split() for line in dag.read_text("utf-8").splitlines()]
        directories = {each[2]: each[5] for each in words if each[:2] == ["SUBDAG", "EXTERNAL"]}
        for _, kind, node, shell, script, verb, record, *_ in (each for each in words if each[:1] == ["SCRIPT"]):
            folder = run / directories.get(node, ".")
            assert shell == "/bin/bash"
            assert (folder / script).is_file(), (run, node)
            assert (folder / record).resolve().is_relative_to(run / "state"), (run, node)
            found.add((kind, verb, node in directories))
    assert found == {("POST", "job", False), ("POST", "job", True), ("PRE", "step", False)}


@pytest.mark.parametrize("case", MADE, ids=[case.name for case in MADE])
def test_make_would_start_every_job_once(case: Case, compiled: Path) -> None:
    run = compiled / "make" / case.name / "run"
    said = _said(["make", "-n", "-f", "batch/Makefile"], run)
    started = re.findall(r" bash batch/steps/(\S+)/job\.sh (\d+) ", said)
    stamps = re.findall(r"^stamps\.\S+ := (.*)", (run / "batch/Makefile").read_text("utf-8"), re.MULTILINE)
    assert len(started) == len(set(started)) == sum(len(line.split()) for line in stamps)
    assert "make:" not in said  # no warning, no cycle


def _rows_before(workflow: Workflow) -> dict[tuple[str, int], set[tuple[str, int]]]:
    """Return for each row of each step the rows that it waits for."""
    before: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for step in workflow.steps:
        for row in range(step.table.count):
            waits = before.setdefault((step.name, row), set())
            for need in step.needs:
                parents = range(workflow.step(need.step).table.count)
                if isinstance(need.pattern, RowMapping):
                    waits |= {(need.step, parent) for parent in need.pattern.parents[row]}
                else:
                    waits |= {(need.step, p) for p in parents if need.pattern is Pattern.ALL or p == row}
    return before


@pytest.mark.parametrize("name", sorted(WORKFLOWS.keys() - {"cells", "scatter", "expansions", "joins", "server"}))
def test_a_real_make_runs_each_row_once_and_after_what_it_needs(name: str, compiled: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(compiled / "make" / name / "run", run)
    _said(["make", "-j8", "-f", "batch/Makefile"], run)
    lines = (run / "workspace/order.txt").read_text("utf-8").splitlines()
    order = [(step, int(row)) for step, row in map(str.split, lines)]
    before = _rows_before(WORKFLOWS[name]().workflow)
    assert sorted(order) == sorted(before)
    for index, row in enumerate(order):
        assert before[row] <= set(order[:index])


def test_a_real_bash_gets_every_cell_back(compiled: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(compiled / "make/cells/run", run)
    _said(["make", "-j8", "-f", "batch/Makefile"], run)
    logs = [(run / f"logs/cells/{row}.out").read_bytes().decode() for row in range(len(ODD_CELLS))]
    assert logs == [f"{cell}x\n" for cell in ODD_CELLS]


def test_a_real_make_runs_the_scripts_of_a_table(compiled: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(compiled / "make/scatter/run", run)
    _said(["make", "-j8", "-f", "batch/Makefile"], run)
    lines = (run / "workspace/order.txt").read_text("utf-8").splitlines()
    fits = ["fit ee --mass=125 --again ee", "fit ee --mass=90 --again ee", "fit mumu --mass=90 --again mumu"]
    assert [lines[0], sorted(lines[1:-1]), lines[-1]] == ["prepare 0", fits, "merge 0"]
