"""The commands that look at runs: status, list, wait, logs."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reana_batch.cli import completing
from reana_batch.cli.answers import EXIT_REFUSED, Answer, answering
from reana_batch.cli.choosing import (
    Choice,
    Filters,
    choice_options,
    filter_option,
    look_at_each,
    named_runs,
    of_each,
    parsed_filters,
)
from reana_batch.cli.following import state_answer, wait_for_end, with_sessions
from reana_batch.cli.options import find_run, open_run, run_options, runs_option
from reana_batch.cli.run_columns import (
    COLUMNS,
    VERBOSE,
    columns_of,
    fitting,
    format_option,
    human_option,
    more_options,
    ordered,
    runs_table,
)
from reana_batch.cli.terminal import Piece, Raw, Table, show
from reana_batch.cli.usage_answer import with_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from reana_batch import Run, RunStatus
    from reana_batch.cli.answers import Record
    from reana_batch.diagnostics import Diagnostics, Refused
    from reana_batch.run.logs import JobLog


@click.command("status")
@run_options
@click.option("-v", "--verbose", is_flag=True, help="Also show the run's columns.")
@click.option("--usage", is_flag=True, help="Show what the jobs used of what they asked for.")
@format_option
@answering
def status(name: str, runs: Path | None, verbose: bool, usage: bool, formats: list[tuple[str, str | None]]) -> Answer:
    """Show the state of a run and of its steps, and why it failed."""
    from reana_batch.lifecycle.sessions import open_sessions

    current = open_run(name, runs).status()
    if current.silence is not None:
        show(current.silence.diagnostics)
    diagnostics = current.silence.diagnostics if current.silence else None
    answer = state_answer(current, diagnostics, EXIT_REFUSED if current.state == "unknown" else 0)
    answer = with_sessions(answer, open_sessions(current.run.directory))
    if formats:
        return replace(answer, shown=runs_table(fitting([current], formats), columns_of(formats, ())))
    more = runs_table([current], columns_of((), VERBOSE)) if verbose else ()
    answer = replace(answer, shown=chain(answer.shown, _steps(current), more))
    return with_usage(answer, current) if usage else answer


def _steps(current: RunStatus) -> Iterator[Table]:
    from reana_batch.cli.job_text import steps_table

    if current.state not in ("created", "deleted"):
        yield steps_table(current, int(time.time()))


@click.command("list", context_settings={"help_option_names": ["--help"]})
@runs_option
@click.option(
    "-w",
    "--workflow",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only the runs of this name.",
    shell_complete=completing.runs,
)
@choice_options
@format_option
@click.option(
    "--sort",
    type=click.Choice(list(COLUMNS), case_sensitive=False),
    default="created",
    show_default=True,
    help="The column to sort by, the largest value first.",
)
@more_options
@human_option
@click.option("-s", "--sessions", is_flag=True, help="List the open sessions of the runs instead.")
@answering
def list_runs(
    runs: Path | None, names: tuple[str, ...], choice: Choice, sort: str, human: bool, sessions: bool, **shown: Any
) -> Answer:
    """List the runs, the latest first.

    Exits with 3 if some cannot be read.
    """
    from reana_batch.report.records import run_record

    if sessions:
        return _list_sessions(named_runs(runs, names), choice)
    found, diagnostics = look_at_each(reversed(named_runs(runs, names)))
    chosen = ordered(fitting(filter(choice.fits, found), shown["formats"]), sort)
    silent = [each.silence for each in chosen if each.state == "unknown"]
    table = runs_table(chosen, columns_of(**shown), human=human)
    return _list_answer(lambda: {"runs": [run_record(each) for each in chosen]}, table, silent, diagnostics)


def _list_sessions(directories: Sequence[Path], choice: Choice) -> Answer:
    from reana_batch.cli.session_text import sessions_table
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle.sessions import open_sessions
    from reana_batch.report.records import session_record

    diagnostics = Diagnostics()
    if choice:
        runs, diagnostics = look_at_each(directories)
        directories = [each.run.directory for each in runs if choice.fits(each)]
    by_run, faults = of_each(directories, open_sessions)
    diagnostics.add(faults)
    found = [*chain.from_iterable(by_run)]
    silent = [each.silence for each in found]
    return _list_answer(
        {"sessions": [session_record(each) for each in found]}, [sessions_table(found)], silent, diagnostics
    )


def _list_answer(
    record: Record | Callable[[], Record],
    shown: Iterable[Piece],
    silent: Iterable[Refused | None],
    diagnostics: Diagnostics,
) -> Answer:
    """Return the answer with a list, and say what could not be read and which batch systems did not answer."""
    for fault in filter(None, silent):
        show(fault.diagnostics)
    show(diagnostics)
    return Answer(record, shown, diagnostics, EXIT_REFUSED if diagnostics.errors else 0)


@click.command("wait")
@run_options
@answering
def wait(name: str, runs: Path | None) -> Answer:
    """Wait until a run has ended, and show its state.

    Exits with 0 if it finished, 1 if it failed, 130 if it was stopped. Meanwhile it names jobs that are held or cannot
    start.
    """
    return wait_for_end(open_run(name, runs))


def _log_filters(given: Iterable[str]) -> Filters:
    from reana_batch.run.log_filters import FILTERS, STATES

    return parsed_filters(given, FILTERS, STATES, "The status of a job")


@click.command("logs")
@run_options
@click.argument("step", required=False, shell_complete=completing.steps_of_run)
@click.option("--row", type=click.IntRange(min=0), help="Only this row of the step.")
@click.option("--follow", is_flag=True, help="Keep showing new output until the run has ended.")
@filter_option(
    _log_filters,
    "Only these jobs: step=NAME, status=finished, failed or running, compute_backend=NAME, docker_img=IMAGE.",
    completing.log_filters,
)
@answering
def logs(name: str, runs: Path | None, step: str | None, row: int | None, follow: bool, filters: Filters) -> Answer:
    """Show the logs of the failed jobs, or of a step."""
    from reana_batch.run.logs import as_record, read

    if filters:
        if follow:
            raise click.UsageError("--filter and --follow exclude each other.")
        directory = find_run(name, runs)
        found = _filtered(directory, step, row, filters)
        return Answer(
            lambda: {"name": directory.name, "logs": [as_record(each) for each in found]},
            [Raw(read(found), is_log=True)],
        )
    run = open_run(name, runs)
    return Answer(
        lambda: {
            "name": run.directory.name,
            "logs": [as_record(each) for each in run.logs(step, row=row, all_jobs=follow)],
        },
        _log_pieces(run, step, row, follow),
    )


def _log_pieces(run: Run, step: str | None, row: int | None, follow: bool) -> Iterator[Piece]:
    """Yield the logs, and the command that gives failed jobs what they lacked."""
    from reana_batch.cli.status_text import cure_lines

    yield Raw(_log_texts(run, step, row, follow), is_log=True)
    if step is None and not follow:
        yield from cure_lines(run.cure())


def _filtered(directory: Path, step: str | None, row: int | None, filters: Filters) -> Iterator[JobLog]:
    """Yield the logs of the jobs that the filters choose."""
    from reana_batch.run import log_filters
    from reana_batch.run.logs import select
    from reana_batch.run.parts import Run as PlainRun

    run = PlainRun(directory)
    yield from log_filters.fitting(run, select(run, step, row, failed_alone=False), filters)


def _log_texts(run: Run, step: str | None, row: int | None, follow: bool) -> Iterator[str]:
    """Yield the logs piece by piece. The search for logs starts when the first piece is read."""
    from reana_batch.run.logs import read

    yield from run.follow_logs(step, row=row) if follow else read(run.logs(step, row=row))
