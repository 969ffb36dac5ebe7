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
    [("diamond", 2, "2"), ("wordcount", 2, "1"), ("toys", 8, "3"), ("channels", 4, "2"), ("lifetime", 4, "2")],
)
def test_a_sample_takes_as_long_as_an_earlier_run_foretells_and_has_the_files(
    empty: Tool, sample: str, slots: int, more: str
) -> None:
    shutil.copytree(ROOT / "samples" / sample, empty.directory, dirs_exist_ok=True)
    slow = {"BASH_ENV": str(empty.write("slow.sh", SLOW)), "SECONDS_MORE": more}
    here = ("--site", "local")
    for _ in range(2):
        assert empty.run("run", *here, "--runs", "runs", "-w", "test", "-j", str(slots), **slow).code == 0
    found = answer(empty, "estimate", *here, "--measured", "runs/test.1", "--slots", str(slots))
    real, files = empty.directory / "runs/test.2", found["files"]
    later = sum(each["earlier_seconds"] for each in found["unknown"])  # one follows from the other in this sample
    assert found["source"] == "measured"
    assert found["makespan"] + later == pytest.approx(seconds_of(real), rel=WITHIN, abs=0.5)
    folders = files["folders"] - folders_of_inputs(empty, *here)
    if not found["unknown"]:
        assert {"batch": files["batch"], "records": files["records"], "folders": folders} == counts(real)
    assert found["bytes_out"]["known"] > 0 or not found["bytes_out"]["unknown"]


def test_other_slots_than_those_of_the_earlier_run(empty: Tool) -> None:
    empty.write("Snakefile", SNAKEFILE)
    empty.write("reana.yaml", SNAKEMAKE)
    slow = {"BASH_ENV": str(empty.write("slow.sh", SLOW)), "SECONDS_MORE": "2"}
    for slots in ("6", "2"):
        assert empty.run("run", "--site", "local", "--runs", "runs", "-w", "test", "-j", slots, **slow).code == 0
    found = answer(empty, "estimate", "--site", "local", "--measured", "runs/test.1", "--slots", "2")
    assert found["makespan"] == pytest.approx(seconds_of(empty.directory / "runs/test.2"), rel=WITHIN, abs=0.5)
    assert (found["most_jobs"], found["jobs"]) == (2, 13)
