"""The files of jobs that all back ends share: scripts, commands and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from reana_batch import layout
from reana_batch.credentials import CREDENTIALS
from reana_batch.ir import Column, Command, Pattern, RowMapping, Step, Table, Workflow
from reana_batch.target import Target
from reana_batch.writing import credential_files
from reana_batch.writing.libraries import DATA_LIBRARIES, library
from reana_batch.writing.render import File, render

if TYPE_CHECKING:
    from reana_batch.site import Site


def folders(workflow: Workflow) -> dict[str, str]:
    """Return the folder of each step, by step name."""
    count = len(workflow.steps)
    return {step.name: layout.step_folder(step.name, i, count) for i, step in enumerate(workflow.steps)}


def job_files(workflow: Workflow, site: Site, target: Target) -> Iterator[File]:
    """Yield the job library, and the script, commands and tables of each step."""
    folder_of = folders(workflow)
    steps = {step.name: step for step in workflow.steps}
    yield library("job-lib.sh")
    yield from credential_files.files(workflow, site)
    if workflow.data and not workflow.within:  # an expansion uses those of the run
        yield from map(library, DATA_LIBRARIES)
    if workflow.within:
        words = (_whole_word(step, folder_of, workflow.expansion_names) for step in workflow.steps)
        yield File(layout.STEP_LIST, "".join(f"{word}\n" for word in words))
    for step in workflow.steps:
        folder = f"{layout.BATCH}/steps/{folder_of[step.name]}"
        script = _job_script(step, workflow, steps, folder_of, site, target)
        yield File(f"{folder}/job.sh", script)
        for name, command in scripts(step):
            yield from _command_files(folder, name, command)
        if step.action.server:
            yield from (File(f"{folder}/{name}", text) for name, text in step.action.server.files)
        if step.table.columns:
            yield from _sharded(f"{folder}/rows", step.table.count, _table_lines(step.table))
        for number, need in enumerate(step.needs):
            if isinstance(need.pattern, RowMapping):
                lines = _mapping_lines(need.pattern)
                yield from _sharded(f"{folder}/{_mapping_name(number)}", step.table.count, lines)


def run_folders(workflow: Workflow) -> Iterator[str]:
    """Yield the folders that jobs write into. Jobs do not have to make them."""
    for folder, step in zip(folders(workflow).values(), workflow.steps, strict=True):
        for kind in (layout.LOGS, layout.STATE):
            # Rows have logs and records. Chunks have stamps and scheduler logs.
            for count in {step.table.count, step.chunks}:
                for shard in layout.row_folders(count):
                    yield f"{kind}/{folder}/{shard}".rstrip("/")


# --- the job script ------------------------------------------------------------------------------


def _job_script(
    step: Step,
    workflow: Workflow,
    steps: Mapping[str, Step],
    folder_of: Mapping[str, str],
    site: Site,
    target: Target,
) -> str:
    folder, expansions = folder_of[step.name], workflow.expansion_names
    action, asked, placed = step.action, step.asked, step.placed
    runtime = placed.resources.runtime or 0
    target = placed.target or target
    watches_rows = placed.chunk_size > 1 or len(action.commands) > 1 or not target.enforces_runtime
    return render(
        "job/job.sh.j2",
        "sh",
        label=step.label,
        origin=step.origin.short,
        script=f"{layout.BATCH}/steps/{folder}/job.sh",
        step=step.name,
        folder=folder,
        row_count=step.table.count,
        chunk_size=placed.chunk_size,
        has_table="yes" if step.table.columns else "no",
        commands=[command_word(f"command.{n}", command, step) for n, command in enumerate(action.commands, start=1)],
        before=command_word("before", action.before, step) if action.before else "",
        after=command_word("after", action.after, step) if action.after else "",
        retries=0 if target.retries_jobs else asked.retries,
        needs=[
            f"{_pattern_word(number, need.pattern)} {_whole_word(steps[need.step], folder_of, expansions)}"
            for number, need in enumerate(step.needs)
        ],
        outputs=[_output_word(output, step) for output in step.outputs],
        images=placed.image.candidates if placed.image else (),
        container_runtime=site.container_runtime,
        binds=site.binds,
        cvmfs=asked.cvmfs,
        container_home=site.container_home,
        row_time_limit=runtime if watches_rows and runtime else "",
        credentials=[name for name in CREDENTIALS if name in placed.credentials],
        life_needed=runtime * max(1, len(action.commands)),
        python=(site.python or "") if action.needs_python else "",
        server=action.server.module if action.server else "",
        workspace_mark=_workspace_mark(step),
        row_directories=action.directories,
        programs=placed.programs,
        depth=len(workflow.within),
    )


def _whole_word(step: Step, folder_of: Mapping[str, str], expansions: frozenset[str]) -> str:
    """Return how scripts name all rows of a step: their number, its folder, and the expansion that it compiles."""
    return f"{step.table.count} {folder_of[step.name]}" + (f" {step.name}" if step.name in expansions else "")


def _pattern_word(number: int, pattern: Pattern | RowMapping) -> str:
    return pattern.value if isinstance(pattern, Pattern) else _mapping_name(number)


def _mapping_name(number: int) -> str:
    return f"needs.{number}"


# --- commands ------------------------------------------------------------------------------------


def scripts(step: Step) -> Iterator[tuple[str, Command]]:
    """Yield the commands of a step's jobs, each with its file name."""
    action = step.action
    yield from ((f"command.{number}", command) for number, command in enumerate(action.commands, start=1))
    if action.before:
        yield "before", action.before
    if action.after:
        yield "after", action.after


