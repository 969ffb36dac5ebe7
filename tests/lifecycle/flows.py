"""Workflows of tables, which a serial reana.yaml cannot express, written as runs for make."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reana_batch import pipeline
from reana_batch.backends import known_settings
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.ir import Column, Command, Repeated, Step, Workflow
from reana_batch.lifecycle import creation
from reana_batch.reading import sites
from reana_batch.run.parts import Run
from tests.steps import Numbers, make_step

AT = Place("reana.yaml", 1)


def command(text: str) -> Command:
    """Return a bash command in which ``{row}`` is the number of the row."""
    first, *others = text.split("{row}")
    parts: list[str | Column] = [first]
    for other in others:
        parts += [Column("row"), other]
    return Command(tuple(parts), AT)


def scatter(name: str, text: str, rows: int | None = None, **fields: Any) -> Step:
    """Return a step with this many rows, or a step without a table."""
    table = Repeated() if rows is None else Numbers(rows, ("row",))
    return make_step(name, (command(text),), AT, **{"table": table, **fields})


def compiled(
    *steps: Step,
    outputs: Sequence[str] = (),
    settings: Sequence[str] = (),
    measured: Path | None = None,
    strict_outputs: bool = False,
) -> Compilation:
    """Return the steps compiled for make, as `reana-batch compile` does."""
    diagnostics = Diagnostics()
    site = sites.resolve("local", settings, None, diagnostics, {}, known=known_settings()).site
    workflow = Workflow("flow", "serial", steps, output_files=tuple(outputs))
    if measured is not None:
        workflow = with_durations(workflow, measured)
    return pipeline.lower(workflow, site, "make", diagnostics, strict_outputs=strict_outputs)


def with_durations(workflow: Workflow, earlier: Path) -> Workflow:
    """Return the workflow with the durations of its steps in an earlier run."""
    durations = Run(earlier).durations()
    steps = (step.with_placed(duration=durations.get(step.name)) for step in workflow.steps)
    return replace(workflow, steps=tuple(steps))


def write_run(run: Path, *steps: Step, **options: Any) -> Compilation:
    """Write the steps as a run, and return the compilation."""
    compilation = compiled(*steps, **options)
    creation.write_run(compilation, run)
    return compilation


def make(run: Path) -> int:
    """Run a written run with make, without reana-batch, and return the exit code."""
    return subprocess.run(["make", "-f", "batch/Makefile"], cwd=run, check=False, capture_output=True).returncode
