"""The command that runs a CWL document: compile, start, wait, collect."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import click

import reana_batch
from reana_batch import backends, layout
from reana_batch.cli.answers import EXIT_FAILED, Answer, guarded
from reana_batch.cli.following import wait_for_end
from reana_batch.cli.options import jobs_option, root_of, runs_option
from reana_batch.cli.starting import asked_site, create, starting, watch_here
from reana_batch.cli.terminal import print_pieces, say, show
from reana_batch.version import __version__

if TYPE_CHECKING:
    from reana_batch.compilation import Compilation, Options
    from reana_batch.diagnostics import Refused
    from reana_batch.frontends.cwl.given import Given

# As all CWL runners: the document asks for something that this runner does not support.
_EXIT_UNSUPPORTED = 33
_EXIT_TERMINATED = 143

# The inputs, in the analysis.
_JOB = "job.yaml"

_NO_EFFECT = "Accepted, without effect: jobs work in the run directory."


class _Wish(NamedTuple):
    """What the user wants besides the document and the job."""

    outdir: Path
    runs: Path
    jobs: int | None
    quiet: bool
    keep: bool


@click.command("cwl-runner", context_settings={"allow_interspersed_args": False})
@click.version_option(__version__, prog_name="reana-batch cwl-runner")
@click.option("--site", help="The site profile; see `reana-batch sites`.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting of the profile.")
@click.option(
    "-b", "--backend", type=click.Choice([*backends.BACKENDS]), help="The batch system.  [default: the site's]"
)
@click.option("--outdir", type=click.Path(path_type=Path), default=".", help="Where the outputs go.  [default: here]")
@click.option("--basedir", default="", help="Where the paths in JOB start.  [default: the folder of JOB]")
@click.option("--no-container", is_flag=True, help="Run on the machine itself: --set container_runtime=none.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
@click.option("--keep", is_flag=True, help="Keep the run. Otherwise it is deleted if it succeeds.")
@runs_option
@jobs_option
@click.option("--tmpdir-prefix", expose_value=False, help=_NO_EFFECT)
@click.option("--tmp-outdir-prefix", expose_value=False, help=_NO_EFFECT)
@click.argument("document")
@click.argument("job", nargs=-1, type=click.UNPROCESSED)
def cwl_runner(document: str, job: tuple[str, ...], **given: Any) -> None:
    """Run a CWL document, and print its outputs as JSON.

    This is the interface of all CWL runners. DOCUMENT is a path or URL, with #NAME for one of several parts. JOB is a
    file with the inputs, or --NAME VALUE for each. The command compiles the document, starts the run, waits for its
    end, and moves the outputs.

    Exits with 0, with 1 if the document has faults or the run failed, or with 33 if something is not supported. An
    interrupt stops the run.
    """
    wish = _Wish(given["outdir"], root_of(given["runs"]), given["jobs"], given["quiet"], given["keep"])
    with guarded(as_json=False), _refusals():
        sys.exit(_run(document, job, wish, given))


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Print faults, and exit as CWL runners do."""
    from reana_batch.diagnostics import Refused

    try:
        yield
    except Refused as refused:
        show(refused.diagnostics)
        sys.exit(_code_of(refused))


def _code_of(refused: Refused) -> int:
    unsupported = any(fault.code == "unsupported" for fault in refused.diagnostics.errors)
    return _EXIT_UNSUPPORTED if unsupported else EXIT_FAILED


def _run(document: str, job: Sequence[str], wish: _Wish, given: dict[str, Any]) -> int:
    """Run a document and print its outputs. Return the exit code."""
    wish.runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The analysis is below the runs, so that its files can be moved into the workspace.
    with tempfile.TemporaryDirectory(prefix=".cwl-", dir=wish.runs, ignore_cleanup_errors=True) as folder:
        analysis, options = _analysis(Path(folder), document, job, given)
        compilation = _compiled(analysis, options, wish, job)
        directory = create(compilation, wish.runs, analysis.name)
        _move_inputs(analysis, directory / layout.WORKSPACE)
    with _stopping(directory):
        answer = _followed(directory, compilation, wish)
    if answer.code:
        with contextlib.redirect_stdout(sys.stderr):
            print_pieces(answer.shown)
        return answer.code
    _print_outputs(directory, wish)
    return 0


# --- compiling -----------------------------------------------------------------------------------