def _pieces(name: str, command: Command) -> Iterator[tuple[str, str | Column]]:
    """Yield the pieces of a command with columns, each with its file name."""
    for index, part in enumerate(command.parts):
        yield f"{name}.{index}", part


def command_word(name: str, command: Command, step: Step) -> str:
    """Return the word for a command in job.sh: its file, or its files and columns."""
    if command.is_literal:
        return name
    words = (_column_word(part, step) if isinstance(part, Column) else piece for piece, part in _pieces(name, command))
    return " ".join(words)


def _workspace_mark(step: Step) -> str:
    """Return the text that a job replaces by the path of the workspace. Empty if no command has it.

    A cell can hold the mark, or a part of it.
    """
    mark = step.action.workspace
    commands = (command for _, command in scripts(step))
    return mark if any(not command.is_literal or mark in command.text({}) for command in commands) else ""


def _column_word(column: Column, step: Step) -> str:
    return f"={step.table.columns.index(column.name)}"


def _output_word(output: str | Column, step: Step) -> str:
    """Return how job.sh names an output: its path, or the column that holds it."""
    if isinstance(output, Column):
        return _column_word(output, step)
    return f"./{output}" if output.startswith("=") else output


def _command_files(folder: str, name: str, command: Command) -> Iterator[File]:
    if command.is_literal:
        yield File(f"{folder}/{name}", command.text({}))
        return
    for piece, part in _pieces(name, command):
        if isinstance(part, str):
            yield File(f"{folder}/{piece}", part)


# --- tables --------------------------------------------------------------------------------------

# The escapes with which a cell fits on one line. templates/job/tables.sh reads it with printf %b.
_CELL = str.maketrans({"\\": "\\\\", "\n": "\\n", "\x1f": "\\0037"})
_ESCAPED = re.compile(r"\\(\\|n|0037)")
_CHARACTERS = {"\\": "\\", "n": "\n", "0037": "\x1f"}


def escaped(text: str) -> str:
    """Return the text as a cell on one line of a table."""
    return text.translate(_CELL)


def unescaped(cell: str) -> str:
    """Return the text that :func:`escaped` made the cell from."""
    return _ESCAPED.sub(lambda match: _CHARACTERS[match[1]], cell)


def _line(cells: tuple[str, ...]) -> str:
    assert not any("\0" in cell for cell in cells), "an argument of a process cannot contain NUL"
    return "".join(f"{escaped(cell)}\x1f" for cell in cells) + "\n"


def _table_lines(table: Table) -> Callable[[], Iterator[str]]:
    return lambda: map(_line, table)


def _mapping_lines(mapping: RowMapping) -> Callable[[], Iterator[str]]:
    return lambda: (" ".join(map(str, parents)) + "\n" for parents in mapping.parents)


def _sharded(folder: str, count: int, lines: Callable[[], Iterator[str]]) -> Iterator[File]:
    """Yield a table's files. They must be written in order, because they share one iteration over the rows."""
    walk = lines()
    for shard in range(-(-count // layout.TABLE_SHARD)):
        yield File(f"{folder}/{shard}", islice(walk, layout.TABLE_SHARD))
