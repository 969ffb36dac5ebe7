"""What reading an analysis costs: twice the input, about twice the work."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from benchmarks.big import BIG
from reana_batch import diagnostics as messages
from reana_batch.compilation import Options
from reana_batch.diagnostics import Diagnostics, Refused, Severity, render
from reana_batch.pipeline import compile_spec
from reana_batch.reading import hints

SIZES = (50, 100, 200)
OPTIONS = Options(site="generic-slurm", backend="slurm")


def _answer(path: Path) -> str:
    """Return all that the command line would say of an analysis."""
    found = Diagnostics()
    try:
        compile_spec(path, OPTIONS, found)
    except Refused as refused:
        found = refused.diagnostics
    found.as_json()
    return "".join(
        render((each for each in found if each.severity is severity), found.sources, found.count(severity))
        for severity in Severity
    )


def _instructions(path: Path) -> int:
    """Return how many instructions of Python it takes to answer: the same number on every machine."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "call":
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
        elif event == "opcode":
            count += 1
        return trace

    hints._read.cache_clear()  # they keep what the smaller input held
    re.purge()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        _answer(path)
    finally:
        sys.settrace(before)
    return count


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import and keep what the first answers do, which is not counted then."""
    path = tmp_path_factory.mktemp("warm") / "reana.yaml"
    for make in BIG.values():
        path.write_text(make(2))
        _answer(path)


@pytest.mark.parametrize("name", BIG)
def test_twice_the_input_is_twice_the_work(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is bounded is beyond its bounds at each of the sizes.
    for bound, number in {"MOST_SHOWN": 10, "_MOST_WORDS": 40, "_MOST_NEAR": 10, "_WIDEST": 40}.items():
        monkeypatch.setattr(messages, bound, number)
    (tmp_path / "d").mkdir()
    path = tmp_path / "reana.yaml"
    costs = []
    for size in SIZES:
        path.write_text(BIG[name](size))
        costs.append(_instructions(path))
    small, middle, large = costs
    # 2 if the work grows as the input does, 4 if as its square.
    assert large - middle < 3 * max(middle - small, 1000), costs
