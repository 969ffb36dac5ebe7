"""Deletion of a run, and the conditions for deleting, replacing or restarting one."""

from __future__ import annotations

import contextlib
import errno
import glob
import shlex
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from reana_batch import backends, files, layout
from reana_batch.diagnostics import Diagnostics, Refused, refuse
from reana_batch.lifecycle.ending import leave_queue, tolerating
from reana_batch.lifecycle.sessions import close_all
from reana_batch.lifecycle.status import NO_ANSWER, RunStatus, known, known_status
from reana_batch.run import credentials
from reana_batch.run.lock import locked
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, Submission
from reana_batch.run.run_json import RECORD, note, read_record

# The ending of the name of a directory that is being made or deleted. Such a name begins with a dot.
MAKING, _DELETING = ".new", ".deleted"


def delete(directory: Path) -> None:
    """Delete a run with its workspace. Raises Refused while it is queued or running."""
    run = Run(directory)
    with locked(directory, disk_may_be_full=True):
        _check_deletable(known_status(directory))
        try:
            files.demand_removable(directory)
            if not directory.is_symlink():  # a link is refused below
                close_all(directory)
                with tolerating(*NO_ANSWER):  # a run can be deleted if its batch system no longer exists
                    leave_queue(run)
                credentials.withdraw(directory)
            remove(directory)
        except OSError as error:
            path = Path(error.filename or directory)
            if path != directory and not path.parent.name:  # rmtree gives the last part of the path only
                path = Path(directory.name, path)
            hint = _rest_of(directory, error)
            raise refuse("cannot-write", f"{path}: {error.strerror or error}.", hint=hint) from error


def check_all_deletable(found: Sequence[RunStatus]) -> None:
    """Raise Refused, with all faults, unless these runs can all be deleted, restarts before their originals.

    No batch system is asked.
    """
    faults, directories = Diagnostics(), [each.run.directory for each in found]
    for current in found:
        folder = current.run.directory.parent
        try:
            _check_deletable(known(current), {each.name for each in directories if each.parent == folder})
        except Refused as refused:
            faults.add(refused.diagnostics)
    if faults.errors:
        raise Refused(faults)


def _rest_of(directory: Path, error: OSError) -> str:
    """Return the hint that says what is left after a deletion that failed."""
    name = shlex.quote(str(directory))
    if not directory.exists():
        return f"the run is deleted; only {hidden_name(directory, _DELETING)} is left."
    if not read_record(directory).deleted:
        cure = f"; if the files are yours, chmod -R u+rwX {name}, and delete it again" * (error.errno == errno.EACCES)
        return f"nothing was deleted{cure}."
    return f"{directory.name} is deleted in part; when the cause is gone, delete the rest: reana-batch delete -w {name}"


def _check_deletable(current: RunStatus, together: Collection[str] = ()) -> None:
    """Raise Refused if the run is active, or if others than those of ``together`` use its workspace."""
    directory = current.run.directory
    if current.state in ("queued", "running"):
        message = f"{directory.name} is {current.state}; stop it first."
        raise refuse("run-state", message, hint=f"reana-batch stop -w {shlex.quote(str(directory))}")
    others = [path.name for path in sharing(directory) if path.name not in together]
    if others and not (directory / layout.WORKSPACE).is_symlink():
        uses = "uses" if len(others) == 1 else "use"
        raise refuse("run-state", f"{', '.join(others)} {uses} the workspace of {directory.name}.")


def remove(directory: Path) -> None:
    """Delete a run. It is renamed first, so that an interrupted deletion leaves no incomplete run under its name.

    If something cannot be deleted, the run gets its name back, and run.json says that it is deleted in part.
    """
    import shutil

    if directory.is_symlink():
        shutil.rmtree(directory)  # it raises an OSError with the reason
    sweep(directory, _DELETING)
    unnamed = hidden_name(directory, _DELETING)
    directory.rename(unnamed)
    try:
        for path in _but_for_the_record(unnamed):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.rmtree(unnamed)
    except OSError:
        if not (unnamed / layout.MANIFEST).exists():
            raise
        with contextlib.suppress(OSError, Refused):  # the disk may be full
            (unnamed / layout.STATE).mkdir(mode=0o700, exist_ok=True)
            note(unnamed, deleted=time.time())
        unnamed.rename(directory)
        raise


