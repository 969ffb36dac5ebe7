"""The command line: it alone prints, exits and reads arguments.

Answers go to stdout (JSON, graphs, scripts), everything for the eye to stderr. What a command needs
is imported when it runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import functools
import io
import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from reana_batch import backends
from reana_batch.printable import printable, printable_json
from reana_batch.version import __version__

if TYPE_CHECKING:
    from reana_batch.compilation import Compilation, Options
    from reana_batch.diagnostics import Diagnostics, Refused
    from reana_batch.reading.sites import ResolvedSite

# Exit codes; click itself exits with 2 for wrong usage.
EXIT_FAILED = 1  # the workflow ran and failed
EXIT_REFUSED = 3  # the analysis or a setting has faults
EXIT_INTERRUPTED = 130

SCHEMA_VERSION = 1

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reana-batch")
@click.pass_context
def main(context: click.Context) -> None:
    """Compile REANA analyses into HTCondor DAGs, Slurm job chains or Makefiles, and run them.

    The batch system itself runs the workflow: no REANA server, and no process of ours that must live
    on the login node. Start with `reana-batch samples`.

    Exit codes: 0 success, 1 the workflow failed, 2 wrong usage, 3 faults in the analysis or settings.
    """
    if os.environ.get("NO_COLOR"):  # https://no-color.org, which click does not know
        context.color = False


# --- what commands have in common ---------------------------------------------------------------

_SPEC_OPTIONS = (
    click.option(
        "-f", "--file", type=click.Path(path_type=Path), help="The analysis.  [default: reana.yaml or reana.yml]"
    ),
    click.option(
        "-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Set an input parameter."
    ),
    click.option(
        "--option",
        "operational_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set an operational option: FROM, TARGET.",
    ),
    click.option("--site", help="The site profile; see `reana-batch sites`."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting of the profile."),
    click.option("--fuse", is_flag=True, help="Run the commands of a step in one job."),
    click.option(
        "--queue-time",
        type=click.IntRange(min=0),
        metavar="SECONDS",
        help="What a job may wait in the queue, for the lives of credentials.",
    ),
    click.option("--rows-per-job", metavar="N|auto", help="Rows that one scheduler job runs."),
    click.option(
        "--measured",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIRECTORY",
        help="An earlier run, whose durations --rows-per-job auto goes by.",
    ),
    click.option("--strict", is_flag=True, help="Run rules as Snakemake itself does, where REANA runs them otherwise."),
    click.option("--strict-outputs", is_flag=True, help="Fail if declared outputs are missing at the end."),
    click.option(
        "--lenient",
        is_flag=True,
        help="Warn where REANA warns: unknown keys, missing inputs, FROM and TARGET without a step.",
    ),
    click.option("--ignore-unsupported", is_flag=True, help="Go on without what the back end cannot do."),
)
_BACKEND_OPTION = click.option(
    "-b",
    "--backend",
    type=click.Choice([*backends.BACKENDS, "auto"]),
    help="The batch system; auto goes by compute_backend.  [default: the site's]",
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


def spec_options(command: Command) -> Command:
    """Give a command the options that all readers of an analysis share."""
    for option in reversed(_SPEC_OPTIONS):
        command = option(command)
    return command


def guarded(command: Command) -> Command:
    """Show faults as faults: no traceback for anything that a user can cause."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from reana_batch.diagnostics import Refused, no_access

        _buffer_output()
        try:
            try:
                return command(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except Refused as refused:
            _end_refused(refused, as_json=kwargs.get("as_json", False))
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            # The reader of our output has gone, as in `... | head`.
            _forget_output()
            sys.exit(EXIT_FAILED)
        except OSError as error:
            if error.filename is not None:  # reading and writing files names them; the output has no name
                _end_refused(no_access(error), as_json=kwargs.get("as_json", False))
            _forget_output()
            say(f"error: The answer cannot be written: {error.strerror}. [cannot-write]", "red")
            sys.exit(EXIT_REFUSED)

    return run  # type: ignore[return-value]  # wraps keeps the signature


def _end_refused(refused: Refused, *, as_json: bool) -> NoReturn:
    from reana_batch.diagnostics import Severity

    show(refused.diagnostics)
    if as_json:
        print_json({"error": True}, refused.diagnostics)
    say(f"==> ERROR: {counted(refused.diagnostics.count(Severity.ERROR), 'fault')}.", "red")
    sys.exit(EXIT_REFUSED)


def _buffer_output() -> None:
    """Give stdout the buffer that PYTHONUNBUFFERED takes from it, and make one where it is closed.

    Without a buffer Python writes once, and says nothing of what a pipe or a full disk has not taken. All that we print
    is flushed where it is printed.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # for as long as we live
    elif isinstance(sys.stdout.buffer, io.RawIOBase):
        kept = {"encoding": sys.stdout.encoding, "errors": sys.stdout.errors}
        sys.stdout = open(sys.stdout.fileno(), "w", closefd=False, **kept)  # noqa: SIM115  # for as long as we live
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # where the locale knows no such character


def _forget_output() -> None:
    """Keep Python from trying again, at its end, to write what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def say(text: str, colour: str | None = None) -> None:
    click.secho(printable(text), fg=colour, err=True)


def print_text(text: str) -> None:
    """Print text on stdout: as it is, unless that is a terminal."""
    click.echo(printable(text) if sys.stdout.isatty() else text, nl=False)


def show(diagnostics: Diagnostics) -> None:
    """Print diagnostics on stderr, errors in red, warnings in yellow."""
    from reana_batch.diagnostics import Severity, render

    colours = {Severity.WARNING: "yellow", Severity.ERROR: "red"}
    for severity, colour in colours.items():
        found = (d for d in diagnostics if d.severity is severity)
        text = render(found, diagnostics.sources, diagnostics.count(severity))
        if text:
            say(text.rstrip("\n"), colour)


def print_json(answer: dict[str, Any], diagnostics: Diagnostics | None = None) -> None:
    """Print the answer of a command as one JSON object."""
    record = {"schema_version": SCHEMA_VERSION, **answer}
    if diagnostics is not None:
        record |= diagnostics.as_json()
    click.echo(printable_json(json.dumps(record, indent=2, ensure_ascii=False, default=str)))


def options_of(
    backend: str | None = None, rows_per_job: str | None = None, queue_time: int | None = None, **given: Any
) -> Options:
    from reana_batch.compilation import Options

    settings = tuple(given.pop("settings"))
    if rows_per_job is not None:
        if rows_per_job != "auto" and not (rows_per_job.isdecimal() and int(rows_per_job)):
            raise click.UsageError(f'--rows-per-job must be a whole number above 0, or auto, not "{rows_per_job}".')
        settings += (f"rows_per_job={rows_per_job}",)
    if queue_time is not None:
        settings += (f"queue_time={queue_time}",)
    return Options(backend=backend, settings=settings, **given)


def compile_analysis(file: Path | None, options: Options, *, quiet: bool = False) -> tuple[Compilation, Diagnostics]:
    """Return the compilation and its warnings, which have been shown."""
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.pipeline import compile_spec
    from reana_batch.reading.analysis import find_spec

    diagnostics = Diagnostics()
    compilation = compile_spec(find_spec(file, Path()), options, diagnostics)
    if not quiet:
        show(diagnostics)
    return compilation, diagnostics


# --- validate, compile -------------------------------------------------------------------------


@main.command()
@spec_options
@_BACKEND_OPTION
@JSON_OPTION
@guarded
def validate(file: Path | None, as_json: bool, **given: Any) -> None:
    """Check an analysis, as far as it can be checked without running it."""
    compilation, diagnostics = compile_analysis(file, options_of(**given))
    if as_json:
        print_json({"valid": True}, diagnostics)
    jobs = counted(compilation.workflow.job_count, "job")
    say(f"==> SUCCESS: The analysis is valid: {jobs} for {compilation.target.title}{_more(compilation)}.", "green")


@main.command("compile")
@spec_options
@_BACKEND_OPTION
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The run directory to write.  [default: run-BACKEND]"
)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--force", is_flag=True, help="Replace the run that is in the directory.")
@JSON_OPTION
@guarded
def compile_command(
    file: Path | None, output: Path | None, dry_run: bool, force: bool, as_json: bool, **given: Any
) -> None:
    """Write the batch files of an analysis, with its inputs, into a run directory."""
    from reana_batch.lifecycle.creation import write_run

    compilation, diagnostics = compile_analysis(file, options_of(**given))
    directory = output or Path(f"run-{compilation.target.name}")
    answer = {"backend": compilation.target.name, "directory": str(directory), "jobs": compilation.workflow.job_count}
    if dry_run:
        sizes = {f.path: sum(len(piece.encode()) for piece in _pieces(f.text)) for f in compilation.files()}
        _show_files(sizes, compilation)
        answer["files"] = [{"path": path, "bytes": size} for path, size in sizes.items()]
        answer["inputs"] = compilation.inputs
    else:
        write_run(compilation, directory, force=force)
        jobs = counted(compilation.workflow.job_count, "job")
        say(f"==> SUCCESS: {jobs} in {directory}{_more(compilation)}.", "green")
        say(f"To start: cd {shlex.quote(str(directory))} && {compilation.start_command}")
    if as_json:
        print_json({**answer, "start_command": compilation.start_command}, diagnostics)


