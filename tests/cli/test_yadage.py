"""Yadage workflows run by make: scatter and merge, and stages that only the run can know."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.yadage.flows import FLOWS

from .conftest import Tool

# For each flow the lines of a file that it makes, and the expansions of the run, with those in them.
MADE = {
    "nested": ("total/total.txt", [f"{a}{n} cut at {c}" for a in "abc" for k in range(1, 5) for c in (10, 20) for n in range(1, k + 1)], []),
    "joined": ("plot/plot.txt", [line[::-1] for line in ("signal", "selected 1", "selected 2", "background", "selected 1", "selected 2", "selected 3")], ["limit.rest", "select_background.rest", "select_signal.rest"]),
    "chain": ("report/report.txt", [f"fitted {i} of {n}" for n in (1, 2, 3) for i in range(1, n + 1)], ["skim.rest", "skim.rest/fit.rest"]),
    "aside": ("end/end.txt", ["long", "1", "2", "3"], ["after.rest", "end.rest"]),
}  # fmt: skip  # one line is one flow


@pytest.fixture
def run(request: pytest.FixtureRequest, empty: Tool) -> Path:
    """Return the finished run of a flow. Its path has a blank and a quote."""
    tool = replace(empty, directory=empty.directory / request.param)
    shutil.copytree(FLOWS / request.param, tool.directory)
    ended = tool.run("run", "--runs", "it's a run", "--set", f"python={sys.executable}")
    assert ended.code == 0, ended.stderr
    return tool.directory / "it's a run/workflow.1"


@pytest.mark.parametrize(("run", "made"), MADE.items(), ids=MADE, indirect=["run"])
def test_a_flow_makes_its_files(run: Path, made: tuple[str, list[str], list[str]]) -> None:
    path, lines, expansions = made
    assert (run / "workspace" / path).read_text().splitlines() == lines
    found = sorted(str(each.relative_to(run).parent.parent) for each in run.rglob("batch/manifest.json"))
    assert [each.replace("expansions/", "") for each in found if each != "."] == expansions
    assert not {"_yadage", "_packtivity"} & {each.name for each in run.rglob("_*")}


@pytest.mark.parametrize("run", ["aside"], indirect=True)
def test_a_long_branch_delays_only_what_takes_its_results(run: Path) -> None:
    steps = json.loads((run / "batch/manifest.json").read_text())["steps"]
    assert {step["name"]: step["needs"] for step in steps if step["name"].endswith(".rest")} == {
        "after.rest": ["quick"],
        "end.rest": ["long", "after.rest"],
    }
