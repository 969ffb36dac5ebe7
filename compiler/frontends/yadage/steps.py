"""Make steps of the jobs that Yadage would run: a step for each stage, with a row for each job."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from reana_batch import folding, names
from reana_batch.columns import Columns, joined
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.folding import Fold, Group, Job
from reana_batch.frontends.yadage import environments
from reana_batch.frontends.yadage.definition import Definition
from reana_batch.frontends.yadage.process import Reading
from reana_batch.frontends.yadage.records import WORKSPACE, JobRecord, StageRecord
from reana_batch.ir import Asked, Column, Command, Need, Script, Step
from reana_batch.reading.spec import Spec

Parts = Sequence[str | Column]

# An interpreter that is one simple command. A shell's own words may mean more.
_SIMPLE = re.compile(r"[\w./+ -]+")

# The lines that could be the end of a script.
_END = re.compile(r"^END_*$", re.MULTILINE)


class Folded(NamedTuple):
    """The steps, and where the jobs are in them."""

    steps: tuple[Step, ...]
    step_of: Mapping[str, str]  # by job: the name of its step


def steps(spec: Spec, definition: Definition, reading: Reading, diagnostics: Diagnostics) -> Folded:
    """Return the steps, parents before their children. Record what a stage asks for but cannot get."""
    jobs = _jobs(reading)
    folds = folding.fold(jobs)
    step_names = _names(folds, reading)
    asked = {
        number: environments.asked(spec, definition, reading.stages[number], diagnostics)
        for number in sorted({fold.kind for fold in folds})
    }
    made = [
        _step(name, reading.stages[fold.kind], [reading.jobs[job] for job in fold.jobs], needs, asked[fold.kind], place)
        for name, fold, needs in zip(step_names, folds, folding.needs(folds, jobs, step_names), strict=True)
        for place in [definition.place((*reading.stages[fold.kind].path, "process"))]
    ]
    step_of = {reading.jobs[job].name: name for name, fold in zip(step_names, folds, strict=True) for job in fold.jobs}
    return Folded(tuple(made), step_of)


def _jobs(reading: Reading) -> list[Job[int] | Group]:
    """Return the jobs and groups for the folding. The kind of a job is the number of its stage."""
    names_of_all = [*(job.name for job in reading.jobs), *(group.name for group in reading.groups)]
    position = {name: number for number, name in enumerate(names_of_all)}
    jobs = [Job(each.stage, [position[p] for p in each.parents], each.name) for each in reading.jobs]
    return [*jobs, *(Group([position[m] for m in each.members], each.name) for each in reading.groups)]


def _names(folds: Sequence[Fold[int]], reading: Reading) -> list[str]:
    """Return the names of the steps. Several steps of a name are numbered."""
    return names.numbered([names.of_label(reading.stages[fold.kind].label) for fold in folds])


def _step(
    name: str,
    stage: StageRecord,
    records: Sequence[JobRecord],
    needs: tuple[Need, ...],
    asked: Asked,
    origin: Place,
) -> Step:
    columns = Columns(len(records))
    command = Command(joined(list(_command(stage, records, columns))), origin)
    folders = [shlex.quote(record.name) for record in records]
    columns.suggest("job", folders)
    before = Command(joined(("mkdir -p -- ", columns.column(folders), "\n")), origin)
    outputs = tuple(_outputs(stage, records, columns))
    return Step(
        name=name,
        label=stage.label,
        origin=origin,
        action=Script((command,), before=before, workspace=WORKSPACE),
        table=columns.table(),
        needs=needs,
        outputs=outputs,
        asked=asked,
    )


def _outputs(stage: StageRecord, records: Sequence[JobRecord], columns: Columns) -> Iterator[str | Column]:
    """Yield the files that each job must make. With them is its work directory.

    A batch system that copies files would copy only these files, and later jobs may need others.
    """
    if stage.made:
        yield columns.column([record.name for record in records])
    for file in stage.made:
        yield columns.column([posixpath.normpath(f"{record.name}/{file}") for record in records])


# --- commands ------------------------------------------------------------------------------------


def _command(stage: StageRecord, records: Sequence[JobRecord], columns: Columns) -> Iterator[str | Column]:
    """Yield the parts of the command: what the environment asks for, then the process."""
    kind = stage.environment["environment_type"]
    if kind == "noop-env" or stage.process == "none":
        yield ":\n"
        return
    for name, value in (stage.environment.get("env") or {}).items():
        yield f"export {name}={shlex.quote(str(value))}\n"
    folders = [record.name if kind == "localproc-env" else record.workdir for record in records]
    if any(folders):
        yield from ("cd -- ", *columns.split(list(map(shlex.quote, folders))), " || exit\n")
    if script := stage.environment.get("envscript"):
        yield f"source {script} || exit\n"
    text = _text(stage, records, columns)
    yield from _script(stage, records, text) if stage.process == "script" else (*text, "\n")


def _text(stage: StageRecord, records: Sequence[JobRecord], columns: Columns) -> Parts:
    """Return the text of the command or script. Its columns have the names of the parameters."""
    parts: list[str | Column] = [stage.pieces[0]]
    for index, (name, piece) in enumerate(zip(stage.names, stage.pieces[1:], strict=True)):
        parts += (*_field(name, [record.fields[index] for record in records], columns), piece)
    return joined(parts)


def _field(name: str, texts: list[str], columns: Columns) -> Parts:
    """Return the parts of a field. The cells of a column are relative to the workspace if all paths are in it."""
    folder = f"{WORKSPACE}/"
    if not all(text.startswith(folder) for text in texts):
        folder = ""
    cells = [text.removeprefix(folder) for text in texts]
    columns.suggest(name, cells)
    return (folder, columns.column(cells))


def _script(stage: StageRecord, records: Sequence[JobRecord], text: Parts) -> Parts:
    """Return the command that gives the interpreter the script on its standard input, as Yadage does."""
    end = _end(stage, records)
    interpreter = stage.interpreter.strip()
    interpreter = interpreter if _SIMPLE.fullmatch(interpreter) else f"{{ {interpreter}\n}}"
    last = text[-1] if text else ""
    closes = isinstance(last, str) and (not text or last.endswith("\n"))
    return (f"{interpreter} <<'{end}'\n", *text, "" if closes else "\n", f"{end}\n")


def _end(stage: StageRecord, records: Sequence[JobRecord]) -> str:
    """Return a line that ends the script, because no script has that line."""
    taken: set[str] = set()
    for record in records:
        pieces = [stage.pieces[0]]
        for field, piece in zip(record.fields, stage.pieces[1:], strict=True):
            pieces += (field, piece)
        taken.update(_END.findall("".join(pieces)))
    return next(end for number in range(len(taken) + 1) if (end := f"END{'_' * number}") not in taken)