def _more(compilation: Compilation) -> str:
    reasons = [expansion.reason for expansion in compilation.workflow.expansions]
    return f", and what follows from {'; '.join(reasons)}" if reasons else ""


def _pieces(text: Any) -> Any:
    return (text,) if isinstance(text, str) else text


def _show_files(sizes: dict[str, int], compilation: Compilation) -> None:
    from reana_batch.cli.terminal import files_table, print_table

    print_table(files_table(sizes))
    inputs = counted(len(compilation.inputs), "input file")
    total = counted(sum(sizes.values()), "byte")
    say(f"{counted(len(sizes), 'file')}, {total}; {inputs} to the workspace. Nothing was written.")


# --- inspect ----------------------------------------------------------------------------------------


@main.command()
@spec_options
@_BACKEND_OPTION
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "mermaid", "dot", "svg", "png"]),
    default="tree",
    show_default=True,
    help="How to show the graph.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file for the graph; svg and png need one.",
)
@click.option("--script", "step", metavar="STEP", help="Show the exact scripts of a step instead.")
@JSON_OPTION
@guarded
def inspect(file: Path | None, form: str, output: Path | None, step: str | None, as_json: bool, **given: Any) -> None:
    """Show what would run: the graph, and each step's jobs, image, resources and scripts."""
    if form in ("svg", "png") and output is None:
        raise click.UsageError(f"--format {form} needs --output FILE.")
    if output is not None and (form == "tree" or as_json or step):
        raise click.UsageError("--output takes a graph: choose --format mermaid, dot, svg or png.")
    compilation, diagnostics = compile_analysis(file, options_of(**given), quiet=True)
    if step is not None:
        print_text(_scripts(compilation, step))
    elif as_json:
        from reana_batch.cli.terminal import step_record

        steps = [step_record(each) for each in compilation.workflow.steps]
        expansions = [{"name": e.name, "reason": e.reason} for e in compilation.workflow.expansions]
        answer = {"backend": compilation.target.name, "steps": steps, "expansions": expansions}
        print_json(answer, diagnostics)
    elif form == "tree":
        from reana_batch.cli.terminal import print_table, steps_table, workflow_tree

        print_table(workflow_tree(compilation.workflow))
        print_table(steps_table(compilation.workflow))
    else:
        _draw(compilation, form, output)


