"""``estimate`` and what ``run`` says before it starts, next to what real runs then do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.ended_runs import counts, seconds_of

from .conftest import Tool

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 0.15

# Each command of a job takes some seconds longer, so that other load of the machine counts less.
SLOW = """\
case $0 in
  */batch/steps/*/command.* | */state/*/running-*) [[ -n ${SLOWED-} ]] || { export SLOWED=yes; sleep "$SECONDS_MORE"; } ;;
esac
"""

SNAKEFILE = """\
rule merge:
    input: expand("{n}.fit", n=range(6))
    output: "all.txt"
    shell: "cat {input} >{output}"
rule throw:
    output: "{n}.toy"
    shell: "echo {wildcards.n} >{output}"
rule fit:
    input: "{n}.toy"
    output: "{n}.fit"
    shell: "cp {input} {output}"
"""
SNAKEMAKE = "inputs: {files: [Snakefile]}\nworkflow: {type: snakemake, file: Snakefile}\noutputs: {files: [all.txt]}\n"


def answer(tool: Tool, *words: str, code: int = 0, **changes: str) -> dict[str, Any]:
    ended = tool.run(*words, "--json", **changes)
    assert ended.code == code, ended.stderr
    record: dict[str, Any] = json.loads(ended.stdout)
    return record


def folders_of_inputs(tool: Tool, *words: str) -> int:
    paths = [Path(each) for each in answer(tool, "compile", "--dry-run", *words)["inputs"]]
    return len({folder for path in paths for folder in path.parents} - {Path()})


@pytest.mark.parametrize(
    ("sample", "slots", "more"),
    [
        ("diamond", 2, "2"),
        ("wordcount", 2, "1"),
        ("toys", 8, "3"),
        ("channels", 4, "2"),
        ("lifetime", 4, "2"),
        ("helloworld", 1, "3"),
    ],
)
def test_a_sample_takes_as_long_as_its_jobs_foretell_and_has_the_files(
    empty: Tool, sample: str, slots: int, more: str
) -> None:
    shutil.copytree(ROOT / "samples" / sample, empty.directory, dirs_exist_ok=True)
    slow = {"BASH_ENV": str(empty.write("slow.sh", SLOW)), "SECONDS_MORE": more}
    here = ("--site", "local")
    assert empty.run("run", *here, "--runs", "runs", "-w", "test", "-j", str(slots), **slow).code == 0
    found = answer(empty, "estimate", *here, "--measured", "runs/test.1", "--slots", str(slots))
    # The load of the machine can differ between two runs. So the durations are those of the run that is compared.
    real, files = empty.directory / "runs/test.1", found["files"]
    later = sum(each["earlier_seconds"] for each in found["unknown"])  # one follows from the other in this sample
    assert found["source"] == "measured"
    assert found["makespan"] + later == pytest.approx(seconds_of(real), rel=WITHIN, abs=1)
    folders = files["folders"] - folders_of_inputs(empty, *here)
    if not found["unknown"]:
        assert {"batch": files["batch"], "records": files["records"], "folders": folders} == counts(real)
    assert found["bytes_out"]["known"] > 0 or not found["bytes_out"]["unknown"]


def test_other_slots_than_those_of_the_earlier_run(empty: Tool) -> None:
    empty.write("Snakefile", SNAKEFILE)
    empty.write("reana.yaml", SNAKEMAKE)
    slow = {"BASH_ENV": str(empty.write("slow.sh", SLOW)), "SECONDS_MORE": "2"}
    assert empty.run("run", "--site", "local", "--runs", "runs", "-w", "test", "-j", "2", **slow).code == 0
    words = ("estimate", "--site", "local", "--measured", "runs/test.1", "--slots")
    same, more = answer(empty, *words, "2"), answer(empty, *words, "6")
    assert same["makespan"] == pytest.approx(seconds_of(empty.directory / "runs/test.1"), rel=WITHIN, abs=1)
    assert (same["most_jobs"], more["most_jobs"], more["jobs"]) == (2, 6, 13)
    assert more["makespan"] < same["makespan"] / 1.5  # seven rounds of jobs become three


def test_a_dry_run_shows_the_estimate_and_starts_nothing(hello: Tool) -> None:
    words = ("--site", "local", "--duration", "greet=90s")
    before = hello.files()
    dry = answer(hello, "run", *words, "--dry-run", "--jobs", "3", "--runs", "runs")
    assert hello.files() == before
    assert (dry["makespan"], dry["slots"], dry["source"]) == (90, 3, "given")
    assert dry == answer(hello, "estimate", *words, "--slots", "3")
    text = hello.run("run", *words, "--dry-run", "--slots", "1").stdout.splitlines()
    assert text[1].split("\t") == ["greet", "1", "1", "90.00", "given", "1", "0", "0.025", "0", "90"]
    assert "Makespan: 1 min 30 s." in text
    assert text[-1] == "==> Nothing was written or started."


def test_a_run_starts_only_within_its_budget(hello: Tool) -> None:
    words = ("run", "--site", "local", "--runs", "runs", "-w", "small", "--duration", "1h", "--budget")
    refused = hello.run(*words, "0.99h")
    assert refused.code == 3
    assert "The run needs 1 h of core time, and the budget is 0.99 h. [over-budget]" in refused.stderr
    assert not (hello.directory / "runs").exists()
    assert hello.run(*words, "1h").code == 0
    assert (hello.directory / "runs/small.1/workspace/greetings.txt").exists()


@pytest.mark.parametrize("words", [("--budget", "500"), ("--budget", "h"), ("--duration", "fit="), ("--slots", "0")])
def test_wrong_values_of_the_options(hello: Tool, words: tuple[str, str]) -> None:
    ended = hello.run("estimate", *words)
    assert ended.code == 2
    assert words[0] in ended.stderr


def test_what_only_the_run_can_know_is_said_to_be_unknown(empty: Tool) -> None:
    empty.write(
        "Snakefile",
        """\
checkpoint split:
    output: directory("parts")
    shell: "mkdir parts; echo > parts/a"
def ends(wildcards):
    checkpoints.split.get()
    return ["a.out"]
rule all:
    input: ends
    default_target: True
rule end:
    input: "parts/{x}"
    output: "{x}.out"
    shell: "cp {input} {output}"
""",
    )
    empty.write("reana.yaml", "inputs: {files: [Snakefile]}\nworkflow: {type: snakemake, file: Snakefile}\n")
    words = ("estimate", "--site", "local", "--duration", "1m")
    found = answer(empty, *words)["unknown"]
    assert [each["earlier_jobs"] for each in found] == [None]
    said = empty.run(*words).stdout
    assert f"Not known, and in no figure: the jobs that follow from {found[0]['reason']}." in said
    assert empty.run("run", "--site", "local", "--runs", "runs", "-w", "test").code == 0
    known = answer(empty, *words, "--measured", "runs/test.1")["unknown"]
    assert [each["earlier_jobs"] for each in known] == [1]
