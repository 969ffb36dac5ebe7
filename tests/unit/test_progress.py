"""The progress of a run: bars on a terminal, and a line for each noticeable change elsewhere."""

from __future__ import annotations

import io
import re
import sys

import pytest

from reana_batch.cli import progress
from reana_batch.run.parts import StepProgress


class _Terminal(io.StringIO):
    """A stream that counts as a terminal."""

    def isatty(self) -> bool:
        return True


def at(name: str, total: int, **counts: int) -> StepProgress:
    return StepProgress(name, name, "reana.yaml:1", total=total, **counts)


STEPS = (
    at("prepare", 4, done=4),
    at("fit", 1000, done=500, failed=1, running=20),
    at("plot", 1),
    at("publish", 1),
)


def test_a_terminal_shows_bars_of_the_steps_that_matter_now(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress.watching(quiet=False) as report:
        report(STEPS)
    lines = [line.split() for line in re.sub("\x1b\\[[?0-9;]*[a-zA-Z]", "", shown.getvalue()).splitlines()]
    prepare, fit, waiting = lines[-3:]
    assert [prepare[0], *prepare[2:4]] == ["prepare", "4/4", "done"]
    assert [fit[0], *fit[2:8]] == ["fit", "500/1,000", "done,", "20", "running,", "1", "failed"]
    assert waiting == ["2", "steps", "waiting"]


def test_a_bar_is_full_as_jobs_are_done_and_has_rate_and_remaining_time() -> None:
    bars, clock = progress._Bars(), [0.0]
    bars._bars.get_time = lambda: clock[0]
    for done in (100, 110, 120):
        clock[0] += 5
        bars.drawn((at("fit", 1000, done=done, running=2),))
    (task,) = bars._bars.tasks
    assert task.percentage == 12
    assert task.speed == pytest.approx(2)
    assert task.time_remaining == 440


def test_ten_thousand_jobs_give_few_lines_and_none_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.watching(quiet=False) as report:
        for done in range(10_001):
            report((at("fit", 10_000, done=done, running=min(16, 10_000 - done)), at("plot", 1, done=done // 10_000)))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < 15
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d  (fit|plot)  ", line) for line in lines)
    assert [line.split("  ", 1)[1] for line in lines[:2]] == [
        "fit  0/10,000 done, 16 running",
        "fit  1,000/10,000 done, 16 running",
    ]
    assert lines[-2].endswith("fit  10,000/10,000 done")
    assert lines[-1].endswith("plot  1/1 done")


def test_the_first_failure_has_a_line_and_more_of_them_only_if_they_double(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.watching(quiet=False) as report:
        for failed in range(9):
            report((at("fit", 100, failed=failed, running=1),))
    told = re.findall(r"(\d+) failed", capsys.readouterr().err)
    assert told == ["1", "2", "4", "8"]


def test_steps_that_have_not_started_have_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.watching(quiet=False) as report:
        report((at("fit", 100),))
    assert capsys.readouterr().err == ""


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.watching(quiet=True) as report:
        report(STEPS)
    assert capsys.readouterr().err == ""
