"""The lock of a workspace: a file that exists while a command changes a run that works there.

A run and its restarts share one workspace, and so one lock. It lies with the run that owns the workspace.
A file works on network file systems, where flock may not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from reana_batch import layout
from reana_batch.diagnostics import Refused, refuse

# No step has a dot in its name, and so no folder of this name.
LOCK = f"{layout.STATE}/run.lock"
_PATIENCE = 30  # seconds


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other commands from changing runs in this run's workspace; Refused if another one takes too long.

    Refused as well if the run was deleted meanwhile.
    """
    import filelock

    path, is_run = owner(directory) / LOCK, (directory / layout.MANIFEST).is_file()
    if not is_run and not directory.is_dir():  # filelock would make it
        raise _gone(directory)
    lock = filelock.SoftFileLock(str(path), timeout=_PATIENCE)
    try:
        lock.acquire()
    except filelock.Timeout:
        message = f"Another command has been working on this run for {_PATIENCE} s."
        raise refuse("run-state", message, hint=f"if there is none any more, delete {path}.") from None
    except FileNotFoundError:
        raise _gone(directory) from None
    try:
        if is_run and not (directory / layout.MANIFEST).is_file():
            raise _gone(directory)
        yield
    finally:
        lock.release()
        if is_run and not (directory / layout.MANIFEST).is_file():
            with contextlib.suppress(OSError):  # filelock makes the folders of a run that was deleted meanwhile
                path.parent.rmdir()
                path.parent.parent.rmdir()


def _gone(directory: Path) -> Refused:
    return refuse("unknown-run", f"There is no run in {directory} any more.")


def owner(directory: Path) -> Path:
    """Return the run that owns the workspace of a run: the run itself, or the first of which it is a restart."""
    workspace = directory / layout.WORKSPACE
    found = workspace.resolve().parent
    return found if workspace.is_symlink() and (found / layout.MANIFEST).is_file() else directory
