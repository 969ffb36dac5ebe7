"""Going on after a change of the analysis: a new run takes over the finished jobs of an earlier one that are the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

from reana_batch import files, layout, patterns
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import refuse
from reana_batch.lifecycle import changes, creation, planning
from reana_batch.lifecycle.comparison import Plan
from reana_batch.lifecycle.deletion import MAKING, hidden_name, sweep
from reana_batch.lifecycle.restart import copy_batch, make_folders, make_ready
from reana_batch.patterns import with_folders
from reana_batch.run import inputs
from reana_batch.run.lock import locked
from reana_batch.run.names import next_restart
from reana_batch.run.parts import Run, link_shared
from reana_batch.run.records import DONE
from reana_batch.run.run_json import Intent, note
from reana_batch.writing import staging

_T = TypeVar("_T")


def restart(
    directory: Path, compilation: Compilation, start: Callable[[Run], _T], *, checksum: bool = False
) -> tuple[Path, Plan, _T]:
    """Go on with the workspace of the ended run in ``directory``, with another analysis.

    Return the new run, what it took over, and the result of ``start``. If ``start`` fails, the new run can be resumed.
    """
    run = Run(directory)
    with locked(directory):
        make_ready(run)
        new = next_restart(directory)
        plan = _make_restart(run, new, compilation, checksum=checksum)
        changes.settle(new)
        return new, plan, start(Run(new))


def _make_restart(run: Run, new: Path, compilation: Compilation, *, checksum: bool) -> Plan:
    """Make the run ``new``, completely or not at all. The workspace does not change yet."""
    sweep(new, MAKING)
    unnamed = hidden_name(new, MAKING)
    workspace = (run.directory / layout.WORKSPACE).resolve()
    now = creation.facts_now(compilation)
    try:
        unnamed.mkdir(mode=0o700)
        creation.fill(compilation, unnamed)
        plan = planning.plan(run, Run(unnamed), compilation, checksum=checksum)
        _take_over(run, unnamed, plan)
        (unnamed / layout.WORKSPACE).symlink_to(os.path.relpath(workspace, new.resolve()))
        _write_inputs(compilation, now, workspace, changes.write(unnamed, _removed(run, compilation, plan)))
        creation.note_creation(unnamed, compilation, now)
        note(unnamed, restarts=run.directory.name, reuses=run.directory.name, intent=Intent())
        unnamed.rename(new)
    except OSError as error:
        sweep(new, MAKING)
        raise creation.cannot_write(error, new) from error
    except BaseException:
        sweep(new, MAKING)
        raise
    return plan


def _removed(run: Run, compilation: Compilation, plan: Plan) -> list[str]:
    """Return the paths that must not be in the workspace: outputs of jobs that run again, and former inputs.

    Inputs and what kept jobs declare are not among them, nor the folders that have these.
    """
    workspace = run.directory / layout.WORKSPACE
    former = sorted(inputs.read(run.directory, ()).keys() - set(compilation.inputs))
    if not plan.stale and not former:
        return []
    made = (file.path for file in compilation.workflow.made)
    needed = {path for output in plan.needed for path in _found(workspace, output)}
    wanted = {".", *with_folders((*compilation.inputs, *made, *needed))}
    stale = (
        path
        for output in plan.stale
        for path in _found(workspace, output)
        if path == os.path.normpath(output) or needed.isdisjoint(map(str, PurePosixPath(path).parents))
    )
    return [path for path in dict.fromkeys((*stale, *former)) if os.path.normpath(path) not in wanted]


def _found(workspace: Path, output: str) -> list[str]:
    """Return what an output stands for: all files that a pattern matches, else its own path."""
    if patterns.is_pattern(output) and not os.path.lexists(workspace / output):
        return [path for path, _ in patterns.find(workspace, output)]
    return [os.path.normpath(output)]


def _write_inputs(compilation: Compilation, now: Mapping[str, inputs.Facts], workspace: Path, folder: Path) -> None:
    """Copy the inputs into a folder that are not in the workspace as they are now."""
    if compilation.spec is not None:
        there = inputs.facts_in(workspace, compilation.inputs)
        paths = [path for path in compilation.inputs if path not in now or there.get(path) != now[path]]
        staging.copy_inputs(compilation.spec, paths, folder)
    staging.write_made(compilation.workflow.made, folder)


def create(directory: Path, compilation: Compilation, old: Path, *, checksum: bool = False) -> Plan:
    """Write a new run into ``directory``, with a copy of what the ended run ``old`` has done. Return what that is."""
    run = Run(old)
    found: list[Plan] = []

    def take_over(new: Path) -> None:
        plan = planning.plan(run, Run(new), compilation, checksum=checksum)
        _copy_workspace(run.directory / layout.WORKSPACE, new / layout.WORKSPACE, _removed(run, compilation, plan))
        _take_over(run, new, plan)
        note(new, reuses=old.name)  # before the run has its place: a command that is killed leaves none without it
        found.append(plan)

    if old.resolve() == directory.resolve():
        raise refuse("run-state", f"{old.name} cannot take over jobs from itself.")
    with locked(old):
        make_ready(run)
        creation.write_run(compilation, directory, take_over=take_over)
    return found[0]


def _copy_workspace(old: Path, new: Path, removed: Iterable[str]) -> None:
    """Copy files, folders and links, except those to be removed, and those that are in the new workspace already.

    They are not linked, because a job may write into a file that is there.
    """
    left_out = set(map(os.path.normpath, removed))
    for where, folders, names in os.walk(old):
        inner = os.path.relpath(where, old)
        paths = {name: os.path.normpath(os.path.join(inner, name)) for name in (*folders, *names)}
        folders[:] = [name for name in folders if paths[name] not in left_out]
        for path in paths.values():
            if path not in left_out and not os.path.lexists(new / path):
                _copy(old, new, path)


def _copy(old: Path, new: Path, path: str) -> None:
    mode = (old / path).lstat().st_mode
    kind = files.kind_of(mode)
    if kind == "a link":
        (new / path).symlink_to(os.readlink(old / path))
    elif kind == "a directory":
        (new / path).mkdir(mode=mode & 0o777 | 0o700)
    elif not kind:
        with files.opened(old, path) as stream:
            files.copy(stream, old / path, new, path)


def _take_over(run: Run, new: Path, plan: Plan) -> None:
    """Copy the records of the jobs that are kept, and what kept planners have compiled."""
    old_steps = run.manifest.steps_by_name()
    made = Run(new)
    for each in plan.steps:
        records = made.records(each.step)
        for row, before in each.kept.items():
            done = run.records(old_steps[before.step]).path(before.row, DONE)
            with files.naming(records.path(row, DONE)):
                records.path(row, DONE).write_bytes(files.read_regular(done))
        if each.part is not None:
            part, target = run.compiled()[each.step.name], new / layout.expansion_folder(each.step.name)
            copy_batch(part, target)
            link_shared(target)
            for step in part.manifest.steps:
                make_folders(step, target)
            _take_over(part, target, each.part)
    files.write_whole(new / layout.RESTARTED, b"")
