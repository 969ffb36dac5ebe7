"""The commands jobs and top, and what status says of the use of jobs."""

from __future__ import annotations

import shlex
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

_MOST_JOBS = 100  # of a look that is printed


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
        return _top_answer(_watch(run, interval))
    return _top_answer(_print_changes(run, interval) if follow else _look(run))


@dataclass(frozen=True)
class _Look:
    """The state of a run at a moment, with the jobs that need attention then."""

    current: RunStatus
    active: Jobs

    def headline(self, now: int) -> str:
        from reana_batch.lifecycle.status import time_text

        current = self.current
        done = f"{current.done:,} of {current.total:,} jobs done"
        return f"{time_text(now)}  {current.run.directory.name}  {current.state}  {done}"

    def pieces(self, now: int) -> Iterator[Piece]:
        """Yield what is printed of it."""
        from reana_batch.cli.job_text import jobs_table, steps_table

        yield line(self.headline(now))
        yield steps_table(self.current, now)
        if self.active:
            yield jobs_table(self.active[:_MOST_JOBS], now)
        if len(self.active) > _MOST_JOBS:
            named = shlex.quote(str(self.current.run.directory))
            yield line(f"and {len(self.active) - _MOST_JOBS:,} more. To list all jobs: reana-batch jobs -w {named}")


def _look(run: Run) -> _Look:
    from reana_batch.lifecycle.jobs import jobs_of

    current = run.status()
    return _Look(current, jobs_of(current, list(current.run.steps()), ("running", "held", "lost", "failed")))


def _looks(run: Run, interval: float) -> Iterator[_Look]:
    """Yield the state of a run again and again, until it has ended."""
    look = _look(run)
    while look.current.may_go_on:
        yield look
        time.sleep(interval)
        look = _look(run)
    yield look


def _top_answer(look: _Look) -> Answer:
    from reana_batch.report.job_records import job_record
    from reana_batch.report.records import run_record

    now, current = _now(), look.current
    return Answer(
        lambda: {**run_record(current), "jobs": [job_record(job, now) for job in look.active]},
        look.pieces(now),
        current.silence.diagnostics if current.silence else None,
    )


def _print_changes(run: Run, interval: float) -> _Look:
    """Print each change, until the run has ended. Return the last look, which is not printed."""
    before: object = None
    for look in _looks(run, interval):
        seen = look.current.state, look.current.progress
        if look.current.may_go_on and seen != before:
            print_pieces(look.pieces(_now()))
            sys.stdout.flush()
        before = seen
    return look


def _watch(run: Run, interval: float) -> _Look:
    """Show the run on the whole terminal until it has ended, or the user interrupts. Return the last look."""
    from rich.console import Console
    from rich.live import Live

    screen = _Screen(_look(run))
    live = Live(screen, console=Console(highlight=False), screen=True, refresh_per_second=2)
    try:  # an interrupt may come before `with` has entered the view
        live.start(refresh=True)
        for screen.look in _looks(run, interval):
            pass
    except KeyboardInterrupt:
        pass  # it ends the view and not the run
    finally:
        live.stop()
    return screen.look


@dataclass
class _Screen:
    """What fits the terminal, drawn again when its size changes. Between two looks it reads the listed records alone."""

    look: _Look

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        from reana_batch.cli.job_text import jobs_table, steps_table
        from reana_batch.cli.terminal import drawn_table

        now, height = _now(), options.max_height
        steps = steps_table(self.look.current, now)
        yield self.look.headline(now)
        yield drawn_table(steps, most=max(height // 2 - 2, 3), folded=False)
        left = height - min(len(steps.rows) + 1, height // 2) - 4
        if self.look.active and left > 1:
            yield ""
            yield drawn_table(jobs_table(self.look.active, now), most=left - 2, folded=False)
