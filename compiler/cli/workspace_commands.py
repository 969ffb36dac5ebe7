"""The commands for the workspace of a run: ls, du, download, diff, compare, test."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reana_batch import backends
from reana_batch.amounts import counted, enumerated
from reana_batch.cli import completing
from reana_batch.cli.answers import EXIT_FAILED, Answer, answering, wants_json, write_file
from reana_batch.cli.choosing import Filters, filter_option, parsed_filters
from reana_batch.cli.options import find_run, open_run, run_options, runs_option
from reana_batch.cli.run_columns import human_option
from reana_batch.cli.terminal import Line, Piece, Raw, Table, line, show, size_text

if TYPE_CHECKING:
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle.acceptance import ScenarioResult
    from reana_batch.lifecycle.equality import Difference, Evidence

_STDOUT = "-"


def _ls_filters(given: Iterable[str]) -> Filters:
    from reana_batch.run.workspace import LS_FILTERS

    return parsed_filters(given, LS_FILTERS)


def _du_filters(given: Iterable[str]) -> Filters:
    from reana_batch.run.workspace import DU_FILTERS

    return parsed_filters(given, DU_FILTERS)


@click.command("ls", context_settings={"help_option_names": ["--help"]})
@run_options
@click.argument("pattern", default="**/*")
@filter_option(
    _ls_filters,
    "Only files with these parts in name=PART, size=PART, last-modified=PART. All must fit.",
    completing.ls_filters,
)
@human_option
@answering
def ls(name: str, runs: Path | None, pattern: str, filters: Filters, human: bool) -> Answer:
    """List the files of a run's workspace."""
    from reana_batch.run import workspace

    files = workspace.listed(find_run(name, runs), pattern, filters)
    rows = [(f.name, size_text(f.size, human=human), f.modified) for f in files]
    return Answer(
        {"files": [{"name": f.name, "size": f.size, "last-modified": f.modified} for f in files]},
        [Table(("NAME", "SIZE", "LAST-MODIFIED"), rows)],
    )


@click.command("du", context_settings={"help_option_names": ["--help"]})
@run_options
@click.option("-s", "--summarize", is_flag=True, help="Only the sum.")
@filter_option(
    _du_filters,
    "Only these files: name=PATTERN, size=BYTES. Several values of one are alternatives.",
    completing.du_filters,
)
@human_option
@answering
def du(name: str, runs: Path | None, summarize: bool, filters: Filters, human: bool) -> Answer:
    """Show how much space a run's workspace takes."""
    from reana_batch.run import workspace

    files = workspace.measured(find_run(name, runs), filters)
    total = sum(f.size for f in files)
    rows = [] if summarize else [(size_text(f.size, human=human), f"./{f.name}") for f in files]
    return Answer(
        {"total": total, "files": [{"name": f.name, "size": f.size} for f in files]},
        [Table(("SIZE", "NAME"), [*rows, (size_text(total, human=human), ".")])],
    )


@click.command("download")
@run_options
@click.argument("files", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False),
    default="",
    help="The directory to copy to, or - to print the files.  [default: here]",
)
@answering
def download(name: str, runs: Path | None, files: tuple[str, ...], output: str) -> Answer:
    """Copy files out of a run's workspace.

    Without names, the declared outputs. Exits with 1 if some are missing.
    """
    from reana_batch.run import workspace

    if output == _STDOUT and wants_json():
        raise click.UsageError("--output - and --json exclude each other.")
    directory, target = find_run(name, runs), None if output == _STDOUT else Path(output)
    wanted = files or workspace.declared_outputs(directory)
    found = {each: workspace.download(directory, each, target) for each in wanted}
    missing = [each for each, got in found.items() if not (got.copied or got.faults)]
    diagnostics = _download_faults(missing, [fault for got in found.values() for fault in got.faults])
    show(diagnostics)
    code = EXIT_FAILED if diagnostics.errors else 0
    if target is None:
        paths = [path for got in found.values() for path in got.paths]
        return Answer({}, [Raw(workspace.texts(directory, paths))], diagnostics, code)
    copied, place = [path for got in found.values() for path in got.copied], str(target.absolute())
    shown = [line(f"==> SUCCESS: File {path} downloaded to {place}.", "green") for path in copied]
    return Answer({"files": copied, "missing": missing, "directory": place}, shown, diagnostics, code)


def _download_faults(missing: Collection[str], faults: Iterable[str]) -> Diagnostics:
    from reana_batch.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    for fault in faults:
        diagnostics.error("file-access", f"Not downloaded: {fault}.")
    if missing:
        diagnostics.error("missing-file", f"Not in the workspace: {', '.join(missing)}.", hint="see: reana-batch ls")
    return diagnostics


@click.command("diff")
@runs_option
@click.argument("first", shell_complete=completing.runs)
@click.argument("second", shell_complete=completing.runs)
@answering
def diff(first: str, second: str, runs: Path | None) -> Answer:
    """Show how two runs and their workspaces differ."""
    from reana_batch.run import workspace

    differences = workspace.differences(find_run(first, runs), find_run(second, runs), backends.left_behind())
    return Answer({"differences": differences}, _difference_pieces(differences))


