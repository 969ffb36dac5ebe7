"""The commands for the life of a run: run, submit, status, logs, stop and their sisters."""

from __future__ import annotations

import contextlib
import functools
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reana_batch import backends
from reana_batch.cli.main import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    JSON_OPTION,
    compile_analysis,
    counted,
    guarded,
    options_of,
    print_json,
    print_text,
    say,
    show,
    site_line,
    spec_options,
)
from reana_batch.printable import printable_log

if TYPE_CHECKING:
    import subprocess

    from reana_batch.backends.drivers import Here
    from reana_batch.compilation import Options
    from reana_batch.diagnostics import Diagnostics, Refused
    from reana_batch.lifecycle.status import RunStatus
    from reana_batch.run.parts import Run

_COMMANDS: list[click.Command] = []
_TRIES = 20
_POLL_SECONDS = 15  # between two looks of `wait` and `--follow`, at the most; each is one query

_RUNS_OPTION = click.option(
    "--runs",
    type=click.Path(path_type=Path),
    envvar="REANA_BATCH_RUNS",
    help="Where runs live.  [default: the user's data directory]",
)
_NAME_OPTION = click.option(
    "-w",
    "--workflow",
    "name",
    envvar="REANA_WORKON",
    required=True,
    metavar="NAME[.N]",
    help="The run; without a number the latest.  [env: REANA_WORKON]",
)


def register(main: click.Group) -> None:
    """Add the commands of this module to the command line."""
    for command in _COMMANDS:
        main.add_command(command)


