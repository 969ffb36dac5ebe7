"""The commands that compile an analysis and run nothing: validate, compile, inspect."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reana_batch.amounts import counted
from reana_batch.cli import completing
from reana_batch.cli.answers import Answer, Record, answering, wants_json, write_file
from reana_batch.cli.options import checksum_option, compile_analysis, find_run, recompile, runs_option, spec_options
from reana_batch.cli.plan_text import plan_answer
from reana_batch.cli.terminal import Line, Note, Number, Piece, Raw, Table, Tree, line

if TYPE_CHECKING:
    from reana_batch.compilation import Compilation
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.ir import Step, Workflow


@click.command("validate")
@spec_options
@click.option(
    "--code-quality",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the faults and warnings to this file, as a Code Quality report of GitLab.",
)
@click.option("--without-secrets", is_flag=True, help="Do not ask for secrets: the machine of the run has them.")
@answering
def validate(file: Path | None, code_quality: Path | None, **given: Any) -> Answer:
    """Check an analysis without running it."""
    from reana_batch.diagnostics import Refused

    try:
        compilation = compile_analysis(file, **given)
    except Refused as refused:
        _report(code_quality, refused.diagnostics, file)
        raise
    _report(code_quality, compilation.diagnostics, file)
    jobs = counted(compilation.workflow.job_count, "job")
    text = f"==> SUCCESS: The analysis is valid: {jobs} for {compilation.target.title}{_more(compilation)}."
    return Answer({"valid": True}, [line(text, "green")], compilation.diagnostics)


def _report(output: Path | None, diagnostics: Diagnostics, file: Path | None) -> None:
    """Write the Code Quality report, if the user asked for one."""
    if output is not None:
        from reana_batch.report.code_quality import code_quality_report

        write_file(output, code_quality_report(diagnostics, str(_analysis(file))).encode())


def _analysis(file: Path | None) -> Path:
    """Return the path of the analysis, or what stands for one that does not exist."""
    from reana_batch.diagnostics import Refused
    from reana_batch.reading.analysis import SPEC_NAMES, find_spec

    try:
        return find_spec(file, Path())
    except Refused:
        return file or Path(SPEC_NAMES[0])


# --- compile -----------------------------------------------------------------------------------------


@click.command("compile")
@spec_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The run directory to write.  [default: run-BACKEND]"
)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--force", is_flag=True, help="Replace the run in the directory.")
@click.option(
    "--against",
    metavar="RUN",
    shell_complete=completing.runs,
    help="Show which jobs are not the same as in this run, and write nothing.",
)
@runs_option
@checksum_option
@answering
def compile_command(
    file: Path | None,
    output: Path | None,
    dry_run: bool,
    force: bool,
    against: str | None,
    runs: Path | None,
    checksum: bool,
    **given: Any,
) -> Answer:
    """Write the batch files and inputs into a run directory."""
    from reana_batch.lifecycle.creation import write_run

    if against is not None:
        return _difference(find_run(against, runs), file, checksum=checksum, **given)
    compilation = compile_analysis(file, **given)
    directory = output or Path(f"run-{compilation.target.name}")
    record = {
        "backend": compilation.target.name,
        "directory": str(directory),
        "jobs": compilation.workflow.job_count,
        "start_command": compilation.start_command,
    }
    if dry_run:
        return _would_write(compilation, record)
    write_run(compilation, directory, force=force)
    jobs = counted(compilation.workflow.job_count, "job")
    shown = [
        line(f"==> SUCCESS: {jobs} in {directory}{_more(compilation)}.", "green"),
        line(f"To start: cd {shlex.quote(str(directory))} && {compilation.start_command}"),
    ]
    return Answer(record, shown, compilation.diagnostics)


def _difference(run: Path, file: Path | None, *, checksum: bool, **given: Any) -> Answer:
    """Return the answer with the plan of a restart of ``run`` with this analysis."""
    from reana_batch.lifecycle.deletion import check_latest
    from reana_batch.lifecycle.planning import planned
    from reana_batch.run.parts import Run

    check_latest(run)
    compilation = recompile(run, _analysis(file), **given)
    return plan_answer(planned(Run(run), compilation, checksum=checksum), compilation.diagnostics)


def _more(compilation: Compilation) -> str:
    reasons = [expansion.reason for expansion in compilation.workflow.expansions]
    return f", and the jobs that follow from {'; '.join(reasons)}" if reasons else ""


def _would_write(compilation: Compilation, record: Record) -> Answer:
    sizes = {file.path: sum(len(piece.encode()) for piece in _pieces(file.text)) for file in compilation.files()}
    files = [{"path": path, "bytes": size} for path, size in sizes.items()]
    inputs = counted(len(compilation.inputs), "input file")
    total = counted(sum(sizes.values()), "byte")
    shown: list[Piece] = [
        Table(("FILE", "BYTES"), [(path, Number(str(size), f"{size:,}")) for path, size in sizes.items()]),
        Note(f"{counted(len(sizes), 'file')}, {total}; {inputs} to the workspace. Nothing was written."),
    ]
    return Answer({**record, "files": files, "inputs": compilation.inputs}, shown, compilation.diagnostics)


def _pieces(text: str | Iterable[str]) -> Iterable[str]:
    return (text,) if isinstance(text, str) else text


# --- inspect -----------------------------------------------------------------------------------------


@click.command("inspect")
@spec_options
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
@click.option(
    "--script",
    "step",
    metavar="STEP",
    help="Show the exact scripts of a step instead.",
    shell_complete=completing.steps_of_analysis,
)
@answering
def inspect(file: Path | None, form: str, output: Path | None, step: str | None, **given: Any) -> Answer:
    """Show the graph, and each step's jobs, image and resources."""
    if form in ("svg", "png") and output is None:
        raise click.UsageError(f"--format {form} needs --output FILE.")
    if output is not None and (form == "tree" or wants_json() or step):
        raise click.UsageError("--output takes a graph: choose --format mermaid, dot, svg or png.")
    compilation = compile_analysis(file, quiet=True, **given)
    if step is not None:
        scripts = dict(_scripts(compilation, step))
        files = [{"path": path, "text": text} for path, text in scripts.items()]
        record = {"backend": compilation.target.name, "files": files}
        return Answer(record, [Raw(map(_titled, scripts.items()))], compilation.diagnostics)
    return Answer(lambda: _graph_record(compilation), _graph(compilation, form, output), compilation.diagnostics)