def _draw(compilation: Compilation, form: str, output: Path | None) -> None:
    from reana_batch.diagnostics import refuse
    from reana_batch.files import no_follow
    from reana_batch.report import pictures

    drawn: str | bytes
    if form in ("svg", "png"):
        drawn = pictures.drawing(compilation.workflow, form)
    else:
        drawn = pictures.mermaid(compilation.workflow) if form == "mermaid" else pictures.dot(compilation.workflow)
    if output is None:
        print_text(str(drawn))
        return
    try:
        with open(output, "wb", opener=no_follow) as stream:
            stream.write(drawn if isinstance(drawn, bytes) else drawn.encode())
    except OSError as error:
        raise refuse("cannot-write", f"{output} cannot be written: {error.strerror}.") from error


def _scripts(compilation: Compilation, name: str) -> str:
    """Return the files of a step, tables left out, each under its path; a step is known by name or label."""
    from reana_batch.diagnostics import closest, refuse
    from reana_batch.writing.jobs import folders

    steps = [s for s in compilation.workflow.steps if name in (s.name, s.label)]
    if not steps:
        known = [s.name for s in compilation.workflow.steps]
        meant = closest(name, known)
        hint = f"did you mean {meant}?" if meant else f"known: {', '.join(known[:20])}."
        raise refuse("unknown-step", f'There is no step "{name}".', hint=hint)
    folder_of = folders(compilation.workflow)
    wanted = tuple(f"batch/steps/{folder_of[s.name]}/" for s in steps)
    shown = []
    for file in compilation.files():
        if file.path.startswith(wanted) and "/rows/" not in file.path:
            text = "".join(_pieces(file.text))
            shown.append(f"==> {file.path}\n{text}{'' if text.endswith(chr(10)) else chr(10)}\n")
    return "".join(shown)