def command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function and keep it for the command line."""

    def make(function: Callable[..., Any]) -> click.Command:
        made = click.command(name)(JSON_OPTION(guarded(function)))
        _COMMANDS.append(made)
        return made

    return make


def _root(runs: Path | None) -> Path:
    from reana_batch.run.names import default_root

    return runs or default_root()


def _find(name: str, runs: Path | None) -> Path:
    from reana_batch.run.names import find_run

    return find_run(_root(runs), name)


# --- starting -----------------------------------------------------------------------------------------


@command("run")
@spec_options
@click.option(
    "-b",
    "--backend",
    type=click.Choice([*backends.BACKENDS, "auto"]),
    help="The batch system.  [default: the site's]",
)
@click.option(
    "-w", "--workflow", "name", default="workflow", show_default=True, help="The name of the run; it gets a number."
)
@_RUNS_OPTION
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), help="Jobs at a time, with make.  [default: the CPUs that may be used]"
)
@click.option("--follow", is_flag=True, help="Wait for the end; with make, that is always so.")
def run(
    file: Path | None, name: str, runs: Path | None, jobs: int | None, follow: bool, as_json: bool, **given: Any
) -> None:
    """Compile an analysis into a new run and start it.

    With HTCondor and Slurm this submits and returns; with make it runs here, to the end.
    """
    import shutil

    from reana_batch.diagnostics import Refused
    from reana_batch.lifecycle import creation, submission
    from reana_batch.lifecycle.creation import write_run
    from reana_batch.run.names import new_run

    options = _with_site(file, options_of(**given))
    compilation, diagnostics = compile_analysis(file, options)
    here = backends.driver(compilation.target.name).here
    if here:
        here.check_tools()
    directory = new_run(_root(runs), name)
    try:
        write_run(compilation, directory)
    except Refused:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    creation.note_creation(directory, compilation)
    if here:
        _watch_here(directory, here, submission.submit(directory, _starting(here, jobs)), as_json, diagnostics)
    ids = submission.submit(directory, submission.hand_in)
    say(f"==> SUCCESS: {directory.name} has been submitted to {compilation.target.title}.", "green")
    say(f"To see what becomes of it: reana-batch status -w {shlex.quote(str(directory))}")
    if follow:
        _wait_and_exit(directory, as_json, diagnostics)
    if as_json:
        print_json({"name": directory.name, "directory": str(directory), "ids": ids}, diagnostics)


def _with_site(file: Path | None, options: Options) -> Options:
    """Return the options with a site, where this machine submits to a batch system and nothing says what to use."""
    from dataclasses import replace

    from reana_batch.diagnostics import Diagnostics, refuse
    from reana_batch.reading import sites
    from reana_batch.reading.analysis import find_spec

    found = backends.found_here()
    if not found or options.backend or options.site:
        return options
    resolved = sites.resolve(
        None, options.settings, find_spec(file, Path()).parent, Diagnostics(), backends=backends.BACKENDS
    )
    if resolved.chosen_by or not resolved.origins["backend"].startswith(("default", "shipped")):
        return options
    machine = f"This machine submits to {' and '.join(found)}, and nothing says which site to use."
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        hint = "name it once: --site NAME (local runs here, with make); to keep it: REANA_BATCH_SITE=NAME,"
        where = f"or site: NAME in {sites.PROJECT_FILE} next to the analysis or in your home; see reana-batch sites."
        raise refuse("no-site", machine, hint=f"{hint} {where}")
    say(f"{machine} local runs here, with make.")
    known = click.Choice(list(sites.profiles(backends.BACKENDS, Diagnostics())))
    site = click.prompt("Site", type=known, err=True)
    if click.confirm(f"Keep it in ~/{sites.PROJECT_FILE}?", err=True):
        sites.keep_choice(site)
    return replace(options, site=site)


def _here(directory: Path) -> Here | None:
    """Return how a run is run on this machine. None if it is submitted to a batch system."""
    from reana_batch.run.parts import Run

    return backends.driver(Run(directory).manifest.backend).here


def _starting(here: Here, jobs: int | None) -> Callable[[Run], subprocess.Popen[bytes]]:
    """Return what starts a run on this machine."""
    return lambda run: here.start(run, jobs)


def _watch_here(
    directory: Path,
    here: Here,
    process: subprocess.Popen[bytes],
    as_json: bool,
    diagnostics: Diagnostics | None = None,
) -> None:
    """Stay with a run on this machine to its end and exit with its result."""
    from reana_batch.cli.terminal import watching

    say(f"==> Running {directory.name} in {directory}")
    with watching(quiet=as_json) as report:
        here.watch(directory, process, report)
    _show_and_exit(directory, as_json, diagnostics)


@command("submit")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
def submit(directory: Path, as_json: bool) -> None:
    """Submit a run directory that `reana-batch compile` wrote."""
    from reana_batch.lifecycle import submission
    from reana_batch.run.names import itself

    directory = itself(directory)
    ids = submission.submit(directory, submission.hand_in)
    say(f"==> SUCCESS: {directory.name} has been submitted.", "green")
    say(f"To see what becomes of it: reana-batch status -w {shlex.quote(str(directory.absolute()))}")
    if as_json:
        print_json({"name": directory.name, "directory": str(directory), "ids": ids})


@command("restart")
@_NAME_OPTION
@_RUNS_OPTION
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Jobs at a time, with make.")
def restart(name: str, runs: Path | None, jobs: int | None, as_json: bool) -> None:
    """Start an ended run again, as NAME.N.1, in the same workspace; finished jobs are not run again."""
    from reana_batch.lifecycle import restart, submission

    old = _find(name, runs)
    here = _here(old)
    if here:
        here.check_tools()
        new, done, process = restart.restart(old, _starting(here, jobs))
        _say_restarted(old, new, done)
        _watch_here(new, here, process, as_json)
    new, done, ids = restart.restart(old, submission.hand_in)
    _say_restarted(old, new, done)
    say(f"==> SUCCESS: {new.name} has been submitted.", "green")
    if as_json:
        print_json({"name": new.name, "directory": str(new), "ids": ids, "done": done})


def _say_restarted(old: Path, new: Path, done: int) -> None:
    say(f"==> {new.name} goes on where {old.name} ended; {done:,} of its jobs are done already.")


@command("resume")
@_NAME_OPTION
@_RUNS_OPTION
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Jobs at a time, with make.")
def resume(name: str, runs: Path | None, jobs: int | None, as_json: bool) -> None:
    """Submit a failed or stopped run again under its own number; finished jobs are not run again."""
    from reana_batch.lifecycle import restart, submission

    directory = _find(name, runs)
    here = _here(directory)
    if here:
        _watch_here(directory, here, restart.resume(directory, _starting(here, jobs)), as_json)
    ids = submission.release(directory)
    if ids:
        say(f"==> SUCCESS: {directory.name} goes on; released: {', '.join(ids)}.", "green")
    else:
        ids = restart.resume(directory, submission.hand_in)
        say(f"==> SUCCESS: {directory.name} has been submitted again.", "green")
    if as_json:
        print_json({"name": directory.name, "directory": str(directory), "ids": ids})


@command("expand")
@click.option(
    "--submit", "submit_it", is_flag=True, help="Submit it as well, for batch systems that do not by themselves."
)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("expansion")
def expand(directory: Path, expansion: str, submit_it: bool, as_json: bool) -> None:
    """Compile what follows from an expansion of a run; jobs of the run call this.

    DIRECTORY is the run, or what another of its expansions has compiled.
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
    say(f"==> SUCCESS: {counted(jobs, 'job')} in {part.directory}.", "green")
    if as_json:
        print_json({"directory": str(part.directory), "jobs": jobs}, diagnostics)


