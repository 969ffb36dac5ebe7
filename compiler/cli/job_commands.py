"""The commands jobs and top, and what status says of the use of jobs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reana_batch.cli import completing
from reana_batch.cli.answers import Answer, answering, wants_json
from reana_batch.cli.options import open_run, run_options
from reana_batch.cli.terminal import Piece, line, print_pieces, show

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from reana_batch import Run, RunStatus
    from reana_batch.lifecycle.jobs import Jobs

# As lifecycle.jobs has them, which takes long to load.
STATES = ("finished", "failed", "running", "waiting", "held", "lost")
_ACTIVE = ("queued", "running")


@click.command("jobs")
@run_options
@click.option("--step", "steps", multiple=True, help="Only jobs of this step.", shell_complete=completing.steps_of_run)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES),
    help="Only jobs in this state. Lost: it ended and left no record.",
)
@click.option("-v", "--verbose", is_flag=True, help="Add CPU time, memory, exit code and reason.")
@answering
def jobs(name: str, runs: Path | None, steps: tuple[str, ...], states: tuple[str, ...], verbose: bool) -> Answer:
    """List the jobs of a run, with their state, host and time."""
    from reana_batch.cli.job_text import jobs_table
    from reana_batch.lifecycle.jobs import jobs_of
    from reana_batch.report.job_records import job_record
    from reana_batch.run.steps import named

    current = open_run(name, runs).status()
    silence = current.silence.diagnostics if current.silence else None
    if silence:
        show(silence)
    every = list(current.run.steps())
    chosen = [each for step in steps for each in named(every, step)] or every
    found, now = jobs_of(current, chosen, states or STATES), _now()
    return Answer(
        lambda: {"name": current.run.directory.name, "jobs": [job_record(job, now) for job in found]},
        [jobs_table(found, now, verbose=verbose)],
        silence,
    )


def _now() -> int:
    return int(time.time())


# --- top -----------------------------------------------------------------------------------------


@click.command("top")
@run_options
@click.option("--follow", is_flag=True, help="Off a terminal: print again after each change, until the run has ended.")
@click.option(
    "--interval",
    type=click.FloatRange(min=1),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="The time between two looks. Each look asks the batch system once.",
)
@answering
def top(name: str, runs: Path | None, follow: bool, interval: float) -> Answer:
    """Watch the steps of a run and its running jobs.

    On a terminal it shows the present state until the run has ended, or you press Ctrl-C. The run goes on.
    """
    run = open_run(name, runs)
    if wants_json() and follow:
        raise click.UsageError("--follow and --json exclude each other.")
    if sys.stdout.isatty() and not wants_json():
        current = _watch(run, interval)
    else:
        current = _print_changes(run, interval) if follow else run.status()
    return _top_answer(current)


def _top_answer(current: RunStatus) -> Answer:
    from reana_batch.report.job_records import job_record
    from reana_batch.report.records import run_record

    now = _now()
    active = _active_jobs(current)
    return Answer(
        lambda: {**run_record(current), "jobs": [job_record(job, now) for job in active]},
        _view(current, now),
        current.silence.diagnostics if current.silence else None,
    )


def _active_jobs(current: RunStatus) -> Jobs:
    from reana_batch.lifecycle.jobs import jobs_of

    return jobs_of(current, list(current.run.steps()), ("running", "held", "lost", "failed"))


def _view(current: RunStatus, now: int) -> Iterator[Piece]:
    """Yield what one look shows."""
    from reana_batch.cli.job_text import jobs_table, steps_table

    yield line(_headline(current, now))
    yield steps_table(current, now)
    active = _active_jobs(current)
    if active:
        yield jobs_table(active, now)


def _headline(current: RunStatus, now: int) -> str:
    from reana_batch.lifecycle.status import time_text

    done = f"{current.done:,} of {current.total:,} jobs done"
    return f"{time_text(now)}  {current.run.directory.name}  {current.state}  {done}"


def _looks(run: Run, interval: float) -> Iterator[RunStatus]:
    """Yield the state of a run again and again, until it has ended."""
    while True:
        current = run.status()
        yield current
        if current.state not in (*_ACTIVE, "unknown"):
            return
        time.sleep(interval)


def _print_changes(run: Run, interval: float) -> RunStatus:
    """Print the view after each change, until the run has ended. Return its last state, which is not printed."""
    before: object = None
    for current in _looks(run, interval):
        seen = current.state, current.progress
        if current.state not in (*_ACTIVE, "unknown"):
            break
        if seen != before:
            print_pieces(_view(current, _now()))
            sys.stdout.flush()
        before = seen
    return current


def _watch(run: Run, interval: float) -> RunStatus:
    """Show the view on the whole terminal until the run has ended, or the user interrupts. Return the last state."""
    from rich.console import Console
    from rich.live import Live

    current = run.status()
    screen = _Screen(current)
    live = Live(screen, console=Console(highlight=False), screen=True, refresh_per_second=2)
    try:  # an interrupt may come before `with` has entered the view
        live.start(refresh=True)
        for current in _looks(run, interval):
            screen.current = current
    except KeyboardInterrupt:
        pass  # it ends the view and not the run
    finally:
        live.stop()
    return current


@dataclass
class _Screen:
    """What fits the terminal, drawn again when its size changes."""

    current: RunStatus

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        from reana_batch.cli.job_text import jobs_table, steps_table
        from reana_batch.cli.terminal import drawn_table

        now, height = _now(), options.max_height
        steps = steps_table(self.current, now)
        yield _headline(self.current, now)
        yield drawn_table(steps, most=max(height // 2 - 2, 3), folded=False)
        left = height - min(len(steps.rows) + 1, height // 2) - 4
        active = _active_jobs(self.current)
        if active and left > 1:
            yield ""
            yield drawn_table(jobs_table(active, now), most=left - 2, folded=False)
