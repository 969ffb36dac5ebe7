"""Snakemake workflows that fail: the user sees the rule, its line and its output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("measured")  # the reader is a process of its own

SPEC = "workflow: {type: snakemake, file: Snakefile}\ninputs: {files: [fail.py]}\n"

FAILING = {
    "a command": (
        'rule a:\n    output: "a.txt"\n    shell: "echo no luck >&2; exit 7"\n',
        ("Snakefile:1", "exit code 7", "no luck"),
    ),
    "a script": (
        'rule a:\n    output: "a.txt"\n    script: "fail.py"\n',
        ("Snakefile:1", "ended with exit code 1", "ZeroDivisionError"),
    ),
    "Python of the rule": (
        'rule a:\n    output: "a.txt"\n    run:\n        open(output[0], "w").write({"a": 1}["b"])\n',
        ("Snakefile:1", "ended with exit code 1", "KeyError in file", "line 4", "'b'"),
    ),
    "an empty output": (
        'rule a:\n    output: ensure("a.txt", non_empty=True)\n    shell: ": > {output}"\n',
        ("Snakefile:1", "ended with exit code 1", "Detected unexpected empty output files"),
    ),
    "no output": (
        'rule a:\n    output: "b.txt", "a.txt"\n    shell: "touch b.txt"\n',
        ("Snakefile:1", "declared outputs are missing: a.txt"),
    ),
    "one row of many": (
        'rule all:\n    input: "1.txt", "2.txt"\nrule a:\n    output: "{n}.txt"\n'
        '    shell: "[[ {wildcards.n} == 1 ]] && touch {output}"\n',
        ("Snakefile:3", 'Step "a", job 1 of 2 failed', "[[ 2 == 1 ]] && touch 2.txt"),
    ),
}


@pytest.mark.parametrize("fault", FAILING)
def test_what_is_shown_of_a_failure(fault: str, tmp_path: Path) -> None:
    snakefile, shown = FAILING[fault]
    (tmp_path / "reana.yaml").write_text(SPEC)
    (tmp_path / "Snakefile").write_text(snakefile)
    (tmp_path / "fail.py").write_text("1 / 0\n")
    command = [sys.executable, "-m", "reana_batch", "run", "--runs", "runs", "-w", "flow"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    for text in shown:
        assert text in ended.stdout


def test_what_failed_leaves_nothing_to_the_next_attempt(tmp_path: Path) -> None:
    (tmp_path / "reana.yaml").write_text("workflow: {type: snakemake, file: Snakefile}\n")
    (tmp_path / "Snakefile").write_text(
        'rule a:\n    output: "out/a.txt"\n    retries: 1\n    shell: "[[ ! -e {output} ]] && echo x >> {output}; ! mkdir once"\n'
    )
    command = [sys.executable, "-m", "reana_batch", "run", "--runs", "runs", "-w", "flow"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr  # in the second attempt "once" exists
    assert (tmp_path / "runs/flow.1/workspace/out/a.txt").read_text() == "x\n"


# What the checkpoint does to the input functions that run after it, and which message the user sees.
BEHIND = {
    "a function fails": ("touch parts", "open('lost.txt')", ("Snakefile:8", "lost.txt")),
    "a function gives nonsense": ("touch parts", "7", ("Snakefile:9",)),
    "a file that no rule makes": ("touch parts", "'lost.txt'", ("Snakefile:9", "lost.txt")),
    "the Snakefile is gone": ("touch parts; rm Snakefile", "[]", ("Snakefile", "does not exist")),
    "the Snakefile is broken": (
        "touch parts; echo ')' >> Snakefile",
        "[]",
        ("\n  Snakefile:13:1: error: ", "has no opening bracket"),
    ),
    "the checkpoint is gone": ("touch parts; sed -i s/checkpoint/rule/ Snakefile", "[]", ("Snakefile:7", "split")),
}


@pytest.mark.parametrize("fault", BEHIND)
def test_a_fault_behind_a_checkpoint_is_shown_with_its_place(fault: str, tmp_path: Path) -> None:
    command, value, shown = BEHIND[fault]
    (tmp_path / "reana.yaml").write_text("workflow: {type: snakemake, file: Snakefile}\n")
    (tmp_path / "Snakefile").write_text(f"""rule all:
    input: "all.txt"
checkpoint split:
    output: "parts"
    shell: "{command}"
def parts(wildcards):
    checkpoints.split.get()
    return {value}
rule join:
    input: parts
    output: "all.txt"
    shell: "touch {{output}}"
""")
    command = [sys.executable, "-m", "reana_batch", "run", "-b", "make", "--runs", "runs", "-w", "flow"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "batch/analysis" not in ended.stdout + ended.stderr
    for text in (*shown, "what follows from it was refused"):
        assert text in ended.stdout