# --- samples, sites, config -------------------------------------------------------------------------


@main.command()
@click.argument("name", required=False)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@JSON_OPTION
@guarded
def samples(name: str | None, directory: Path | None, as_json: bool) -> None:
    """List the samples, or copy one to start from."""
    from reana_batch.cli.terminal import print_table, simple_table
    from reana_batch.samples import catalogue

    known = catalogue.descriptions()
    if name is None:
        if as_json:
            print_json({"samples": known})
        else:
            print_table(simple_table(("SAMPLE", "WHAT IT SHOWS"), list(known.items())))
        return
    copied = catalogue.copy(name, directory or Path(name))
    say(f"==> SUCCESS: {name} is in {copied}.", "green")
    say(f"To run it: reana-batch run -f {shlex.quote(str(copied))}/reana.yaml")
    if as_json:
        print_json({"sample": name, "directory": str(copied)})


@main.group(invoke_without_command=True)
@JSON_OPTION
@click.pass_context
@guarded
def sites(context: click.Context, as_json: bool) -> None:
    """List the site profiles, or show one."""
    if context.invoked_subcommand is not None:
        return
    from reana_batch.cli.terminal import print_table, simple_table
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.reading.sites import profiles, user_file

    known = profiles(backends.BACKENDS, Diagnostics())
    if as_json:
        print_json({"sites": known})
        return
    print_table(simple_table(("SITE", "DESCRIPTION"), list(known.items())))
    say(f"Your own profiles go into {user_file()}.")


@sites.command("show")
@click.argument("name")
@JSON_OPTION
@guarded
def show_site(name: str, as_json: bool) -> None:
    """Show the settings of a profile, with their sources."""
    _show_settings(name, (), as_json, column="SOURCE")


@main.command()
@click.option("--site", help="The site profile.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@JSON_OPTION
@guarded
def config(site: str | None, settings: tuple[str, ...], origin: bool, as_json: bool) -> None:
    """Show the settings in force here."""
    _show_settings(site, settings, as_json, column="ORIGIN" if origin else None)


def _show_settings(site: str | None, settings: tuple[str, ...], as_json: bool, column: str | None) -> None:
    from reana_batch.cli.terminal import print_table, simple_table
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.reading.sites import resolve
    from reana_batch.site import settings_of

    resolved = resolve(site, settings, Path(), Diagnostics(), backends=backends.BACKENDS)
    values = settings_of(resolved.site)
    sources = values.pop("sources")
    notes = {"ORIGIN": resolved.origins, "SOURCE": sources, None: {}}[column]
    if as_json:
        chosen_by = resolved.chosen_by or None
        record = {"site": resolved.site.name, "chosen_by": chosen_by, "settings": values, "sources": sources}
        print_json({**record, "origins": dict(resolved.origins)})
        return
    header = ("SETTING", "VALUE", *([column] if column else []))
    rows = [(key, _shown(value), *([notes.get(key, "")] if column else [])) for key, value in values.items()]
    say(f"==> Site {resolved.site.name}" if column == "SOURCE" else site_line(resolved))
    print_table(simple_table(header, rows))


def site_line(resolved: ResolvedSite) -> str:
    """Return the line that names the site in force, and what chose it."""
    return f"==> Site {resolved.site.name}, " + (f"by {resolved.chosen_by}" if resolved.chosen_by else "the default")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@guarded
def completion(shell: str) -> None:
    """Print the completion script of a shell: eval "$(reana-batch completion bash)"."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "reana-batch", "_REANA_BATCH_COMPLETE").source())


def _add_run_commands() -> None:
    from reana_batch.cli import run_commands, secrets_commands

    run_commands.register(main)
    secrets_commands.register(main)


_add_run_commands()
