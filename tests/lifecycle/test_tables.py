"""Features that need a table: declared outputs checked after several last steps, and chunks by measured durations."""

from __future__ import annotations

from pathlib import Path

import pytest

from reana_batch.ir import Need, Pattern
from reana_batch.run.failures import failures
from reana_batch.run.parts import Run

from .conftest import Desk, records, said, serial
from .flows import compiled, make, scatter, write_run

# --- strict outputs -------------------------------------------------------------------------------


def test_without_it_a_missing_output_is_not_a_failure(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true", outputs={"files": ["out.txt"]}))
    desk.run()
    assert desk.json("status", "-w", "test")["missing_outputs"] == ["out.txt"]


def test_the_last_step_fails_without_the_declared_outputs(desk: Desk) -> None:
    outputs = {"files": ["a", "b c"], "directories": ["d"]}
    desk.write("reana.yaml", serial("true", "touch a", outputs=outputs))
    run = desk.run("test", "--strict-outputs", exits=1)
    failure = desk.json("status", "-w", "test")["first_failure"]
    assert (failure["step"], failure["exit_code"]) == ("s2", 93)
    assert failure["cause"] == "the command succeeded, but declared outputs are missing: b c d"
    assert records(run, "done") == ["s1/0"]
    desk.write("reana.yaml", serial("true", "touch a 'b c'; mkdir d", outputs=outputs))
    desk.run("test", "--strict-outputs")


def test_several_ends_are_followed_by_a_step_that_looks(desk: Desk) -> None:
    run = desk.path / "runs/flow.1"
    steps = (scatter("left", "touch a"), scatter("right", "test {row} -eq 0 || touch b", 2), scatter("alone", "true"))
    write_run(run, *steps, outputs=["a", "b", "c"], strict_outputs=True)
    assert make(run) == 2
    [failure] = failures(Run(run))
    assert (failure.label, failure.command) == ("outputs", "")
    assert failure.cause == "the command succeeded, but declared outputs are missing: c"
    assert records(run, "done") == ["alone/0", "left/0", "right/0", "right/1"]
    desk.write("runs/flow.1/workspace/c", "")
    assert make(run) == 0
    assert desk.state("flow") == "finished"


def test_one_end_of_many_rows_is_followed_by_a_step_that_looks() -> None:
    compilation = compiled(scatter("fan", "true", 3), outputs=["a"], strict_outputs=True)
    assert [(step.name, step.outputs) for step in compilation.workflow.steps] == [
        ("fan", ()),
        ("outputs.check", ("a",)),
    ]


# --- measured -------------------------------------------------------------------------------------

AUTO = ("rows_per_job=auto",)


def measured_run(run: Path, **seconds: int) -> Path:
    """Run steps of 20 rows with these names, and write a duration for each row into their records."""
    write_run(run, *(scatter(name, "true", 20) for name in seconds))
    assert make(run) == 0
    for name, duration in seconds.items():
        for record in (run / "state" / name).glob("*.done"):
            lines = record.read_text("utf-8").splitlines()
            started = next(int(line.partition("=")[2]) for line in lines if line.startswith("started="))
            ended = [f"ended={started + duration}" if line.startswith("ended=") else line for line in lines]
            record.write_text("\n".join(ended) + "\n", "utf-8")
    return run


def sizes(measured: Path | None, *steps: str, rows: int = 5000, needs: dict[str, str] | None = None) -> dict[str, int]:
    made = [
        scatter(name, "true", rows, needs=(Need((needs or {})[name], Pattern.EACH),) if name in (needs or {}) else ())
        for name in steps
    ]
    compilation = compiled(*made, settings=AUTO, measured=measured)
    return {step.name: step.placed.chunk_size for step in compilation.workflow.steps}


def test_chunks_by_durations_of_an_earlier_run(tmp_path: Path) -> None:
    earlier = measured_run(tmp_path / "run", quick=0, short=6, long=300, longer=3600)
    # Jobs of ten minutes. A row measured at zero seconds counts as half a second.
    found = sizes(earlier, "quick", "short", "long", "longer", "new")
    assert found == {"quick": 1200, "short": 100, "long": 2, "longer": 1, "new": 5}


def test_steps_that_follow_row_by_row_have_equal_chunks(tmp_path: Path) -> None:
    earlier = measured_run(tmp_path / "run", a=0, b=6, c=1, d=300)
    found = sizes(earlier, "a", "b", "c", "d", needs={"b": "a", "c": "b"})
    assert found == {"a": 100, "b": 100, "c": 100, "d": 2}


def test_durations_are_those_of_finished_jobs(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_run(run, scatter("some", "test {row} -eq 0", 3), scatter("none", "false"))
    assert make(run) == 2
    assert list(Run(run).durations()) == ["some"]


def test_chunked_rows_all_run_and_keep_their_records(desk: Desk) -> None:
    run = desk.path / "runs/flow.1"
    earlier = measured_run(desk.path / "earlier", first=200, second=100)
    steps = (
        scatter("first", "echo {row} >> first.{row}", 20),
        scatter("second", "cat first.{row} >> second.txt", 20, needs=(Need("first", Pattern.EACH),)),
    )
    compilation = write_run(run, *steps, settings=AUTO, measured=earlier)
    assert [(step.placed.chunk_size, step.chunks) for step in compilation.workflow.steps] == [(3, 7), (3, 7)]
    assert make(run) == 0
    assert sorted(map(int, desk.read("runs/flow.1/workspace/second.txt").split())) == list(range(20))
    assert len(records(run, "done")) == 40
    assert desk.json("status", "-w", "flow")["progress"] == {"done": 40, "total": 40}


def test_the_command_line_takes_an_earlier_run(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    run = desk.run()
    words = ("compile", "--dry-run", "--rows-per-job", "auto", "--measured")
    assert desk.json(*words, str(run))["jobs"] == 1
    (desk.path / "folder").mkdir()
    said(desk(*words, "folder", exits=3), "error: There is no run in folder. [unknown-run]")
    desk(*words, "nowhere", exits=2)


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "warned"), [(3, True), (4, False)])
def test_a_directory_with_more_inputs_than_the_site_allows(desk: Desk, limit: int, warned: bool) -> None:
    for number in range(4):
        desk.write(f"data/deep/{number}.txt", "")
    desk.write("reana.yaml", serial("ls data/deep", inputs={"directories": ["data"]}))
    answer = desk.json("validate", "--set", f"limits.directory_entries={limit}")
    found = [
        (each["severity"], each["message"], each["hint"])
        for each in answer["diagnostics"]
        if each["code"] == "over-limit"
    ]
    message = "data/deep has 4 input files; local allows 3 per directory."
    assert found == ([("warning", message, "spread them over directories, or pack them.")] if warned else [])
    assert answer["valid"] is True


def test_the_folder_of_the_analysis_counts_too(desk: Desk) -> None:
    desk.write("a", "")
    desk.write("b", "")
    desk.write("reana.yaml", serial("true", inputs={"files": ["a", "b"]}))
    done = desk("run", "-w", "test", "--set", "limits.directory_entries=1")
    said(done, "warning: The analysis has 2 input files; local allows 1 per directory. [over-limit]")
