"""A run leaves the same files as Snakemake itself, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import flows

pytestmark = pytest.mark.usefixtures("measured")  # the reader is a process of its own


def run(analysis: Path, *options: str) -> Path:
    """Run the analysis with make and return its workspace."""
    command = [sys.executable, "-m", "reana_batch", "run", "--runs", "runs", "-w", "flow", "-j", "2", *options]
    ended = subprocess.run(command, cwd=analysis, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return analysis / "runs/flow.1/workspace"


@pytest.mark.parametrize("flow", ["features", "analysis", "iterate", "checkpoints", "notebook", "late"])
def test_strict_is_snakemake(flow: str, tmp_path: Path) -> None:
    expected = flows.made(flows.left_by_snakemake(flow, tmp_path / "theirs"), flow)
    workspace = run(flows.copy(flow, tmp_path / "ours"), "--strict")
    assert expected
    assert flows.made(flows.tree(workspace), flow) == expected


@pytest.mark.parametrize("flow", ["analysis", "iterate", "late"])
def test_by_default_it_is_reana(flow: str, tmp_path: Path) -> None:
    expected = flows.made(flows.left_by_snakemake(flow, tmp_path / "theirs", "--notemp"), flow)
    assert flows.made(flows.tree(run(flows.copy(flow, tmp_path / "ours"))), flow) == expected


def test_a_checkpoint_that_yields_nothing(tmp_path: Path) -> None:
    expected = flows.left_by_snakemake("checkpoints", tmp_path / "theirs", "--config", "least=99")
    workspace = run(flows.copy("checkpoints", tmp_path / "ours"), "-p", "least=99")
    assert expected["result.txt"] == ("", True)
    assert flows.tree(workspace) == expected


def test_some_rows_in_each_job(tmp_path: Path) -> None:
    expected = flows.made(flows.left_by_snakemake("analysis", tmp_path / "theirs"), "analysis")
    workspace = run(flows.copy("analysis", tmp_path / "ours"), "--strict", "--rows-per-job", "3")
    assert flows.made(flows.tree(workspace), "analysis") == expected
