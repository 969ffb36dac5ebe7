"""A run has the same jobs as Yadage's own engine, in an order that it allows, and leaves the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import engine, flows, ours
from .conftest import Theirs

pytestmark = pytest.mark.usefixtures("measured")  # the reader is a process of its own


@pytest.mark.parametrize("flow", flows.names())
def test_a_run_does_what_yadage_does(flow: str, tmp_path: Path, theirs: Theirs) -> None:
    answer, made = theirs(flow)
    assert not answer.failed
    analysis = flows.copy(flow, tmp_path / "ours")
    run = ours.run(analysis)
    jobs = ours.jobs(analysis, run)
    assert {name: job[:2] for name, job in jobs.items()} == engine.texts(answer.jobs)
    for name, before in engine.closed(answer.jobs).items():
        assert before <= jobs[name].before
    assert flows.made(run / "workspace", flow) == made
    assert all((run / "workspace" / name).is_dir() for name in answer.jobs)


@pytest.mark.parametrize("flow", ["search", "late"])
def test_some_rows_in_each_job(flow: str, tmp_path: Path, theirs: Theirs) -> None:
    run = ours.run(flows.copy(flow, tmp_path / "ours"), "--rows-per-job", "3")
    assert flows.made(run / "workspace", flow) == theirs(flow)[1]