def _difference_pieces(differences: Mapping[str, Sequence[str]]) -> Iterator[Piece]:
    for section, lines in differences.items():
        if lines:
            yield line(f"==> Differences in {section}", "yellow")
            yield Raw(f"{each}\n" for each in lines)
        else:
            yield line(f"==> No differences in {section}.")


@click.command("compare")
@runs_option
@click.argument("names", nargs=-1, required=True, metavar="RUN RUN...", shell_complete=completing.runs)
@click.option(
    "--except",
    "excepted",
    multiple=True,
    metavar="NAME",
    help="An output that each run makes in another way: a path, folder or pattern. It only has to be there.",
)
@answering
def compare(names: tuple[str, ...], runs: Path | None, excepted: tuple[str, ...]) -> Answer:
    """Prove that runs of an analysis are equal, on any systems.

    They have done the same jobs, and their outputs have the same checksums. Exits with 1 if not.
    """
    from reana_batch.lifecycle import equality

    directories = [find_run(name, runs) for name in names]
    if len({os.path.realpath(each) for each in directories}) < max(len(directories), 2):
        raise click.UsageError("compare needs at least two different runs.")
    is_clear = len({each.name for each in directories}) == len(directories)
    found = [equality.evidence(each, each.name if is_clear else str(each), excepted) for each in directories]
    unknown = equality.unmatched(found)
    if unknown:
        raise click.UsageError(f"--except: no output of these runs is called {' or '.join(unknown)}.")
    differences = equality.differences(found)
    record = {
        "equal": not differences,
        "runs": [_evidence_record(each) for each in found],
        "excepted": _excepted(found),
        "differences": [asdict(each) for each in differences],
    }
    return Answer(record, _comparison_lines(found, differences), code=EXIT_FAILED if differences else 0)


def _excepted(runs: Sequence[Evidence]) -> list[str]:
    return sorted({run.outputs[path].name for run in runs for path in run.not_compared})


def _evidence_record(run: Evidence) -> dict[str, object]:
    outputs = [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in run.outputs.values()]
    return {"name": run.name, "backend": run.backend, "jobs": run.total, "done": run.done, "outputs": outputs}


def _comparison_lines(runs: Sequence[Evidence], differences: Sequence[Difference]) -> Iterator[Line]:
    excepted = _excepted(runs)
    if excepted:
        yield line(f"==> Not compared: the content of {enumerated(excepted)}", "yellow")
    if not differences:
        counts = f"{counted(runs[0].total, 'job')} and {counted(len(runs[0].outputs), 'output file')}"
        names = enumerated([f"{run.name} ({run.backend})" for run in runs])
        yield line(f"==> SUCCESS: {names} are equal: {counts}.", "green")
        return
    for run in runs:
        own = [each for each in differences if each.run == run.name]
        if own or run is not runs[0]:
            yield line(f"==> {run.name} ({run.backend}): {counted(len(own), 'difference')}", "yellow")
        for each in own:
            yield line(f"{each.name}: {each.text}{f', at {each.place}' if each.place else ''}")


@click.command("test")
@run_options
@click.option(
    "-n", "--test-files", "files", multiple=True, metavar="FILE", help="Only this test file of the workspace."
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the results to this file, as JUnit XML.",
)
@answering
def test(name: str, runs: Path | None, files: tuple[str, ...], junit: Path | None) -> Answer:
    """Check a run against its Gherkin test files.

    The analysis names them under tests.files. Exits with 1 if a scenario fails.
    """
    from reana_batch.diagnostics import refuse
    from reana_batch.lifecycle import acceptance

    current = open_run(name, runs).status()
    named = list(files) or current.run.manifest.tests
    if not named:
        message = f"{current.run.directory.name} has no tests."
        raise refuse("missing-file", message, hint="name Gherkin files under tests.files.")
    results = list(acceptance.run_features(current, named))
    if junit is not None:
        from reana_batch.report.junit import junit_report

        write_file(junit, junit_report(results))
    keys = ("file", "name", "step", "problem", "skipped")
    record = {"scenarios": [{key: getattr(result, key) for key in keys} for result in results]}
    failed = any(result.problem and not result.skipped for result in results)
    return Answer(record, _result_lines(results), code=EXIT_FAILED if failed else 0)


def _result_lines(results: Sequence[ScenarioResult]) -> Iterator[Line]:
    for result in results:
        reason = f" ({result.file}): {result.step}: {result.problem}"
        if result.skipped:
            yield line(f'  -> SKIPPED: Scenario "{result.name}"{reason}', "yellow")
        elif result.problem:
            yield line(f'  -> ERROR: Scenario "{result.name}"{reason}', "red")
        else:
            yield line(f'  -> SUCCESS: Scenario "{result.name}"', "green")
    skipped = sum(result.skipped for result in results)
    failed = sum(bool(result.problem) for result in results) - skipped
    counts = f"{len(results) - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
    yield line(counts, "red" if failed else "green")
