"""The options that several commands share, and the functions that use their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from reana_batch import backends
from reana_batch.cli import completing
from reana_batch.cli.terminal import show

if TYPE_CHECKING:
    from reana_batch import Run
    from reana_batch.compilation import Compilation
    from reana_batch.lifecycle.requests import Wish
    from reana_batch.reading.sites import ResolvedSite
    from reana_batch.secrets import Store

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _rows_per_job(_context: click.Context, _option: click.Parameter, rows: str | None) -> str | None:
    """Return the value of ``--rows-per-job``, if it is a number of rows or ``auto``."""
    if rows not in (None, "auto") and not (rows.isdecimal() and int(rows)):
        raise click.UsageError(f'--rows-per-job must be a whole number above 0, or auto, not "{rows}".')
    return rows


def _queue_time(_context: click.Context, _option: click.Parameter, time: str | None) -> int | None:
    """Return the seconds of ``--queue-time``."""
    from reana_batch.reading import expressions

    if time in (None, "0"):
        return None if time is None else 0
    try:
        return expressions.lifetime(time)
    except expressions.Unreadable:
        raise click.UsageError(f'--queue-time must be a whole time such as 600 or 10m, not "{time}".') from None


_ANALYSIS_OPTIONS = (
    click.option(
        "-f", "--file", type=click.Path(path_type=Path), help="The analysis.  [default: reana.yaml or reana.yml]"
    ),
    click.option(
        "-p",
        "--parameter",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set an input parameter.",
        shell_complete=completing.parameters,
    ),
)
_COMPILING_OPTIONS = (
    click.option("--site", help="The site profile; see `reana-batch sites`.", shell_complete=completing.sites),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change a setting of the profile.",
        shell_complete=completing.settings,
    ),
    click.option("--fuse", is_flag=True, help="Run the commands of a step in one job."),
    click.option(
        "--queue-time",
        metavar="TIME",
        callback=_queue_time,
        help="How long a job may wait in the queue, such as 600 or 10m; credentials must be valid that much longer.",
    ),
    click.option("--rows-per-job", metavar="N|auto", callback=_rows_per_job, help="Rows that one scheduler job runs."),
    click.option(
        "--measured",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIRECTORY",
        help="An earlier run; --rows-per-job auto uses its durations.",
    ),
    click.option("--strict", is_flag=True, help="Run rules as Snakemake does where REANA runs them differently."),
    click.option("--strict-outputs", is_flag=True, help="Fail if declared outputs are missing at the end."),
    click.option(
        "--lenient",
        is_flag=True,
        help="Warn where REANA warns: unknown keys, missing inputs, FROM and TARGET without a step.",
    ),
    click.option("--ignore-unsupported", is_flag=True, help="Ignore what the back end does not support."),
    click.option(
        "-b",
        "--backend",
        type=click.Choice([*backends.BACKENDS, "auto"]),
        help="The batch system; auto uses each step's compute_backend.  [default: the site's]",
    ),
)

runs_option = click.option(
    "--runs",
    type=click.Path(path_type=Path),
    envvar="REANA_BATCH_RUNS",
    help="The directory of the runs.  [default: the user's data directory]",
)
WORKON = "REANA_WORKON"
_NAME_OPTION = click.option(
    "-w",
    "--workflow",
    "name",
    envvar=WORKON,
    required=True,
    metavar="NAME[.N]",
    help=f"The run; without a number the latest.  [env: {WORKON}]",
    shell_complete=completing.runs,
)
jobs_option = click.option(
    "-j", "--jobs", type=click.IntRange(min=1), help="Jobs at a time, with make.  [default: the usable CPUs]"
)
checksum_option = click.option(
    "--checksum", is_flag=True, help="Compare inputs by their content instead of their sizes and times."
)
site_option = click.option("--site", help="The site profile.", shell_complete=completing.sites)


_TIME = "seconds, or a time such as 3h or 90m"


def amount(_context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """Return the bytes of ``--memory``, or the seconds of ``--runtime`` or ``--timeout``."""
    if text is None:
        return None
    from reana_batch.reading import expressions, hints

    read, least, expected = {
        "memory": (expressions.kubernetes_memory, hints.LEAST_MEMORY, "a size such as 8Gi or 500Mi"),
        "runtime": (expressions.lifetime, 1, _TIME),
        "timeout": (expressions.lifetime, 1, _TIME),
    }[str(option.name)]
    try:
        found = read(text)
    except expressions.Unreadable:
        found = 0
    if found < least:
        raise click.UsageError(f'--{option.name} must be {expected}, not "{text}".')
    return found


_REQUEST_OPTIONS = (
    click.option(
        "--step",
        "steps",
        multiple=True,
        metavar="NAME",
        help="Change what the jobs of this step ask for.",
        shell_complete=completing.steps_of_run,
    ),
    click.option("--memory", metavar="SIZE", callback=amount, help="The memory that a job asks for, such as 8Gi."),
    click.option("--runtime", metavar="TIME", callback=amount, help="The time limit of a command, such as 3h."),
    click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting that is a request of jobs."
    ),
)


def request_options(function: _Function) -> _Function:
    """Give a command the options that change what jobs ask for."""
    for option in reversed(_REQUEST_OPTIONS):
        function = option(function)
    return function


def wish_of(steps: Sequence[str], memory: int | None, runtime: int | None, settings: Sequence[str]) -> Wish:
    """Return what the options of :func:`request_options` ask for."""
    from reana_batch.lifecycle.requests import NO_WISH, Wish, read_settings
    from reana_batch.run.manifest import Amounts

    if not (memory or runtime or settings):
        if steps:
            raise click.UsageError("--step needs --memory, --runtime or --set, which say what its jobs shall ask for.")
        return NO_WISH
    return Wish(steps, Amounts(memory, runtime), read_settings(settings) if settings else {})


def _operational_option(*short: str) -> Callable[[_Function], _Function]:
    return click.option(
        *short,
        "--option",
        "operational_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set an operational option: FROM, TARGET.",
        shell_complete=completing.operational_options,
    )


def spec_options(function: _Function) -> _Function:
    """Give a command the options of all commands that read an analysis."""
    return _with((*_ANALYSIS_OPTIONS, _operational_option(), *_COMPILING_OPTIONS), function)


def starting_options(function: _Function) -> _Function:
    """Give a command the options of :func:`spec_options`, with ``-o`` for ``--option``, as in reana-client."""
    return _with((*_ANALYSIS_OPTIONS, _operational_option("-o"), *_COMPILING_OPTIONS), function)


def _with(options: Sequence[Callable[[_Function], _Function]], function: _Function) -> _Function:
    for option in reversed(options):
        function = option(function)
    return function


def given_words(names: Iterable[str]) -> list[str]:
    """Return the words of the running command for these parameters, if the user gave them on the command line."""
    context, words = click.get_current_context(), list[str]()
    for option in context.command.params:
        name = option.name or ""
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            for each in value if option.multiple else (value,):
                words += [option.opts[-1]] if each is True else [option.opts[-1], str(each)]
    return words


def run_options(function: _Function) -> _Function:
    """Give a command the options that name a run."""
    return _NAME_OPTION(runs_option(function))


def compile_analysis(file: Path | None, *, quiet: bool = False, **given: Any) -> Compilation:
    """Return the compilation for the values of :func:`spec_options`. Print its warnings unless ``quiet``."""
    from reana_batch import compile_workflow

    compilation = compile_workflow(file, **given)
    if not quiet:
        show(compilation.diagnostics)
    return compilation


def recompile(run: Path, file: Path | None, **given: Any) -> Compilation:
    """Return the compilation of the analysis in ``file``, or of the run's own. The site is that of the run.

    Raises Refused if the run does not name its analysis.
    """
    from reana_batch.diagnostics import refuse
    from reana_batch.run.run_json import read_record

    record = read_record(run)
    if file is None and not record.spec:
        raise refuse("unknown-run", f"{run.name} does not say where its analysis is.", hint="name it with --file.")
    if not (given["site"] or given["backend"]):
        given["site"], given["backend"] = record.site or None, record.backend or None
        given["settings"] = (*record.settings, *given["settings"])
    return compile_analysis(file or Path(record.spec), **given)


def root_of(runs: Path | None) -> Path:
    """Return the directory of the runs."""
    from reana_batch.run.names import default_root

    return runs or default_root()


def find_run(name: str, runs: Path | None) -> Path:
    """Return the directory of the run that ``-w`` names."""
    from reana_batch.run import names

    return names.find_run(root_of(runs), name)


def open_run(name: str, runs: Path | None) -> Run:
    """Return the run that ``-w`` names."""
    from reana_batch import Run

    return Run(find_run(name, runs))


def the_store() -> Store:
    """Return the user's store of secrets, by the settings in force here."""
    from reana_batch import secrets
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.reading.sites import resolve

    resolved = resolve(None, (), Path(), Diagnostics(), known=backends.known_settings())
    return secrets.store(resolved.site.credentials.secrets)


def site_line(resolved: ResolvedSite) -> str:
    """Return the line with the name of the site in force, and its origin."""
    return f"==> Site {resolved.site.name}, " + (f"by {resolved.chosen_by}" if resolved.chosen_by else "the default")
