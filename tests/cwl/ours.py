"""Runs of CWL workflows with make, and what they leave."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reana_batch import layout
from reana_batch.frontends.cwl.graph import LAST
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run

# What the worker keeps next to the files of a step.
_TASK = "task.json"


def reana_batch(
    analysis: Path, *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in the directory of the analysis."""
    command = [sys.executable, "-m", "reana_batch", *words]
    return subprocess.run(command, cwd=analysis, env=environment, capture_output=True, text=True, check=False)


def run(analysis: Path, *options: str, environment: Mapping[str, str] | None = None) -> Path:
    """Run the analysis with make and return the directory of the run. The run has to succeed."""
    words = ("run", "--runs", "runs", "-w", "flow", "-j", "2", "--rows-per-job", "8", *options)
    ended = reana_batch(analysis, *words, environment=environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return analysis / "runs/flow.1"


def outputs(run: Path) -> Any:
    """Return the outputs of the workflow, as the run wrote them."""
    return json.loads((run / "workspace/cwl/outputs.json").read_text("utf-8"))


def jobs(run: Path) -> Counter[str]:
    """Return by name of the step how often its command line tool ran, without the steps around it."""
    found = Counter[str]()
    for part, step in Run(run).steps():
        if is_command(part, step):
            rows = sorted(part.records(step).states().done)
            found[step.label.rpartition("/")[2]] += sum(not is_skipped(run, part, step, row) for row in rows)
    return +found


def task_of(part: Run, step: StepEntry) -> Path:
    """Return the file of what a server of the step does. Steps without a server do not have it."""
    return part.directory / "batch/steps" / step.folder / _TASK


def is_command(part: Run, step: StepEntry) -> bool:
    """Return whether the jobs of a step run a command.

    Jobs without a server do, except those that compile an expansion, and the last step, which brings outputs together.
    """
    task = task_of(part, step)
    if not task.exists():
        return step.name not in {LAST, *(each.name for each in part.manifest.expansions)}
    return '"class":"CommandLineTool"' in task.read_text("utf-8").replace(" ", "")


def is_skipped(run: Path, part: Run, step: StepEntry, row: int) -> bool:
    """Return whether the condition of the step was false. All tools of the flows have outputs that are not null.

    Jobs without a server have no condition.
    """
    if not task_of(part, step).exists():
        return False
    path = run / "workspace/cwl" / part.path / step.name / f"{layout.row_stem(row, step.rows)}.json"
    return all(value is None for value in json.loads(path.read_text("utf-8")).values())
