"""The lock of a workspace: a file that exists while a command changes a run that works there.

A run and its restarts share one workspace, and so one lock. It is in the run that owns the workspace.
A file works on network file systems, where flock may not.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from reana_batch import files, layout
from reana_batch.diagnostics import Refused, refuse

if TYPE_CHECKING:
    import filelock

LOCK = f"{layout.STATE}/run.lock"
_PATIENCE = 30  # seconds
_FULL = (errno.ENOSPC, errno.EDQUOT)
# How long a lock is watched that is empty. A command writes who it is into its lock at once.
_MOMENT = 2  # seconds
# What no command writes about itself: filelock takes such a lock away if it stays as it is.
_NOBODY = b"killed\n"


@contextlib.contextmanager
def locked(directory: Path, *, disk_may_be_full: bool = False) -> Iterator[None]:
    """Keep other commands from changing runs in this run's workspace; Refused if another one takes too long.

    Refused as well if the run was deleted meanwhile. On a full disk no command can take a lock: one that frees space, or
    only looks, need not have it.
    """
    import filelock

    path, is_run = owner(directory) / LOCK, (directory / layout.MANIFEST).is_file()
    if not is_run and not directory.is_dir():  # filelock would make it
        raise _gone(directory)
    lock = filelock.SoftFileLock(str(path), timeout=_PATIENCE)
    try:
        with files.naming(path):
            _acquire(lock, path)
    except filelock.Timeout:
        message = f"Another command has been working on this run for {_PATIENCE} s."
        raise refuse("run-state", message, hint=f"if there is none any more, delete {path}.") from None
    except FileNotFoundError:
        raise _gone(directory) from None
    except OSError as error:
        if not (disk_may_be_full and error.errno in _FULL):
            raise
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


def _acquire(lock: filelock.SoftFileLock, path: Path) -> None:
    """Take the lock. One that stays empty was left by a command that was killed before it wrote who it was."""
    import filelock

    before = _empty(path)
    if before is not None:
        with contextlib.suppress(filelock.Timeout):
            lock.acquire(timeout=_MOMENT)
        if not lock.is_locked and _empty(path) == before:
            with contextlib.suppress(FileNotFoundError), open(path, "r+b", buffering=0) as left:
                left.write(_NOBODY)
    if not lock.is_locked:
        lock.acquire()
    with open(path, "rb") as own:  # so that commands on other machines see at once whose it is
        os.fsync(own.fileno())


def _empty(path: Path) -> tuple[int, int] | None:
    """Return which file a lock is if it is empty, else None."""
    with contextlib.suppress(OSError):
        facts = path.stat()
        return None if facts.st_size else (facts.st_ino, facts.st_ctime_ns)
    return None


def _gone(directory: Path) -> Refused:
    return refuse("unknown-run", f"There is no run in {directory} any more.")


def owner(directory: Path) -> Path:
    """Return the run that owns the workspace of a run: the run itself, or the first of which it is a restart."""
    workspace = directory / layout.WORKSPACE
    found = workspace.resolve().parent
    return found if workspace.is_symlink() and (found / layout.MANIFEST).is_file() else directory
