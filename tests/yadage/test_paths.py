"""Yadage puts the path of the workspace into commands. Every path gives the same results."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import flows, ours
from .conftest import Theirs

pytestmark = pytest.mark.usefixtures("measured")  # the reader is a process of its own

FOLDERS = ['it\'s "my" 100% of $HOME', "a;b & c|d (e) #1", "[x]*? !", "{a} {}", "größer back\\slash\n"]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for an analysis. The link to the workspace of its run is deleted after the test."""
    made = tmp_path / request.param
    made.mkdir()
    yield made
    digest = hashlib.sha1(f"{made}/ours/runs/flow.1/workspace".encode()).hexdigest()
    Path(f"/tmp/reana-batch.{os.geteuid()}", digest).unlink(missing_ok=True)


@pytest.mark.parametrize("flow", ["lesson", "chain"])
@pytest.mark.parametrize("place", FOLDERS, indirect=True)
def test_the_path_of_a_workspace_may_have_any_character(place: Path, flow: str, theirs: Theirs) -> None:
    run = ours.run(flows.copy(flow, place / "ours"))
    assert flows.made(run / "workspace", flow) == theirs(flow)[1]
