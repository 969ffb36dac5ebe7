"""Snakemake's command line, whose report knows when the jobs of a run started and ended.

Snakemake reads that from its own records of each output (snakemake/report/__init__.py, auto_report). It has none of jobs that
run without it, so this program gives it the times that are in the records of the run. The variable REANA_BATCH_RUN has the
directory of the run, and the program starts in the workspace.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from reana_batch import layout
from reana_batch.diagnostics import Refused
from reana_batch.run.parts import Run
from reana_batch.run.records import DONE
from reana_batch.run.row_texts import StepRows


class Times(NamedTuple):
    """When a job started and ended, in seconds since 1970."""

    started: int
    ended: int


def times_of(directory: Path) -> dict[str, Times]:
    """Return the times of the jobs that a run has done, by each output, relative to the workspace.

    ``directory`` is that of the run or of one of its parts.
    """
    while directory.parent.name == layout.EXPANSIONS:
        directory = directory.parents[1]
    return {output: times for output, times in _times(Run(directory)) if times.started}


def _times(run: Run) -> Iterator[tuple[str, Times]]:
    for part, step in run.steps():
        records = part.records(step)
        done = records.states().done
        for row, outputs in enumerate(StepRows(part.directory, step).outputs()):
            if row in done:
                said = records.read(row, DONE)
                yield from ((output, Times(said.started, said.ended)) for output in outputs)


def _known_times(directory: Path, workspace: Path) -> dict[str, Times]:
    """Return the times by the path of each output. Where the records of the run are not, there are none."""
    try:
        return {os.path.normpath(workspace / output): times for output, times in times_of(directory).items()}
    except (OSError, Refused) as error:
        print(f"The report has no runtimes: {error}", file=sys.stderr)
        return {}


def _records(dag: Any, times: dict[str, Times]) -> dict[str, dict[str, object]]:
    """Return what Snakemake's report reads of the outputs of its jobs, by output."""
    found = {}
    for number, job in enumerate(dag.jobs):
        for output in map(str, job.output):
            spent = times.get(os.path.abspath(output))
            if spent:
                span = {"starttime": spent.started, "endtime": spent.ended}
                nothing = {"conda_env": None, "container_img_url": None}
                found[output] = {"job_hash": number, "rule": job.rule.name, **span, **nothing}
    return found


def give_times(times: dict[str, Times]) -> None:
    """Let Snakemake's report use these times for outputs of which Snakemake itself has no record."""
    from snakemake import report

    write = report.auto_report

    async def with_times(dag: Any, *words: Any, **more: Any) -> None:
        persistence, records = dag.workflow.persistence, _records(dag, times)
        own = persistence.metadata
        persistence.metadata = lambda output: own(output) or records.get(str(output))
        await write(dag, *words, **more)

    report.auto_report = with_times


def main() -> None:
    """Run Snakemake with the words of the command line."""
    from snakemake.cli import main as snakemake

    give_times(_known_times(Path(os.environ["REANA_BATCH_RUN"]), Path.cwd()))
    snakemake(sys.argv[1:])


if __name__ == "__main__":
    main()
