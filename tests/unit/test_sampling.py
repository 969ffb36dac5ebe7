"""Which rows of many are looked at, and that all who ask how long rows take look at the same ones."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reana_batch import layout
from reana_batch.estimating.measured import measured
from reana_batch.lifecycle.creation import write_run
from reana_batch.run.parts import Run
from reana_batch.run.sampling import MOST, rows_of_each, spread
from reana_batch.run.times import step_times
from tests.lifecycle.flows import compiled, scatter

START = 1_800_000_000


@given(st.integers(0, 5 * MOST))
def test_a_spread_has_rows_in_their_order_with_the_first_and_the_last(count: int) -> None:
    rows = range(7, 7 + count)
    chosen = list(spread(rows))
    assert chosen == sorted(set(chosen)) == list(spread(rows))
    assert len(chosen) == min(count, MOST)
    assert set(chosen) <= set(rows)
    assert chosen[:1] == list(rows[:1])
    assert chosen[-1:] == list(rows[-1:])


@pytest.mark.parametrize("count", [1001, 1500, 2000, 9991, 10_000, 100_000])
def test_the_mean_of_a_spread_is_that_of_rows_in_order_of_their_size(count: int) -> None:
    assert mean(spread(range(count))) == pytest.approx((count - 1) / 2, rel=0.01)


@pytest.mark.parametrize("count", [2000, 3000, 10_000, 99_901, 100_000])
@pytest.mark.parametrize("period", [2, 3, 5, 10, 99, 100])
def test_a_spread_does_not_follow_a_period_of_the_rows(count: int, period: int) -> None:
    share = mean(row % period == 0 for row in spread(range(count)))
    assert share == pytest.approx(1 / period, abs=0.03)


def test_durations_of_rows_in_order_of_their_size_are_the_same_for_all_who_ask(tmp_path: Path) -> None:
    count = 3000
    write_run(compiled(scatter("fit", "true {row}", count)), tmp_path / "run")
    run = Run(tmp_path / "run")
    (step,) = run.manifest.steps
    for row in range(count):
        path = tmp_path / "run" / layout.STATE / f"{step.stem(row)}.done"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"started={START}\nended={START + row + 1}\n", "utf-8")
    expected = pytest.approx(count / 2, rel=0.01)
    seconds = measured(tmp_path / "run").rows["fit"]
    assert len(seconds) == MOST
    assert run.durations()["fit"] == expected
    assert step_times(run, step).typical == expected
    assert mean(seconds) == expected


@pytest.mark.parametrize(
    "times", [f"started={START}\n", f"ended={START}\n", f"started={START}\nended={START - 9}\n", ""]
)
def test_records_without_times_or_with_a_clock_that_went_back_show_no_duration(tmp_path: Path, times: str) -> None:
    write_run(compiled(scatter("fit", "true {row}", 2)), tmp_path / "run")
    run = Run(tmp_path / "run")
    (step,) = run.manifest.steps
    folder = tmp_path / "run/state/fit"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0.done").write_text(times, "utf-8")
    assert run.durations() == {}
    assert step_times(run, step).typical is None
    assert measured(tmp_path / "run").rows == {}
    (folder / "1.done").write_text(f"started={START}\nended={START + 8}\n", "utf-8")
    assert run.durations() == {"fit": 8}
    assert measured(tmp_path / "run").rows == {"fit": (8.0,)}


@pytest.mark.parametrize(("steps", "rows"), [(0, 1000), (1, 1000), (3, 1000), (100, 30), (10_000, 10)])
def test_of_many_steps_fewer_rows_are_read(steps: int, rows: int) -> None:
    assert rows_of_each(steps) == rows
    assert len(spread(range(2000), rows)) == rows
