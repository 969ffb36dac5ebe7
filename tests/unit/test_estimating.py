"""The parts of an estimate: durations and their sources, an earlier run, and the bytes and effects of a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reana_batch import backends, pipeline
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import Diagnostics, Place, Refused
from reana_batch.estimating.durations import Durations, Given, durations
from reana_batch.estimating.estimate import Effect, Unknown, Wanted, check_budget, estimate
from reana_batch.estimating.measured import Expanded, Gap, Measured, measured
from reana_batch.ir import Need, Pattern, Repeated, Resources, Step, Workflow, literal
from reana_batch.lifecycle.creation import write_run
from reana_batch.site import Limits
from tests.steps import make_step

AT = Place("reana.yaml", 7)


def step(name: str, *needs: Need, rows: int = 1, commands: int = 1, **fields: Any) -> Step:
    return make_step(name, (literal("ls", AT),) * commands, AT, table=Repeated(rows), needs=needs, **fields)


def compiled(*steps: Step, backend: str = "slurm", outputs: tuple[str, ...] = (), **settings: Any) -> Compilation:
    site = replace(backends.known_settings(), **settings)
    workflow = Workflow("w", "serial", steps, output_files=outputs)
    return pipeline.lower(workflow, site, backend, Diagnostics())


def asks(**resources: Any) -> dict[str, Any]:
    return {"resources": Resources(**resources)}


# --- durations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "earlier", "limit", "expected"),
    [
        (Given(5, {"fit": 9}), (1.0, 2.0), 60, Durations("given", (9,))),
        (Given(5), (1.0, 2.0), 60, Durations("measured", (1.0, 2.0))),
        (Given(5), (), 60, Durations("given", (5,))),
        (Given(), (), 60, Durations("limit", (120.0,))),  # of each of two commands
        (Given(), (), None, Durations("assumed", (60.0,))),
    ],
)
def test_the_best_source_counts(
    given: Given, earlier: tuple[float, ...], limit: int | None, expected: Durations
) -> None:
    fit = step("fit", commands=2).with_placed(resources=Resources(runtime=limit))
    assert durations(Workflow("w", "serial", (fit,)), {"fit": earlier}, given) == {"fit": expected}


def test_measured_rows_repeat_in_a_step_with_more_rows() -> None:
    rows = Durations("measured", (1.0, 2.0, 4.0))
    assert [rows.of(range(row, row + 1)) for row in range(5)] == [1.0, 2.0, 4.0, 1.0, 2.0]
    assert rows.of(range(2, 5)) == 7.0


# --- an earlier run ----------------------------------------------------------------------------------

START = 1_800_000_000


def record(run: Path, name: str, started: float, ended: float | None = None, written: float | None = None) -> None:
    """Write a record as a job does. Its file has the time ``written``, or the time that the record tells."""
    path = run / "state" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"started={int(started)}\n" + (f"ended={int(ended)}\n" if ended else ""), "utf-8")
    time = written or ended or started
    os.utime(path, (time, time))


@pytest.fixture
def earlier(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a run of steps, which was submitted at START."""

    def write(*steps: Step, backend: str = "slurm", outputs: tuple[str, ...] = (), **settings: Any) -> Path:
        write_run(compiled(*steps, backend=backend, outputs=outputs, **settings), tmp_path / "run")
        (tmp_path / "run/state/run.json").write_text(json.dumps({"submitted": START, "ids": []}), "utf-8")
        return tmp_path / "run"

    return write


def test_the_times_of_files_are_the_fractions_of_seconds(earlier: Callable[..., Path]) -> None:
    run = earlier(step("a"), step("b", Need("a")))
    record(run, "a/0.started", START + 2.5)
    record(run, "a/0.done", START + 2.5, START + 5.75)
    record(run, "b/0.started", START + 7.0)
    record(run, "b/0.done", START + 7.0, START + 8.0, written=START + 99)  # copied later
    found = measured(run)
    assert found.rows == {"a": (3.25,), "b": (1.0,)}
    assert found.gaps == (Gap(2.5, follows=False), Gap(1.25, follows=True))
    assert found.waiting(is_here=False) == (1.25, 0.625)
    assert found.waiting(is_here=True) == (1.875, 0.0)


