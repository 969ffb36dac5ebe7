"""The commands that look at runs: status, list, wait, logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reana_batch.cli.answers import EXIT_REFUSED, Answer, answering
from reana_batch.cli.following import state_answer, wait_for_end
from reana_batch.cli.options import open_run, root_of, run_options, runs_option
from reana_batch.cli.terminal import Number, Raw, Table, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reana_batch import Run, RunStatus
    from reana_batch.diagnostics import Diagnostics


@click.command("status")
@run_options
@answering
def status(name: str, runs: Path | None) -> Answer:
    """Show the state of a run, and why it failed."""
    current = open_run(name, runs).status()
    if current.silence is not None:
        show(current.silence.diagnostics)
    diagnostics = current.silence.diagnostics if current.silence else None
    return state_answer(current, diagnostics, EXIT_REFUSED if current.state == "unknown" else 0)


@click.command("list")
@runs_option
@click.option("-w", "--workflow", "name", metavar="NAME", help="Only the runs of this name.")
@answering
def list_runs(name: str | None, runs: Path | None) -> Answer:
    """List the runs, the latest first.

    Exits with 3 if some cannot be read.
    """
    from reana_batch.lifecycle.status import created
    from reana_batch.report.records import run_record
    from reana_batch.run.names import all_runs

    found, diagnostics = _look_at_each(list(reversed(all_runs(root_of(runs), name))))
    found.sort(key=created, reverse=True)
    show(diagnostics)
    code = EXIT_REFUSED if diagnostics.errors else 0
    return Answer(lambda: {"runs": [run_record(each) for each in found]}, [_runs_table(found)], diagnostics, code)


def _look_at_each(directories: Sequence[Path]) -> tuple[list[RunStatus], Diagnostics]:
    """Return the states of the runs, and the faults of runs that cannot be read."""
    from reana_batch import Run
    from reana_batch.diagnostics import Diagnostics, Refused, no_access

    found, diagnostics = [], Diagnostics()
    for directory in directories:
        try:
            current = Run(directory).status()
            found.append(current)
            if current.state == "unknown" and current.silence is not None:
                show(current.silence.diagnostics)
        except Refused as refused:
            diagnostics.add(refused.diagnostics)
        except OSError as error:
            diagnostics.add(no_access(error).diagnostics)
    return found, diagnostics


def _runs_table(found: Sequence[RunStatus]) -> Table:
    from reana_batch.lifecycle.status import created

    rows = []
    for each in found:
        label, _, number = each.run.directory.name.partition(".")
        progress = Number(f"{each.done}/{each.total}", f"{each.done:,}/{each.total:,}")
        rows.append((label, number, created(each), each.state, progress, each.run.manifest.backend))
    return Table(("NAME", "RUN_NUMBER", "CREATED", "STATUS", "PROGRESS", "BACKEND"), rows)


@click.command("wait")
@run_options
@answering
def wait(name: str, runs: Path | None) -> Answer:
    """Wait until a run has ended, and show its state.

    Exits with 0 if it finished, 1 if it failed, 130 if it was stopped. Meanwhile it names jobs that are held or cannot
    start.
    """
    return wait_for_end(open_run(name, runs))


@click.command("logs")
@run_options
@click.argument("step", required=False)
@click.option("--row", type=click.IntRange(min=0), help="Only this row of the step.")
@click.option("--follow", is_flag=True, help="Keep showing new output until the run has ended.")
@answering
def logs(name: str, runs: Path | None, step: str | None, row: int | None, follow: bool) -> Answer:
    """Show the logs of the failed jobs, or of a step."""
    from reana_batch.run.logs import as_record

    run = open_run(name, runs)
    return Answer(
        lambda: {
            "name": run.directory.name,
            "logs": [as_record(each) for each in run.logs(step, row=row, all_jobs=follow)],
        },
        [Raw(_log_texts(run, step, row, follow), is_log=True)],
    )


def _log_texts(run: Run, step: str | None, row: int | None, follow: bool) -> Iterator[str]:
    """Yield the logs piece by piece. The search for logs starts when the first piece is read."""
    from reana_batch.run.logs import read

    yield from run.follow_logs(step, row=row) if follow else read(run.logs(step, row=row))
