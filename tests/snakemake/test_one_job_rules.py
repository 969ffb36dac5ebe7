"""Workflows that tools generate, with one rule per job: equal rules become one step, and rows keep the rules' names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reana_batch import layout, pipeline
from reana_batch.compilation import Compilation, Options
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle.creation import write_run
from reana_batch.run import logs
from reana_batch.run.failures import failures
from reana_batch.run.parts import Run

from . import flows

pytestmark = pytest.mark.usefixtures("measured")  # the reader is a process of its own

COUNT = 12


def rule(name: str, inputs: list[str], output: str, command: str, memory: int = 100) -> str:
    asked = f"    input: {', '.join(map(repr, inputs))}\n" if inputs else ""
    return f"rule {name}:\n{asked}    output: {output!r}\n    resources: mem_mb={memory}\n    shell: {command!r}\n"


def ring(count: int, bad: int = -1) -> str:
    """Return a source, a row of jobs that follow it, pairs of neighbours, one job for each pair, and a sum."""
    texts = ["rule all:\n    input: 'sum'\n", rule("source_ID001", [], "src", "echo source > src")]
    for i in range(count):
        name, luck = f"project_ID{i:03}", f"test {i} != {bad} || exit 3"
        texts.append(rule(name, ["src"], f"p{i}", f"{luck}; cat src > p{i}; echo --name {name} --work {i * i} >> p{i}"))
    for i in range(count):
        j = (i + 1) % count
        texts.append(rule(f"pair_ID{i:03}", [f"p{i}", f"p{j}"], f"d{i}", f"cat p{i} p{j} > d{i}", 100 + 100 * (i % 2)))
        texts.append(rule(f"back_ID{i:03}", [f"d{i}", f"p{i}"], f"b{i}", f"cat d{i} p{i} > b{i}"))
    parts = " ".join(f"b{i}" for i in range(count))
    return "\n".join([*texts, rule("sum_ID001", parts.split(), "sum", f"cat {parts} > sum")])


def compiled(directory: Path, snakefile: str, backend: str = "make") -> tuple[Path, Compilation]:
    (directory / "Snakefile").write_text(snakefile)
    (directory / "scripts").mkdir(exist_ok=True)
    (directory / "reana.yaml").write_text(
        "inputs: {directories: [scripts]}\nworkflow: {type: snakemake, file: Snakefile}\n"
    )
    options = Options(backend=backend, settings=("container_runtime=none",))
    compilation = pipeline.compile_spec(directory / "reana.yaml", options, Diagnostics())
    write_run(compilation, directory / "run")
    return directory / "run", compilation


def test_rules_that_differ_in_names_files_and_numbers_are_one_step(tmp_path: Path) -> None:
    run, compilation = compiled(tmp_path, ring(COUNT), "slurm")
    found = {step.name: (step.label, step.table.count) for step in compilation.workflow.steps}
    assert found == {
        "source_ID001": ("source_ID001", 1),
        "project_ID": ("project_ID", COUNT),
        "pair_ID.1": ("pair_ID", COUNT // 2),  # half of them ask for more memory
        "pair_ID.2": ("pair_ID", COUNT // 2),
        "back_ID.1": ("back_ID", COUNT // 2),
        "back_ID.2": ("back_ID", COUNT // 2),
        "sum_ID001": ("sum_ID001", 1),
    }
    assert (run / "batch/submit.sh").read_text().count("\nsubmit ") == 7


def test_a_rule_for_each_job_gives_what_snakemake_gives(tmp_path: Path) -> None:
    run, _ = compiled(tmp_path, ring(COUNT))
    subprocess.run(["make", "-j2", "-f", "batch/Makefile"], cwd=run, check=True, capture_output=True)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "Snakefile").write_text(ring(COUNT))
    subprocess.run([sys.executable, "-m", "snakemake", "-c2"], cwd=theirs, check=True, capture_output=True)
    assert flows.tree(run / layout.WORKSPACE) == flows.tree(theirs)


def test_rows_keep_the_names_and_places_of_their_rules(tmp_path: Path) -> None:
    run, _ = compiled(tmp_path, ring(COUNT, bad=7))
    subprocess.run(["make", "-j2", "-k", "-f", "batch/Makefile"], cwd=run, check=False, capture_output=True)
    line = ring(COUNT, bad=7).splitlines().index("rule project_ID007:") + 1
    (failure,) = failures(Run(run))
    assert (failure.label, failure.origin, failure.rows) == ("project_ID007", f"Snakefile:{line}", 1)
    assert "test 7 != 7" in failure.command
    (log,) = logs.select(Run(run), "project_ID003", None)
    assert (log.label, log.row, log.title.count("job")) == ("project_ID003", 3, 0)
    assert [each.label for each in logs.select(Run(run), "project_ID", None)][:2] == ["project_ID000", "project_ID001"]
    assert [each.label for each in logs.select(Run(run), None, None)] == ["project_ID007"]


FIVE = [f"r{i}" for i in range(5)]


@pytest.mark.parametrize(
    ("commands", "steps"),
    [
        ([f"touch {name}" for name in FIVE], 1),
        ([f"touch {name}" for name in FIVE[:4]], 4),  # a user may have written so few by hand
        ([f"touch {name}; sleep 0.{i}" for i, name in enumerate(FIVE)], 1),
        ([*(f"touch {name}" for name in FIVE[:4]), "touch 'r4' && true"], 5),
        ([f"for i in 1 {'1 ' * i}; do echo $i; done > {name}" for i, name in enumerate(FIVE)], 1),
        ([f"echo '{json.dumps({name: i})}' > {name}" for i, name in enumerate(FIVE)], 1),
    ],
)
def test_which_rules_are_one_step(commands: list[str], steps: int, tmp_path: Path) -> None:
    texts = [rule(f"x{i}", [], f"r{i}", text.replace("{", "{{").replace("}", "}}")) for i, text in enumerate(commands)]
    wanted = ", ".join(repr(f"r{i}") for i in range(len(commands)))
    run, compilation = compiled(tmp_path, "\n".join([f"rule all:\n    input: {wanted}\n", *texts]))
    assert len(compilation.workflow.steps) == steps
    subprocess.run(["make", "-f", "batch/Makefile"], cwd=run, check=True, capture_output=True)
    expected = [subprocess.run(["bash", "-c", f"{each}; cat r{i}"], cwd=tmp_path, capture_output=True, check=True).stdout
                for i, each in enumerate(commands)]  # fmt: skip
    assert [(run / "workspace" / f"r{i}").read_bytes() for i in range(len(commands))] == expected


def test_rules_that_differ_in_words_of_their_names(tmp_path: Path) -> None:
    samples = ["alpha", "beta", "gamma", "delta", "data"]
    texts = [
        rule(f"{s}_fit", [], f"fit_{s}.txt", f"echo --sample {s} --label '{s} fit' > fit_{s}.txt") for s in samples
    ]
    wanted = ", ".join(repr(f"fit_{s}.txt") for s in samples)
    _, compilation = compiled(tmp_path, "\n".join([f"rule all:\n    input: {wanted}\n", *texts]))
    (step,) = compilation.workflow.steps
    assert step.label == "alpha_fit_and_4_more"
    assert [label for label, _ in step.row_names] == sorted(f"{s}_fit" for s in samples)


# Rules that Snakemake itself runs on the worker. %s is the number of the rule.
ON_WORKER = {
    "run": "    run:\n        with open(output[0], 'w') as f:\n            f.write('%s of r%s')\n",
    "script": "    script: 'scripts/r%s.py'\n",
    "late": "    input: 'src'\n    params: size=lambda wc, input: open(input[0]).read() + '%s'\n"
    "    shell: 'echo {params.size} > {output}'\n",
}


@pytest.mark.parametrize("kind", ON_WORKER)
@pytest.mark.parametrize("odd", [False, True], ids=["alike", "one-is-other"])
def test_rules_that_snakemake_runs_are_one_step_too(kind: str, odd: bool, tmp_path: Path) -> None:
    bodies = [ON_WORKER[kind].replace("%s", str(i)) for i in range(6)]
    if odd:
        bodies[5] = "    run:\n        shell('date > {output}')\n"
    texts = [f"rule make_ID{i}:\n    output: 'r{i}'\n{body}" for i, body in enumerate(bodies)]
    texts.insert(0, "rule all:\n    input: " + ", ".join(f"'r{i}'" for i in range(6)) + "\n")
    texts.append("rule source:\n    output: 'src'\n    shell: 'echo 3 > src'\n")
    (tmp_path / "scripts").mkdir()
    for i in range(6):
        (tmp_path / f"scripts/r{i}.py").write_text("open(snakemake.output[0], 'w').close()\n")
    run, compilation = compiled(tmp_path, "\n".join(texts), "slurm" if odd else "make")
    counts = {step.label: step.table.count for step in compilation.workflow.steps if step.label != "source"}
    assert counts == ({"make_ID": 5, "make_ID5": 1} if odd else {"make_ID": 6})
    if kind == "run" and not odd:
        subprocess.run(["make", "-j2", "-f", "batch/Makefile"], cwd=run, check=True, capture_output=True)
        assert [(run / f"workspace/r{i}").read_text() for i in range(6)] == [f"{i} of r{i}" for i in range(6)]