# --- looking ------------------------------------------------------------------------------------------


@command("status")
@_NAME_OPTION
@_RUNS_OPTION
def status(name: str, runs: Path | None, as_json: bool) -> None:
    """Show what has become of a run, and why it failed."""
    from reana_batch.cli.terminal import show_status
    from reana_batch.lifecycle import status

    current = status.status(_find(name, runs))
    show_status(current)
    if current.silence is not None:
        show(current.silence.diagnostics)
    if as_json:
        print_json(_status_record(current), current.silence.diagnostics if current.silence else None)
    sys.exit(EXIT_REFUSED if current.state == "unknown" else 0)


def _status_record(current: RunStatus) -> dict[str, Any]:
    from reana_batch.cli.terminal import failure_record

    return {
        "name": current.run.directory.name,
        "directory": str(current.run.directory),
        "backend": current.run.manifest.backend,
        "status": current.state,
        "progress": {"done": current.done, "total": current.total},
        "steps": [
            {"name": s.name, "total": s.total, "done": s.done, "failed": s.failed, "running": s.running}
            for s in current.progress
        ],
        "held": [{"id": job.id, "step": job.step, "reason": job.reason} for job in current.queue.held],
        "hindered": [{"id": job.id, "step": job.step, "reason": job.reason} for job in current.queue.hindered],
        "first_failure": failure_record(current.failures[0]) if current.failures else None,
        "failed": len(current.failures),
        "not_started": current.not_started,
        "blocked": [asdict(each) for each in current.blocked()],
        "expansions": [{"label": e.label, "origin": e.origin, "reason": e.reason} for e in current.open_expansions],
        "missing_outputs": list(current.missing_outputs),
        "last_words": current.last_words or None,
    }


@command("list")
@_RUNS_OPTION
@click.option("-w", "--workflow", "name", metavar="NAME", help="Only the runs of this name.")
def list_runs(name: str | None, runs: Path | None, as_json: bool) -> None:
    """List the runs, the latest first. Exit 3 if some cannot be looked at."""
    from reana_batch.diagnostics import Diagnostics, Refused, no_access
    from reana_batch.lifecycle import status
    from reana_batch.run.names import all_runs

    found, diagnostics = [], Diagnostics()
    for directory in reversed(all_runs(_root(runs), name)):
        try:
            current = status.status(directory)
            found.append(current)
            if current.state == "unknown" and current.silence is not None:
                show(current.silence.diagnostics)
        except Refused as refused:  # one run that cannot be looked at hides no other
            diagnostics.add(refused.diagnostics)
        except OSError as error:
            diagnostics.add(no_access(error).diagnostics)
    found.sort(key=status.created, reverse=True)
    show(diagnostics)
    if as_json:
        print_json({"runs": [_status_record(each) for each in found]}, diagnostics)
    else:
        _show_runs(found)
    sys.exit(EXIT_REFUSED if diagnostics.errors else 0)