def test_a_row_of_a_chunk_starts_when_the_one_before_ends(earlier: Callable[..., Path]) -> None:
    run = earlier(step("a", rows=3), rows_per_job=3)
    record(run, "a/0.started", START, written=START + 0.5)
    for row, (start, end) in enumerate([(0, 0.25), (0.25, 0.5), (0.5, 2.5)]):
        record(run, f"a/{row}.done", START + start, START + end)
    # The first row has whole seconds, because the last row has written the file of its start.
    assert measured(run).rows == {"a": (0.5, 0.25, 2.0)}


def test_gaps_of_rows_that_wait_for_single_rows(earlier: Callable[..., Path]) -> None:
    run = earlier(step("a", rows=2), step("b", Need("a", Pattern.EACH), rows=2))
    for row, (start, end) in enumerate([(1, 9), (1, 3)]):
        record(run, f"a/{row}.started", START + start)
        record(run, f"a/{row}.done", START + start, START + end)
        record(run, f"b/{row}.started", START + end + 0.5)
        record(run, f"b/{row}.done", START + end + 0.5, START + end + 2)
    assert measured(run).gaps == (Gap(1.0, follows=False), Gap(0.5, follows=True))


def test_rows_of_an_earlier_submission_and_rows_that_failed_show_no_gap(earlier: Callable[..., Path]) -> None:
    run = earlier(step("a"), step("b", Need("a")), step("c", Need("b")))
    record(run, "a/0.done", START - 50, START - 40)
    record(run, "b/0.failed", START + 1, START + 2)
    record(run, "c/0.done", START + 3, START + 4)
    found = measured(run)
    assert (found.rows, found.gaps) == ({"a": (10.0,), "c": (1.0,)}, ())
    assert found.waiting(is_here=False) == (None, None)
    assert found.waiting(is_here=True) == (None, 0.0)  # no run on make waits in a queue


def test_a_run_that_was_not_submitted_and_has_no_records_shows_nothing(tmp_path: Path) -> None:
    write_run(compiled(step("a")), tmp_path / "run")
    found = measured(tmp_path / "run")
    assert (found.rows, found.gaps, found.size("out")) == ({}, (), None)


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        measured(tmp_path)


# --- the estimate ------------------------------------------------------------------------------------


def test_waiting_counts_only_if_the_earlier_run_was_on_the_same_system() -> None:
    gaps = (Gap(9.0, follows=False), Gap(2.0, follows=True), Gap(4.0, follows=True))
    before = Measured("slurm", {"a": (10.0,)}, gaps)
    steps = step("a"), step("b", Need("a"))
    here = estimate(compiled(*steps), before, Wanted(given=Given(30)))
    assert (here.overhead, here.queue_seconds) == (2.0, 3.0)
    assert here.timeline.makespan == (3 + 2 + 10) + (3 + 2 + 30)
    assert [each.durations.source for each in here.steps] == ["measured", "given"]
    assert here.basis == "given"
    there = estimate(compiled(*steps, backend="htcondor"), before, Wanted(given=Given(30)))
    assert (there.overhead, there.queue_seconds, there.timeline.makespan) == (None, None, 40.0)
    assert (here.left_out, there.left_out) == ((), ("queue",))
    told = estimate(compiled(*steps, queue_time=50), Measured(), Wanted(given=Given(30)))
    assert (told.queue_seconds, told.timeline.makespan) == (50, 160.0)
    asked = estimate(compiled(*steps, queue_time=50), before, Wanted(queue_seconds=7, given=Given(30)))
    assert asked.queue_seconds == 7


def test_hours_of_cores_and_gpus() -> None:
    cpus = step("cpus", rows=4, **asks(cpus=8))
    gpus = step("gpus", rows=2, **asks(cpus=2, gpus=4, tasks=3))
    found = estimate(compiled(cpus, gpus), Measured(), Wanted(given=Given(100)))
    assert found.core_seconds == 4 * 8 * 100 + 2 * 2 * 3 * 100
    assert found.gpu_seconds == 2 * 4 * 100
    model = estimate(compiled(step("a", **asks(gpu_model="a100"))), Measured(), Wanted(given=Given(100)))
    assert model.gpu_seconds == 100
    words = estimate(compiled(step("a", **asks(gres="gpu:2"))), Measured(), Wanted(given=Given(100)))
    assert words.gpu_seconds is None


