"""The commands that start a run or end it: run, submit, restart, resume, expand, stop."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import reana_batch
from reana_batch import backends
from reana_batch.amounts import counted
from reana_batch.cli import completing
from reana_batch.cli.answers import Answer, answering
from reana_batch.cli.estimating import Asked, estimate_of, estimating_options
from reana_batch.cli.following import wait_for_end
from reana_batch.cli.options import (
    checksum_option,
    compile_analysis,
    find_run,
    jobs_option,
    recompile,
    request_options,
    root_of,
    run_options,
    runs_option,
    starting_options,
    wish_of,
)
from reana_batch.cli.plan_text import plan_answer
from reana_batch.cli.starting import asked_site, create, starting, watch_here
from reana_batch.cli.terminal import Line, line, say, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from reana_batch.backends.drivers import Here
    from reana_batch.compilation import Compilation
    from reana_batch.lifecycle.comparison import Plan
    from reana_batch.run.parts import Run

_Started = TypeVar("_Started")

_directory_argument = click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))


# --- starting ----------------------------------------------------------------------------------------


@click.command("run")
@starting_options
@click.option(
    "-w",
    "--workflow",
    "-n",
    "--name",
    "name",
    default="workflow",
    show_default=True,
    help="The name of the run; it gets a number.",
    shell_complete=completing.labels,
)
@runs_option
@jobs_option
@click.option("--follow", is_flag=True, help="Wait for the end. With make, the command always waits.")
@click.option(
    "--reuse",
    metavar="RUN",
    shell_complete=completing.runs,
    help="Take over the jobs of an ended run that are the same, with copies of its files.",
)
@checksum_option
@estimating_options
@click.option("--dry-run", is_flag=True, help="Show what `estimate` shows, and start nothing.")
@answering
def run(
    file: Path | None,
    name: str,
    runs: Path | None,
    jobs: int | None,
    follow: bool,
    reuse: str | None,
    checksum: bool,
    asked: Asked,
    dry_run: bool,
    **given: Any,
) -> Answer:
    """Compile an analysis into a new run and start it.

    With HTCondor and Slurm, the command submits the run and returns. With make, it runs the jobs here and waits.
    """
    from reana_batch.lifecycle import submission
    from reana_batch.reading.analysis import find_spec

    if not (given["site"] or given["backend"]):
        given["site"] = asked_site(find_spec(file, Path()).parent, given["settings"])
    compilation = compile_analysis(file, **given)
    old = find_run(reuse, runs) if reuse else None
    if dry_run or asked.budget is not None:
        found = estimate_of(compilation, asked, given, jobs)
        if dry_run:
            from reana_batch.cli.estimate_text import estimate_answer

            return estimate_answer(compilation, found, _taken_over(old, compilation, checksum=checksum))
    here = backends.driver(compilation.target.name).here
    if here:
        here.check_tools()
    directory = create(compilation, root_of(runs), name, old, checksum=checksum)
    if here:
        return watch_here(directory, here, submission.submit(directory, starting(here, jobs)), compilation.diagnostics)
    ids = submission.submit(directory, submission.submit_run)
    lines = _submitted(directory, f"has been submitted to {compilation.target.title}")
    if follow:
        for [(text, colour)] in (each.spans for each in lines):
            say(text, colour or None)
        return wait_for_end(reana_batch.Run(directory), compilation.diagnostics)
    return Answer({"name": directory.name, "directory": str(directory), "ids": ids}, lines, compilation.diagnostics)


def _taken_over(old: Path | None, compilation: Compilation, *, checksum: bool) -> int | None:
    """Return how many jobs a new run would take over from ``old``. None without such a run."""
    from reana_batch.lifecycle.planning import planned
    from reana_batch.run.parts import Run

    return planned(Run(old), compilation, checksum=checksum).kept if old else None


def _submitted(directory: Path, how: str) -> list[Line]:
    return [
        line(f"==> SUCCESS: {directory.name} {how}.", "green"),
        line(f"To see its state: reana-batch status -w {shlex.quote(str(directory))}"),
    ]


def _here(directory: Path) -> Here | None:
    """Return the functions that run it on this machine. None if its jobs are submitted."""
    from reana_batch.run.parts import Run

    return backends.driver(Run(directory).manifest.backend).here


@click.command("submit")
@_directory_argument
@answering
def submit(directory: Path) -> Answer:
    """Submit a run directory that `reana-batch compile` wrote."""
    from reana_batch.lifecycle import submission
    from reana_batch.run.names import itself

    directory = itself(directory)
    ids = submission.submit(directory, submission.submit_run)
    lines = _submitted(directory.absolute(), "has been submitted")
    return Answer({"name": directory.name, "directory": str(directory), "ids": ids}, lines)


# --- again -------------------------------------------------------------------------------------------


@click.command("restart")
@run_options
@starting_options
@jobs_option
@click.option("-n", "--dry-run", is_flag=True, help="Show which jobs would run and why, and change nothing.")
@checksum_option
@answering
def restart(
    name: str, runs: Path | None, file: Path | None, jobs: int | None, dry_run: bool, checksum: bool, **given: Any
) -> Answer:
    """Start an ended run again, as NAME.N.1, in its workspace.

    Finished jobs do not run again. With another analysis, parameters or options, the jobs run that are not the same any
    more, and those that wait for them.
    """
    from reana_batch.lifecycle import restart, submission
    from reana_batch.run.parts import Run

    old = find_run(name, runs)
    compilation = recompile(old, file, **given) if file or any(given.values()) else None
    diagnostics = compilation.diagnostics if compilation else None
    if dry_run:
        return plan_answer(_plan(Run(old), compilation, checksum=checksum), diagnostics)
    here = backends.driver(compilation.target.name).here if compilation else _here(old)
    if here:
        here.check_tools()

    def again(start: Callable[[Run], _Started]) -> tuple[Path, int, _Started]:
        if compilation is None:
            return restart.restart(old, start)
        from reana_batch.lifecycle import reuse

        new, plan, started = reuse.restart(old, compilation, start, checksum=checksum)
        return new, plan.kept, started

    if here:
        new, done, process = again(starting(here, jobs))
        _say_restarted(old, new, done)
        return watch_here(new, here, process, diagnostics)
    new, done, ids = again(submission.submit_run)
    _say_restarted(old, new, done)
    shown = [line(f"==> SUCCESS: {new.name} has been submitted.", "green")]
    return Answer({"name": new.name, "directory": str(new), "ids": ids, "done": done}, shown, diagnostics)


def _plan(run: Run, compilation: Compilation | None, *, checksum: bool) -> Plan:
    """Return which jobs a restart would run."""
    from reana_batch.lifecycle import planning
    from reana_batch.lifecycle.deletion import check_latest

    check_latest(run.directory)
    return planning.planned(run, compilation, checksum=checksum) if compilation else planning.unchanged(run)


def _say_restarted(old: Path, new: Path, done: int) -> None:
    say(f"==> {new.name} goes on where {old.name} ended; {done:,} of its jobs are done already.")


@click.command("resume")
@run_options
@jobs_option
@request_options
@answering
def resume(name: str, runs: Path | None, jobs: int | None, **asked: Any) -> Answer:
    """Submit a failed or stopped run again, under its number.

    Finished jobs do not run again. If jobs of the run are held in the queue, they are released instead. --memory,
    --runtime and --set change what the jobs of failed steps ask for, or those of --step.
    """
    from reana_batch.lifecycle import restart, submission

    directory, wish = find_run(name, runs), wish_of(**asked)
    here = _here(directory)
    if here:
        return watch_here(directory, here, restart.resume(directory, starting(here, jobs), wish))
    ids = submission.release(directory, wish)
    if ids:
        text = f"==> SUCCESS: {directory.name} goes on; released: {', '.join(ids)}."
    else:
        ids = restart.resume(directory, submission.submit_run, wish)
        text = f"==> SUCCESS: {directory.name} has been submitted again."
    return Answer({"name": directory.name, "directory": str(directory), "ids": ids}, [line(text, "green")])


@click.command("expand")
@click.option(
    "--submit", "submit_it", is_flag=True, help="Submit it too, on batch systems that do not do so themselves."
)
@_directory_argument
@click.argument("expansion")
@answering
def expand(directory: Path, expansion: str, submit_it: bool) -> Answer:
    """Compile an expansion of a run.

    Jobs of the run call this. DIRECTORY is the run, or the part that another of its expansions has compiled.
    """
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle import submission
    from reana_batch.lifecycle.expansion import expand as compile_expansion
    from reana_batch.run.parts import Run

    submission.check_needs(Run(directory), expansion)
    diagnostics = Diagnostics()
    part = Run(compile_expansion(directory, expansion, diagnostics))
    show(diagnostics)
    if submit_it:
        submission.submit_part(part)
    jobs = part.manifest.jobs
    shown = [line(f"==> SUCCESS: {counted(jobs, 'job')} in {part.directory}.", "green")]
    return Answer({"directory": str(part.directory), "jobs": jobs}, shown, diagnostics)


# --- ending ------------------------------------------------------------------------------------------


@click.command("stop")
@run_options
@click.option("--force", is_flag=True, help="Count it as stopped even if its batch system or machine does not answer.")
@answering
def stop(name: str, runs: Path | None, force: bool) -> Answer:
    """Remove a run from its batch system, and end its jobs."""
    from reana_batch.lifecycle import ending

    directory = find_run(name, runs)
    ending.stop(directory, force=force)
    shown = [line(f"==> SUCCESS: {directory.name} has been stopped.", "green")]
    return Answer({"name": directory.name, "status": "stopped"}, shown)