def _show_runs(found: list[RunStatus]) -> None:
    from reana_batch.cli.terminal import print_table, simple_table
    from reana_batch.lifecycle import status

    rows = []
    for each in found:
        label, _, number = each.run.directory.name.partition(".")
        progress = f"{each.done:,}/{each.total:,}"
        rows.append((label, number, status.created(each), each.state, progress, each.run.manifest.backend))
    print_table(simple_table(("NAME", "RUN_NUMBER", "CREATED", "STATUS", "PROGRESS", "BACKEND"), rows))


@command("wait")
@_NAME_OPTION
@_RUNS_OPTION
def wait(name: str, runs: Path | None, as_json: bool) -> None:
    """Wait until a run has ended; exit 0 if it finished, 1 if it failed, 130 if it was stopped.

    What keeps jobs from going on is said when it is seen, and waiting goes on.
    """
    _wait_and_exit(_find(name, runs), as_json)


def _wait_and_exit(directory: Path, as_json: bool, diagnostics: Diagnostics | None = None) -> None:
    import time

    from reana_batch.cli.terminal import show_hindrances, watching
    from reana_batch.diagnostics import refuse

    pause, told = 1, set[str]()
    with watching(quiet=as_json) as report:
        while True:
            current = _patient_status(directory)
            if current.state == "created":
                raise refuse("run-state", f"{directory.name} has not been submitted.")
            if current.queue.cut_short:
                message = f"The submission of {directory.name} was cut short; what was accepted waits in the queue."
                named = shlex.quote(str(directory))
                hint = f"go on with reana-batch resume -w {named}, or end it with reana-batch stop -w {named}."
                raise refuse("run-state", message, hint=hint)
            report(current.progress)
            if current.state not in ("queued", "running"):
                break
            told = show_hindrances(current, told)
            time.sleep(pause)
            pause = min(2 * pause, _POLL_SECONDS)
    _show_and_exit(directory, as_json, diagnostics)


def _patient_status(directory: Path) -> RunStatus:
    """Return the status; a scheduler that does not answer is asked again for some minutes."""
    import time

    from reana_batch.lifecycle import status

    for _ in range(_TRIES):
        current = status.status(directory)
        if current.state != "unknown" or _is_lacking(current.silence):
            break
        time.sleep(_POLL_SECONDS)
    return status.known_status(directory) if current.state == "unknown" else current


def _is_lacking(silence: Refused | None) -> bool:
    """Return whether waiting gives no answer either, because the batch system's tools are missing here."""
    return silence is not None and any(fault.code != "scheduler" for fault in silence.diagnostics.errors)


def _show_and_exit(directory: Path, as_json: bool, diagnostics: Diagnostics | None) -> None:
    from reana_batch.cli.terminal import show_status
    from reana_batch.lifecycle import status

    current = status.status(directory)
    show_status(current)
    if as_json:
        print_json(_status_record(current), diagnostics)
    sys.exit({"finished": 0, "stopped": EXIT_INTERRUPTED}.get(current.state, EXIT_FAILED))


