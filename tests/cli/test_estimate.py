"""``estimate`` and what ``run`` says before it starts, next to what real runs then do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ended_runs import COUNTING, counted, counts, seconds_of, told
from tests.estimated_samples import SAMPLES, SLOW, WITHIN, place

from .conftest import Tool

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


# How many seconds the commands take longer: less where there are many, and more where planners compute in between.
MORE = {"wordcount": "1", "lifetime": "5"}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_takes_as_long_as_its_jobs_foretell_and_has_the_files(empty: Tool, sample: str) -> None:
    place(sample, empty.directory)
    slow = {"BASH_ENV": str(empty.write("slow.sh", SLOW)), "SECONDS_MORE": MORE.get(sample, "3")}
    here = ("--site", "local")
    for _ in range(2):
        assert empty.run("run", *here, "--runs", "runs", "-w", "test", "-j", "8", **slow).code == 0
    found = answer(empty, "estimate", *here, "--measured", "runs/test.1", "--slots", "8")
    real, files = empty.directory / "runs/test.1", found["files"]
    later = sum(each["earlier_seconds"] for each in found["unknown"])  # one follows from the other in this sample
    took = [seconds_of(empty.directory / f"runs/test.{number}") for number in (1, 2)]
    assert found["source"] == "measured"
    # The second run is not the one that has the durations.
    assert [found["makespan"] + later] * 2 == pytest.approx(took, rel=WITHIN, abs=1)
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


WRONG = [
    *(("--budget", text) for text in ("500", "h", "0", "-1", "1e3h", "500 core-hours", "10gpuh", "nan")),
    *(("--duration", text) for text in ("fit=", "0.5s", "nan", "-1")),
    ("--duration", "90s", "--duration", "80s"),
    ("--duration", "greet=90s", "--duration", "greet=80s"),
    *(("--queue-time", text) for text in ("nan", "-5", "1.5h", "")),
    *(("--slots", text) for text in ("0", "-1", "1e3")),
]


@pytest.mark.parametrize("words", WRONG)
def test_wrong_values_of_the_options(hello: Tool, words: tuple[str, ...]) -> None:
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
    figures = [
        text for text in said.splitlines() if text.startswith(("Jobs:", "Calls:", "Files:", "Comp", "Core", "Make"))
    ]
    assert [text.endswith(", without the jobs that are not known yet.") for text in figures] == [True] * 6
    refused = empty.run(*words, "--budget", "5h")
    assert refused.code == 3
    assert "because only the run can know the jobs that follow from" in refused.stderr
    assert f"Not known, and in no figure: the jobs that follow from {found[0]['reason']}." in said
    assert empty.run("run", "--site", "local", "--runs", "runs", "-w", "test").code == 0
    earlier = (*words, "--measured", "runs/test.1")
    known = answer(empty, *earlier, "--budget", "5h")
    assert known["left_out"] == ["jobs"]
    assert [each["earlier_jobs"] for each in known["unknown"]] == [1]
    assert all(each["earlier_core_seconds"] > 0 for each in known["unknown"])
    refused = empty.run(*earlier, "--budget", "0.0001h")
    assert "[over-budget]" in refused.stderr


def test_the_steps_add_up_to_the_totals(empty: Tool) -> None:
    empty.write("Snakefile", SNAKEFILE)
    empty.write("reana.yaml", SNAKEMAKE)
    assert empty.run("run", "--site", "local", "--runs", "runs", "-w", "test").code == 0
    found = answer(empty, "estimate", "--site", "local", "--measured", "runs/test.1")
    steps = found["steps"]
    assert sum(each["jobs"] for each in steps) == found["jobs"] == 13
    assert sum(each["scheduler_jobs"] for each in steps) == found["scheduler_jobs"]
    assert sum(each["cpus"] * each["seconds"] for each in steps) == pytest.approx(found["core_seconds"], abs=0.002)
    assert max(each["ends"] for each in steps) == found["makespan"]


def test_an_earlier_run_of_another_analysis_is_seen(hello: Tool) -> None:
    assert hello.run("run", "--site", "local", "--runs", "runs", "-w", "test").code == 0
    words = ("estimate", "--site", "local", "--measured", "runs/test.1")
    assert "Earlier run: it has the times of 1 of 1 step." in hello.run(*words).stdout
    hello.write_steps(other="true", another="true")
    assert "Earlier run: it has the times of 0 of 2 steps." in hello.run(*words).stdout


def test_a_dry_run_counts_the_jobs_that_it_would_take_over(hello: Tool) -> None:
    words = ("run", "--site", "local", "--runs", "runs", "--duration", "1m", "--dry-run", "--reuse")
    refused = hello.run(*words, "test")
    assert refused.code == 3
    assert "[unknown-run]" in refused.stderr
    assert hello.run("run", "--site", "local", "--runs", "runs", "-w", "test").code == 0
    assert answer(hello, *words, "test")["reused"] == 1
    assert "Reused: 1 of these jobs would not run again, but count in all figures." in hello.run(*words, "test").stdout
    assert answer(hello, *words[:-1])["reused"] is None


def test_a_time_in_the_queue_has_a_unit_and_is_left_out_if_it_is_unknown(hello: Tool) -> None:
    words = ("estimate", "--site", "generic-slurm", "--duration", "90s")
    known = answer(hello, *words, "--queue-time", "10m")
    assert (known["queue_seconds"], known["makespan"], known["left_out"]) == (600, 690, [])
    unknown = answer(hello, *words)
    assert (unknown["queue_seconds"], unknown["makespan"], unknown["left_out"]) == (None, 90, ["queue"])
    assert "Makespan: 1 min 30 s, without the time in the queue, which is unknown." in hello.run(*words).stdout
    here = answer(hello, "estimate", "--site", "local", "--duration", "90s")
    assert (here["queue_seconds"], here["left_out"]) == (0, [])


def test_a_run_has_the_calls_the_files_and_the_bytes_that_were_counted(empty: Tool) -> None:
    place("toys", empty.directory)
    empty.write("bin/make", COUNTING).chmod(0o755)
    counting = {"PATH": f"{empty.directory}/bin:{empty.environment['PATH']}", "CALLS": str(empty.directory / "calls")}
    assert empty.run("run", "--site", "local", "--runs", "runs", "-w", "test", **counting).code == 0
    compiled = answer(empty, "compile", "--site", "local", "--dry-run")
    found, real = (
        answer(empty, "estimate", "--site", "local", "--measured", "runs/test.1"),
        empty.directory / "runs/test.1",
    )
    assert told(found) == counted(real, compiled["inputs"], empty.directory / "calls")
    sizes = [path.stat().st_size for path in (real / "batch").rglob("*") if path.is_file()]
    assert (found["files"]["batch"], found["files"]["batch_bytes"]) == (len(sizes), sum(sizes))
