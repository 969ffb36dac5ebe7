"""The jobs that the arrays of a whole analysis wait for on Slurm, which are the figures of the manual."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from reana_batch import pipeline
from reana_batch.compilation import Compilation, Options
from reana_batch.diagnostics import Diagnostics

SEARCH = """
# The shape of a search with simulated samples, data and a signal: 67 jobs.
EVENTS = {"mc1": 4, "mc2": 4, "data": 5, "signal": 2}
BATCH = {"mc1": 2, "mc2": 2, "data": 6, "signal": 2}
def batches(sample, count):
    return -(-count // BATCH[sample])
def batch(pattern, count):
    def inputs(wildcards):
        size, first, total = BATCH[wildcards.s], int(wildcards.b) * BATCH[wildcards.s], count(wildcards.s)
        return expand(pattern, i=range(first, min(first + size, total)), **wildcards)
    return inputs
def merged(sample):
    return batches(sample, EVENTS[sample])
rule all:
    input: "plot", "table"
rule generate:
    output: "gen/{s}/{i}"
    shell: "echo {wildcards.s} {wildcards.i} > {output}"
rule merge:
    input: batch("gen/{s}/{i}", EVENTS.get)
    output: "merged/{s}/{b}"
    shell: "cat {input} > {output}"
rule select:
    input: "merged/{s}/{b}"
    output: "selected/{s}/{v}/{b}"
    shell: "cp {input} {output}"
rule merge_selected:
    input: batch("selected/{s}/{v}/{i}", merged)
    output: "together/{s}/{v}/{b}"
    shell: "cat {input} > {output}"
rule histogram:
    input: "together/{s}/{v}/{b}"
    output: "hist/{s}/{v}/{b}"
    shell: "cp {input} {output}"
rule merge_shapes:
    input: "hist/{s}/up/0", "hist/{s}/down/0"
    output: "shapes/{s}"
    shell: "cat {input} > {output}"
rule merge_sample:
    input: "hist/{s}/nominal/0", "shapes/{s}"
    output: "mc/{s}"
    shell: "cat {input} > {output}"
rule merge_mc:
    input: "mc/mc1", "mc/mc2"
    output: "all/mc"
    shell: "cat {input} > {output}"
rule merge_data:
    input: "hist/data/signal/0", "hist/data/control/0"
    output: "all/data"
    shell: "cat {input} > {output}"
rule merge_signal:
    input: "hist/signal/nominal/0"
    output: "all/signal"
    shell: "cat {input} > {output}"
rule merge_all:
    input: "all/mc", "all/data", "all/signal"
    output: "merged.root"
    shell: "cat {input} > {output}"
rule model:
    input: "merged.root"
    output: "model"
    shell: "cp {input} {output}"
rule plot:
    input: "model"
    output: "plot"
    shell: "cp {input} {output}"
rule table:
    input: "model"
    output: "table"
    shell: "cp {input} {output}"
"""


def submission(tmp_path: Path, snakefile: str, *settings: str) -> tuple[Compilation, str]:
    """Return the compilation of a Snakefile for Slurm, and the script that submits it."""
    (tmp_path / "Snakefile").write_text(snakefile)
    (tmp_path / "reana.yaml").write_text("workflow: {type: snakemake, file: Snakefile}\n")
    options = Options(backend="slurm", settings=("container_runtime=none", *settings))
    compilation = pipeline.compile_spec(tmp_path / "reana.yaml", options, Diagnostics())
    (script,) = ("".join(file.text) for file in compilation.files() if file.path == "batch/submit.sh")
    return compilation, script


def test_the_arrays_of_a_search(tmp_path: Path) -> None:
    compilation, script = submission(tmp_path, SEARCH)
    assert (compilation.workflow.job_count, script.count("\nsubmit ")) == (65, 14)
    assert Counter(re.findall("after[a-z]+", script)) == {"aftercorr": 2, "afterany": 7, "afterok": 7}
    # A job that waits with afterok waits for a single job, or for all rows.
    counts = {step.name: step.table.count for step in compilation.workflow.steps}
    waited = re.findall("afterok ([a-z_]+)/0", script)
    assert sorted(name for name in waited if counts[name] > 1) == ["merge_sample"]


ROWS = """
rule all:
    input: expand("b/{n}", n=range(3))
rule a:
    output: "a/{n}"
    shell: "touch {output}"
rule b:
    input: "a/{n}"
    output: "b/{n}"
    shell: "touch {output}"
"""


def test_a_job_of_all_rows_starts_when_that_of_their_parents_has_ended(tmp_path: Path) -> None:
    _, script = submission(tmp_path, ROWS, "rows_per_job=5")
    assert re.findall("after[a-z]+ [a-z]+/0", script) == ["afterany a/0"]
