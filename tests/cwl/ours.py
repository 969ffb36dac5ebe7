"""Runs of CWL workflows with make, and what they leave."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
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
            found[step.label.rpartition("/")[2]] += sum(not is_skipped(result) for result in results(run, part, step))
    return +found


def is_command(part: Run, step: StepEntry) -> bool:
    """Return whether the jobs of a step run a command.

    Jobs without a server do, except those that compile an expansion, and the last step, which brings outputs together.
    """
    folder = part.directory / "batch/steps" / step.folder
    task = folder / _TASK
    if not task.exists():
        return step.name not in {LAST, *(each.name for each in part.manifest.expansions)}
    return '"class":"CommandLineTool"' in task.read_text("utf-8").replace(" ", "")


def results(run: Path, part: Run, step: StepEntry) -> Iterator[Mapping[str, Any]]:
    """Yield the result of each job of a step that is done."""
    for row in sorted(part.records(step).states().done):
        path = run / "workspace/cwl" / part.path / step.name / f"{layout.row_stem(row, step.rows)}.json"
        yield json.loads(path.read_text("utf-8"))


def is_skipped(result: Mapping[str, Any]) -> bool:
    """Return whether the condition of the step was false. All tools of the flows have outputs that are not null."""
    return all(value is None for value in result.values())
