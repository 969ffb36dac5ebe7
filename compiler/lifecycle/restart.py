"""Restart and resume: starting a run again, as a new run in the same workspace or under its own number."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from reana_batch import backends, files, layout
from reana_batch.diagnostics import Refused, refuse
from reana_batch.lifecycle import requests
from reana_batch.lifecycle.changes import settle
from reana_batch.lifecycle.deletion import MAKING, check_ended, check_workspace_free, hidden_name, remove, sweep
from reana_batch.lifecycle.ending import leave_queue
from reana_batch.lifecycle.requests import NO_WISH, Wish
from reana_batch.lifecycle.status import RunStatus, known_status, status
from reana_batch.run import credentials, inputs
from reana_batch.run.lock import locked
from reana_batch.run.manifest import StepEntry
from reana_batch.run.names import next_restart
from reana_batch.run.parts import Run, link_shared
from reana_batch.run.run_json import Intent, note, read_record

_T = TypeVar("_T")


def restart(directory: Path, start: Callable[[Run], _T]) -> tuple[Path, int, _T]:
    """Continue the ended run in ``directory`` as a new run.

    Return the new run, how many of its jobs are done already, and the result of ``start``.
    """
    run = Run(directory)
    with locked(directory):
        make_ready(run)
        new = next_restart(directory)
        done = copy_run(run, new)
        try:
            return new, done, start(Run(new))
        except (OSError, Refused):
            _forget(new)
            raise


def make_ready(ended: Run) -> None:
    """Bring an ended run to rest: its jobs have left the queue, and its workspace is what it says.

    The caller holds the lock. Raises Refused unless the run and all others in its workspace have ended.
    """
    check_ended(ended.directory)
    leave_queue(ended)
    settle(ended.directory)


def _forget(new: Path) -> None:
    """Delete a restart that its batch system refused. It stays if the batch system may have accepted it."""
    current = status(new)
    if current.silence is None and not current.queue.active:
        credentials.withdraw(new)
        remove(new)  # this does not follow the link that is its workspace


def copy_run(run: Run, new: Path) -> int:
    """Make the restart ``new`` of ``run``, and return how many jobs are done already.

    As in REANA, both share the workspace. The batch files and the records of finished jobs are copied.
    """
    sweep(new, MAKING)
    unnamed = hidden_name(new, MAKING)
    try:
        done = _fill_restart(run, new, unnamed)
        unnamed.rename(new)
    except BaseException:
        sweep(new, MAKING)
        raise
    return done


def _fill_restart(run: Run, new: Path, unnamed: Path) -> int:
    """Make the run ``new`` under another name, and return how many jobs are done."""
    unnamed.mkdir(mode=0o700)
    workspace = os.path.relpath((run.directory / layout.WORKSPACE).resolve(), new.resolve())
    done = 0
    for part in run.parts():
        target = unnamed / part.directory.relative_to(run.directory)
        done += _copy_part(part, target)
        if target != unnamed:
            link_shared(target)
    (unnamed / layout.WORKSPACE).symlink_to(workspace)
    if files.is_there(run.directory / inputs.RECORD):
        (unnamed / inputs.RECORD).write_bytes(files.read_regular(run.directory / inputs.RECORD))
    known = read_record(run.directory)
    note(unnamed, spec=known.spec, site=known.site, backend=known.backend, settings=[*known.settings])
    # With an intent, resume can submit the run if this command is interrupted.
    note(unnamed, created=time.time(), restarts=run.directory.name, intent=Intent())
    Run(unnamed).mark_restarted()
    return done


def _copy_part(part: Run, target: Path) -> int:
    """Copy the batch files and the records of finished jobs. Return the number of these jobs."""
    copy_batch(part, target)
    return sum(_inherit(step, part.directory, target) for step in part.manifest.steps)


def copy_batch(part: Run, target: Path) -> None:
    """Copy the batch files of a part, and make its other folders."""
    batch = part.directory / layout.BATCH
    left_behind = backends.left_behind()
    names = (path for path, _ in files.walk(batch) if not path.startswith(left_behind))
    files.copy_tree(batch, target / layout.BATCH, names)
    for name in (layout.STATE, layout.LOGS):
        (target / name).mkdir(mode=0o700)
    for expansion in part.manifest.expansions:  # DAGMan needs the folder even if the expansion is not compiled yet
        (target / layout.expansion_folder(expansion.name)).mkdir(mode=0o700, parents=True)


def make_folders(step: StepEntry, new: Path) -> None:
    """Make the folders for the logs and records of a step's jobs."""
    for shard in {*layout.row_folders(step.rows), *layout.row_folders(step.chunks)}:
        for kind in (layout.LOGS, layout.STATE):
            (new / kind / step.folder / shard).mkdir(parents=True, exist_ok=True)


def _inherit(step: StepEntry, old: Path, new: Path) -> int:
    """Copy the records of a step's finished jobs, and return how many there are."""
    count = 0
    make_folders(step, new)
    for shard in layout.row_folders(step.rows):
        folder = Path(layout.STATE) / step.folder / shard
        for record in (old / folder).glob("*.done"):
            with files.naming(new / folder / record.name):
                (new / folder / record.name).write_bytes(files.read_regular(record))
            count += 1
    return count


def resume(directory: Path, start: Callable[[Run], _T], wish: Wish = NO_WISH) -> _T:
    """Start a failed or stopped run again. Return the result of ``start``.

    The run keeps its directory. Finished jobs do not run again. ``wish`` changes what the others ask for.
    """
    run = Run(directory)
    with locked(directory):
        current = _check_resumable(directory)
        if requests.change(current, wish):
            run = Run(directory)  # with the new manifest
        leave_queue(run)
        settle(directory)
        run.mark_restarted()
        return start(run)


def _check_resumable(directory: Path) -> RunStatus:
    """Return the status of the run. Raises Refused if it has not ended, or if another run uses its workspace.

    A run whose submission was interrupted can be resumed too.
    """
    current = known_status(directory)
    tried = current.state == "created" and current.record.intent
    if current.state not in ("failed", "stopped") and not current.queue.cut_short and not tried:
        hint = f"to start it: reana-batch submit {shlex.quote(str(directory))}" if current.state == "created" else ""
        message = f"{directory.name} is {current.state}; only a failed or stopped run can be resumed."
        raise refuse("run-state", message, hint=hint)
    check_workspace_free(directory)
    return current