def _but_for_the_record(directory: Path) -> list[Path]:
    """Return the parts of a run to delete first: everything except its manifest and run.json."""
    kept = {directory / layout.MANIFEST, directory / RECORD}
    folders = (directory, *{path.parent for path in kept})
    return [path for folder in folders for path in folder.iterdir() if path not in kept and path not in folders]


def hidden_name(directory: Path, ending: str) -> Path:
    """Return the name that ``directory`` has while it is made or deleted."""
    return directory.with_name(f".{directory.name}{ending}")


def sweep(directory: Path, ending: str) -> None:
    """Delete what an interrupted command left when it made or deleted ``directory``. The caller holds the lock."""
    import shutil

    left = hidden_name(directory, ending)
    if left.is_dir():
        shutil.rmtree(left)


def check_replaceable(directory: Path) -> None:
    """Raise Refused if the run is active or unknown, or if others use its workspace.

    Wait for jobs that are still ending.
    """
    current = known_status(directory)
    if current.state in ("queued", "running"):
        message = f"{directory.name} is {current.state}; it cannot be replaced."
        raise refuse("run-state", message, hint=f"stop it first: reana-batch stop -w {shlex.quote(str(directory))}")
    others = [path.name for path in sharing(directory)]
    if others:
        raise refuse("run-state", f"{directory.name} shares its workspace with {', '.join(others)}.")
    close_all(directory)
    with tolerating(*NO_ANSWER):
        leave_queue(current.run)


def sharing(directory: Path) -> list[Path]:
    """Return the other runs in the same workspace, which a run and its restarts share."""
    own = (directory / layout.WORKSPACE).resolve()
    family = ".".join(directory.name.split(".")[:2])
    found = sorted(directory.absolute().parent.glob(f"{glob.escape(family)}*/{layout.WORKSPACE}"))
    return [path.parent for path in found if path.parent.name != directory.name and path.resolve() == own]


def check_ended(directory: Path) -> None:
    """Raise Refused unless the run and all other runs in its workspace have ended."""
    current = known_status(directory)
    if current.state not in ("finished", "failed", "stopped") and not current.queue.cut_short:
        message = f"{directory.name} is {current.state}; only a run that has ended can be restarted."
        raise refuse("run-state", message)
    _check_guests_gone(Run(directory))
    check_workspace_free(directory)


def _check_guests_gone(run: Run) -> None:
    """Raise Refused while jobs of delegated steps are still ending.

    A resume does not need this, because the nodes of the same run wait for their jobs.
    """
    for name in run.guests:
        queue = backends.driver(name).query(run.directory, Submission())
        jobs = [job for job in queue.jobs if job.state is not JobState.ENDED]
        if jobs:
            message = f"Jobs of {run.directory.name} are still in the queue ({jobs[0].id})."
            raise refuse("run-state", message, hint="they are being cancelled; try again in a moment.")


def check_latest(directory: Path) -> None:
    """Raise Refused if a later run with another analysis has changed the workspace of the run."""
    own = read_record(directory).created or 0
    for other in sharing(directory):
        record = read_record(other)
        if record.reuses and (record.created or 0) > own:
            message = f"{other.name} has changed the workspace of {directory.name} since."
            raise refuse("run-state", message, hint=f"name it instead: -w {shlex.quote(str(other))}")


def check_workspace_free(directory: Path) -> None:
    """Raise Refused if another run works in the workspace, or has changed it with another analysis."""
    check_latest(directory)
    for other in sharing(directory):
        current = known_status(other)
        if current.state in ("queued", "running"):
            raise refuse("run-state", f"{other.name} is {current.state}, in the workspace of {directory.name}.")
        if current.queue.active:
            message = f"Jobs of {other.name} are still ending, in the workspace of {directory.name}."
            raise refuse("run-state", message, hint="try again in a moment.")