@command("logs")
@_NAME_OPTION
@_RUNS_OPTION
@click.argument("step", required=False)
@click.option("--row", type=click.IntRange(min=0), help="Only this row of the step.")
@click.option("--follow", is_flag=True, help="Go on showing what is written, until the run has ended.")
def logs(name: str, runs: Path | None, step: str | None, row: int | None, follow: bool, as_json: bool) -> None:
    """Show the logs of the jobs: of those that failed, or of a step."""
    from reana_batch.lifecycle import status
    from reana_batch.run import logs

    directory = _find(name, runs)
    find = functools.partial(logs.select, directory, step, row, all_jobs=follow)
    if as_json:
        print_json({"name": directory.name, "logs": [logs.as_record(each) for each in find()]})
        return
    for piece in logs.follow(find, lambda: status.status(directory).state) if follow else logs.read(find()):
        click.echo(printable_log(piece) if sys.stdout.isatty() else piece.encode("utf-8", "surrogateescape"), nl=False)


# --- ending -------------------------------------------------------------------------------------------


@command("stop")
@_NAME_OPTION
@_RUNS_OPTION
@click.option("--force", is_flag=True, help="Take it as stopped even if its batch system or machine does not answer.")
def stop(name: str, runs: Path | None, force: bool, as_json: bool) -> None:
    """Take a run out of its batch system."""
    from reana_batch.lifecycle import ending

    directory = _find(name, runs)
    ending.stop(directory, force=force)
    say(f"==> SUCCESS: {directory.name} has been stopped.", "green")
    if as_json:
        print_json({"name": directory.name, "status": "stopped"})


@command("delete")
@_NAME_OPTION
@_RUNS_OPTION
def delete(name: str, runs: Path | None, as_json: bool) -> None:
    """Delete an ended run, with its workspace."""
    from reana_batch.lifecycle import deletion

    directory = _find(name, runs)
    deletion.delete(directory)
    say(f"==> SUCCESS: {directory.name} has been deleted.", "green")
    if as_json:
        print_json({"name": directory.name, "status": "deleted"})


# --- the workspace ------------------------------------------------------------------------------------


@command("ls")
@_NAME_OPTION
@_RUNS_OPTION
@click.argument("pattern", default="**/*")
def ls(name: str, runs: Path | None, pattern: str, as_json: bool) -> None:
    """List the files of a run's workspace."""
    from reana_batch.cli.terminal import print_table, simple_table
    from reana_batch.run import workspace

    files = list(workspace.files(_find(name, runs), pattern))
    if as_json:
        print_json({"files": [{"name": f.name, "size": f.size, "last-modified": f.modified} for f in files]})
    else:
        rows = [(f.name, str(f.size), f.modified) for f in files]
        print_table(simple_table(("NAME", "SIZE", "LAST-MODIFIED"), rows))


@command("du")
@_NAME_OPTION
@_RUNS_OPTION
@click.option("-s", "--summarize", is_flag=True, help="Only the sum.")
def du(name: str, runs: Path | None, summarize: bool, as_json: bool) -> None:
    """Show how much room a run's workspace takes."""
    from reana_batch.cli.terminal import print_table, simple_table
    from reana_batch.run import workspace

    files = list(workspace.files(_find(name, runs), "**/*"))
    total = sum(f.size for f in files)
    if as_json:
        print_json({"total": total, "files": [{"name": f.name, "size": f.size} for f in files]})
    else:
        rows = [] if summarize else [(str(f.size), f"./{f.name}") for f in files]
        print_table(simple_table(("SIZE", "NAME"), [*rows, (str(total), ".")]))


