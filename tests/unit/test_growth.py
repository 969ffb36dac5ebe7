"""The cost of reading an analysis: twice the input takes about twice the work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.big import BIG
from reana_batch import diagnostics as messages
from reana_batch.compilation import Options
from reana_batch.diagnostics import Diagnostics, Refused, Severity, render
from reana_batch.pipeline import compile_spec
from reana_batch.reading import hints
from tests.growth import grows_with_its_input, instructions

SIZES = (50, 100, 200)
OPTIONS = Options(site="generic-slurm", backend="slurm")


def _answer(path: Path) -> str:
    """Return all messages of the command line about an analysis."""
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
    """Return how many instructions of Python the answer takes."""
    hints._read.cache_clear()  # these hold values of the smaller input
    re.purge()
    return instructions(lambda: _answer(path))


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import modules and fill caches, so that the count does not include them."""
    path = tmp_path_factory.mktemp("warm") / "reana.yaml"
    for make in BIG.values():
        path.write_text(make(2))
        _answer(path)


@pytest.mark.parametrize("name", BIG)
def test_twice_the_input_is_twice_the_work(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # At each of these sizes the input exceeds every limit.
    for bound, number in {"MOST_SHOWN": 10, "_MOST_WORDS": 40, "_MOST_NEAR": 10, "_WIDEST": 40}.items():
        monkeypatch.setattr(messages, bound, number)
    (tmp_path / "d").mkdir()
    path = tmp_path / "reana.yaml"
    costs = []
    for size in SIZES:
        path.write_text(BIG[name](size))
        costs.append(_instructions(path))
    assert grows_with_its_input(costs), costs