def test_a_job_occupies_the_slots_of_its_cpus_except_with_make() -> None:
    wide = step("wide", rows=4, **asks(cpus=4))
    batch = estimate(compiled(wide), Measured(), Wanted(slots=8, given=Given(10)))
    assert (batch.timeline.makespan, batch.timeline.most_jobs, batch.timeline.most_slots) == (20.0, 2, 8)
    make = estimate(compiled(wide, backend="make"), Measured(), Wanted(slots=2, given=Given(10)))
    assert (make.timeline.makespan, make.timeline.most_jobs) == (20.0, 2)
    with pytest.raises(Refused):
        estimate(compiled(wide), Measured(), Wanted(slots=3))


def test_what_limits_do_to_the_run_with_their_sources() -> None:
    steps = step("a", rows=6), step("late", **asks(runtime=100))
    site: dict[str, Any] = {"limits": Limits(jobs=2), "sources": {"limits.jobs": "a page"}}
    found = estimate(compiled(*steps, **site), Measured("slurm", {"late": (300.0,)}), Wanted(given=Given(10)))
    assert found.effects == (
        Effect("runtime", 'Rows of "late" take up to 300 s, and are ended after 100 s.', "reana.yaml:7"),
        Effect("limits.jobs", "At most 2 of the 7 jobs run at a time.", "a page"),
    )
    assert found.timeline.most_jobs == 2


def test_chunks_run_their_rows_one_after_the_other() -> None:
    found = estimate(
        compiled(step("a", rows=5), rows_per_job=2), Measured("slurm", {"a": (1.0, 2.0, 4.0, 8.0, 16.0)}), Wanted()
    )
    assert found.jobs == 3
    assert found.timeline.makespan == 16.0
    assert found.core_seconds == 31.0


def test_outputs_have_the_size_that_they_had(earlier: Callable[..., Path]) -> None:
    run = earlier(step("a"), outputs=("plots", "*.txt", "missing.txt"))
    (run / "workspace/plots").mkdir()
    (run / "workspace/plots/a.png").write_bytes(b"12345")
    (run / "workspace/b.txt").write_bytes(b"123")
    again = compiled(step("a"), outputs=("plots", "*.txt", "missing.txt"))
    assert estimate(again, measured(run), Wanted()).bytes_out == (8, ("missing.txt",))


def test_a_budget_with_a_step_without_rows_or_without_a_time() -> None:
    known = estimate(compiled(step("a", rows=2)), Measured(), Wanted(given=Given(1800)))
    check_budget(known, 3600)
    with pytest.raises(Refused, match=r"needs 1 h of core time, and the budget is 0\.9997 h"):
        check_budget(known, 3599)
    with pytest.raises(Refused, match="cannot be checked"):
        check_budget(estimate(compiled(step("a")), Measured(), Wanted()), 10**9)


@pytest.mark.parametrize("needed", [None, Expanded(2, 900.0, None)])
def test_a_budget_is_not_checked_without_the_jobs_that_only_the_run_can_know(needed: Expanded | None) -> None:
    known = estimate(compiled(step("a")), Measured(), Wanted(given=Given(3600)))
    found = replace(known, unknown=(Unknown("the files that a makes", AT, needed),))
    assert found.left_out == ("jobs", "queue")
    with pytest.raises(Refused, match=r"cannot be checked, because only the run can know .* the files that a makes"):
        check_budget(found, 10**9)
    with pytest.raises(Refused, match="needs 1 h"):
        check_budget(found, 3599)


def test_a_budget_counts_what_jobs_needed_that_only_the_run_can_know() -> None:
    known = estimate(compiled(step("a")), Measured(), Wanted(given=Given(3600)))
    found = replace(known, unknown=(Unknown("the files that a makes", AT, Expanded(2, 900.0, 1800.0)),))
    check_budget(found, 5400)
    with pytest.raises(Refused, match=r"needs 1\.5 h of core time, and the budget is 1\.4997 h"):
        check_budget(found, 5399)