@command("download")
@_NAME_OPTION
@_RUNS_OPTION
@click.argument("files", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where to.  [default: here]",
)
def download(name: str, runs: Path | None, files: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Copy files out of a run's workspace; without names, the declared outputs. Exit 1 if some are missing."""
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.run import workspace

    directory, diagnostics = _find(name, runs), Diagnostics()
    copied: list[str] = []
    missing: list[str] = []
    for wanted in files or workspace.declared_outputs(directory):
        got = workspace.download(directory, wanted, output)
        for path in got.copied:
            say(f"==> SUCCESS: File {path} downloaded to {output.absolute()}.", "green")
        for fault in got.faults:
            diagnostics.error("file-access", f"Not downloaded: {fault}.")
        copied += got.copied
        missing += [] if got.copied or got.faults else [wanted]
    if missing:
        diagnostics.error("missing-file", f"Not in the workspace: {', '.join(missing)}.", hint="see: reana-batch ls")
    show(diagnostics)
    if as_json:
        print_json({"files": copied, "missing": missing, "directory": str(output.absolute())}, diagnostics)
    sys.exit(EXIT_FAILED if diagnostics.errors else 0)


@command("diff")
@_RUNS_OPTION
@click.argument("first")
@click.argument("second")
def diff(first: str, second: str, runs: Path | None, as_json: bool) -> None:
    """Show how two runs differ: what they run, and what is in their workspaces."""
    from reana_batch.run import workspace

    differences = workspace.differences(_find(first, runs), _find(second, runs), backends.left_behind())
    if as_json:
        print_json({"differences": differences})
        return
    for section, lines in differences.items():
        if lines:
            say(f"==> Differences in {section}", "yellow")
            with contextlib.suppress(BrokenPipeError):
                print_text("".join(f"{line}\n" for line in lines))
        else:
            say(f"==> No differences in {section}.")


@command("test")
@_NAME_OPTION
@_RUNS_OPTION
@click.option(
    "-n", "--test-files", "files", multiple=True, metavar="FILE", help="Only this test file of the workspace."
)
def test(name: str, runs: Path | None, files: tuple[str, ...], as_json: bool) -> None:
    """Check a run against the Gherkin files that the analysis names under tests.files."""
    from reana_batch.diagnostics import refuse
    from reana_batch.lifecycle import acceptance, status

    current = status.status(_find(name, runs))
    named = list(files) or current.run.manifest.tests
    if not named:
        message = f"{current.run.directory.name} has no tests."
        raise refuse("missing-file", message, hint="name Gherkin files under tests.files.")
    results = list(acceptance.run_features(current, named))
    for result in results:
        if result.skipped:
            say(f'  -> SKIPPED: Scenario "{result.name}" ({result.file}): {result.step}: {result.problem}', "yellow")
        elif result.problem:
            say(f'  -> ERROR: Scenario "{result.name}" ({result.file}): {result.step}: {result.problem}', "red")
        else:
            say(f'  -> SUCCESS: Scenario "{result.name}"', "green")
    skipped = sum(result.skipped for result in results)
    failed = sum(bool(result.problem) for result in results) - skipped
    counts = f"{len(results) - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
    say(counts, "red" if failed else "green")
    if as_json:
        keys = ("file", "name", "step", "problem", "skipped")
        print_json({"scenarios": [{key: getattr(result, key) for key in keys} for result in results]})
    sys.exit(EXIT_FAILED if failed else 0)


@command("doctor")
@click.option("--site", help="The site profile.")
@_RUNS_OPTION
def doctor(site: str | None, runs: Path | None, as_json: bool) -> None:
    """Look at what of this machine and site works; exit 1 if something that the site needs does not."""
    from reana_batch.cli.terminal import print_table, simple_table
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle.doctor import examine
    from reana_batch.reading.sites import resolve

    resolved = resolve(site, (), Path(), Diagnostics(), backends=backends.BACKENDS)
    found = list(examine(resolved.site, _root(runs)))
    if as_json:
        keys = ("subject", "state", "note", "cure")
        findings = [{key: getattr(f, key) for key in keys} for f in found]
        print_json({"site": resolved.site.name, "chosen_by": resolved.chosen_by or None, "findings": findings})
    else:
        say(site_line(resolved))
        print_table(
            simple_table(("WHAT", "STATE", "FOUND", "CURE"), [(f.subject, f.state, f.note, f.cure) for f in found])
        )
    sys.exit(EXIT_FAILED if any(f.state == "missing" for f in found) else 0)