def _graph_record(compilation: Compilation) -> Record:
    from reana_batch.report.records import step_record

    steps = [step_record(each) for each in compilation.workflow.steps]
    expansions = [{"name": e.name, "reason": e.reason} for e in compilation.workflow.expansions]
    return {"backend": compilation.target.name, "steps": steps, "expansions": expansions}


def _graph(compilation: Compilation, form: str, output: Path | None) -> Iterator[Piece]:
    """Yield the graph in one of its forms. With an output file, write it there instead."""
    if form == "tree":
        yield _tree(compilation.workflow)
        yield _steps_table(compilation.workflow)
        return
    drawn = _drawing(compilation.workflow, form)
    if output is None:
        yield Raw([drawn.decode()])
    else:
        write_file(output, drawn)


def _drawing(workflow: Workflow, form: str) -> bytes:
    from reana_batch.report import pictures

    if form in ("svg", "png"):
        return pictures.drawing(workflow, form)
    return {"mermaid": pictures.mermaid, "dot": pictures.dot}[form](workflow).encode()


def _tree(workflow: Workflow) -> Tree:
    """Return the graph as a tree of one level.

    It has the steps in order, each with its parents. With nesting, a chain of a thousand steps would be a thousand
    levels deep.
    """
    reasons = {expansion.name: expansion.reason for expansion in workflow.expansions}
    titles = {step.name: step.title for step in workflow.steps}
    return Tree(workflow.name, [(_branch(step, titles, reasons), list(_data(step))) for step in workflow.steps])


def _branch(step: Step, titles: dict[str, str], reasons: dict[str, str]) -> Line:
    spans = [(step.title, "cyan"), (f"  {counted(step.table.count, 'job')}", "")]
    if step.placed.target:
        spans.append((f" on {step.placed.target.title}", ""))
    if step.needs:
        spans.append((f"  after {', '.join(titles[need.step] for need in step.needs)}", ""))
    if step.name in reasons:
        spans.append((f"  compiles the jobs that follow from {reasons[step.name]}", ""))
    return Line((*spans, (f"  {step.origin.short}", "dim")))


def _data(step: Step) -> Iterator[Line]:
    for file in step.placed.data:
        ways = (file.path, file.text) if file.is_output else (file.text, file.path)
        yield Line(((" -> ".join(ways), ""), (f"  {file.place.short}", "dim")))


def _steps_table(workflow: Workflow) -> Table:
    """Return the table of steps: jobs, image, resources and credentials."""
    from reana_batch.report.records import resource_words

    rows = []
    for step in workflow.steps:
        asked = ", ".join(resource_words(step.placed.resources)) or "-"
        needed = ", ".join(sorted(step.placed.credentials)) or "-"
        jobs = Number(str(step.table.count), counted(step.table.count, "job"))
        rows.append((step.title, jobs, step.asked.environment, asked, needed))
    return Table(("STEP", "JOBS", "IMAGE", "RESOURCES", "CREDENTIALS"), rows)


def _titled(script: tuple[str, str]) -> str:
    path, text = script
    text = _readable(text)
    return f"==> {path}\n{text}" + ("\n" if text.endswith("\n") else "\n\n")


def _readable(text: str) -> str:
    """Return an object of JSON on several lines. Other text stays as it is."""
    if not text.startswith("{"):
        return text
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except ValueError:
        return text


def _scripts(compilation: Compilation, name: str) -> Iterator[tuple[str, str]]:
    """Yield the path and text of a step's files, except tables. ``name`` is the step's name or label."""
    from reana_batch.run.steps import unknown
    from reana_batch.writing.jobs import folders

    steps = [s for s in compilation.workflow.steps if name in (s.name, s.label, s.title)]
    if not steps:
        raise unknown(name, (s.title for s in compilation.workflow.steps))
    folder_of = folders(compilation.workflow)
    wanted = tuple(f"batch/steps/{folder_of[s.name]}/" for s in steps)
    for file in compilation.files():
        if file.path.startswith(wanted) and "/rows/" not in file.path:
            yield file.path, "".join(_pieces(file.text))