def _analysis(folder: Path, document: str, job: Sequence[str], given: dict[str, Any]) -> tuple[Path, Options]:
    """Write an analysis for the document. Return it, and how to compile it."""
    import yaml

    from reana_batch.compilation import Options

    asked = _given(document, job, given["basedir"])
    analysis = folder / _name_of(asked.document)
    analysis.mkdir()
    spec = {"type": "cwl", "file": asked.document, "parameters": {"file": _JOB}}
    (analysis / _JOB).write_text(yaml.safe_dump(asked.inputs), "utf-8")
    (analysis / "reana.yaml").write_text(yaml.safe_dump({"workflow": spec}), "utf-8")
    none = ("container_runtime=none",) if given["no_container"] else ()
    settings = (*given["settings"], *none)
    site = given["site"] if given["site"] or given["backend"] else asked_site(analysis, settings)
    return analysis, Options(site=site, settings=settings, backend=given["backend"], definition=asked.document)


def _given(document: str, job: Sequence[str], basedir: str) -> Given:
    from reana_batch.diagnostics import refuse

    try:
        from reana_batch.frontends.cwl import given
    except ModuleNotFoundError as error:
        hint = "install it: pip install 'reana-batch[cwl]'"
        raise refuse("missing-tool", f"The Python package {error.name} is not installed.", hint=hint) from error
    return given.read(document, job, basedir)


def _name_of(document: str) -> str:
    """Return a name for the runs of a document."""
    stem = document.partition("#")[0].rpartition("/")[2].partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_]+", "-", stem).strip("-")[:50] or "cwl"


def _compiled(analysis: Path, options: Options, wish: _Wish, job: Sequence[str]) -> Compilation:
    from reana_batch.cli.cwl_places import in_job
    from reana_batch.diagnostics import Diagnostics, Refused
    from reana_batch.pipeline import compile_spec

    try:
        compilation = compile_spec(analysis / "reana.yaml", options, Diagnostics())
    except Refused as refused:
        raise Refused(in_job(refused.diagnostics, analysis / _JOB, job)) from None
    if not wish.quiet:
        show(compilation.diagnostics)
    return compilation


def _move_inputs(analysis: Path, workspace: Path) -> None:
    from reana_batch.frontends.cwl.staging import FOLDER

    if (analysis / FOLDER).is_dir():
        (analysis / FOLDER).rename(workspace / FOLDER)


# --- running -------------------------------------------------------------------------------------


def _followed(directory: Path, compilation: Compilation, wish: _Wish) -> Answer:
    """Start a run and wait for its end. Return its state."""
    from reana_batch.lifecycle import submission

    here = backends.driver(compilation.target.name).here
    if here:
        here.check_tools()
        process = submission.submit(directory, starting(here, wish.jobs))
        return watch_here(directory, here, process, quiet=wish.quiet)
    submission.submit(directory, submission.submit_run)
    if not wish.quiet:
        say(f"==> {directory.name} has been submitted to {compilation.target.title}. It is in {directory}.")
    return wait_for_end(reana_batch.Run(directory), quiet=wish.quiet)


@contextlib.contextmanager
def _stopping(directory: Path) -> Iterator[None]:
    """Stop the run if this process is interrupted."""
    from reana_batch.lifecycle import ending

    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        ending.stop(directory)
        say(f"==> {directory.name} has been stopped. It is in {directory}.")
        raise


def _terminate(_number: int, _frame: object) -> NoReturn:
    sys.exit(_EXIT_TERMINATED)


# --- collecting ----------------------------------------------------------------------------------


def _print_outputs(directory: Path, wish: _Wish) -> None:
    """Bring the outputs to their directory, print the output object, and delete the run."""
    from reana_batch.frontends.cwl.collection import Collection

    outputs = Collection(directory / layout.WORKSPACE, wish.outdir, move=not wish.keep).outputs()
    click.echo(json.dumps(outputs, indent=4, ensure_ascii=False))
    if wish.keep:
        if not wish.quiet:
            say(f"==> The run is in {directory}.")
    else:
        _delete(directory)


def _delete(directory: Path) -> None:
    """Delete a run whose outputs are elsewhere. Its last jobs may need a moment to leave the queue."""
    from reana_batch.diagnostics import Refused
    from reana_batch.lifecycle import deletion

    try:
        deletion.delete(directory)
    except Refused as refused:
        say(f"==> {directory} was not deleted: {refused.diagnostics.errors[0].message}")
