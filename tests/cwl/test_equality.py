"""A run makes the same outputs as cwltool, with the same jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import flows, oracle, ours
from .conftest import Theirs

pytestmark = pytest.mark.usefixtures("measured")  # the reader and the workers are processes of their own


def check(run: Path, theirs: oracle.Answer) -> None:
    """Fail if a run did anything else than cwltool."""
    assert theirs.code == 0, theirs.log
    outputs, workspace = ours.outputs(run), run / "workspace"
    assert flows.shown(outputs) == theirs.outputs
    assert flows.made(workspace / "outputs") == theirs.files
    assert not flows.lost(outputs, workspace)
    assert ours.jobs(run) == theirs.jobs


@pytest.mark.parametrize("flow", flows.names())
def test_a_run_makes_what_cwltool_makes(flow: str, tmp_path: Path, theirs: Theirs) -> None:
    check(ours.run(flows.copy(flow, tmp_path / "ours")), theirs(flow))


def test_commands_that_are_known_need_no_python(tmp_path: Path, theirs: Theirs) -> None:
    check(ours.run(flows.copy("gather", tmp_path / "ours"), "--set", "python=/bin/false"), theirs("gather"))
