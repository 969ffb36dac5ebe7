"""The lock of a run: a file that is there while a command changes it.

A file works on network file systems, where flock may not, and loads nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from reana_batch import layout
from reana_batch.diagnostics import refuse

LOCK = f"{layout.STATE}/lock"
_PATIENCE = 30  # seconds
_PAUSE = 0.05


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other commands from changing the run; Refused if another one takes too long."""
    lock = directory / LOCK
    end = time.monotonic() + _PATIENCE
    while not _taken(lock):
        if time.monotonic() > end:
            message = f"Another command has been working on this run for {_PATIENCE} s."
            raise refuse("run-state", message, hint=f"if there is none any more, delete {lock}.")
        _clear(lock)
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _taken(lock: Path) -> bool:
    """Make the file, and say in it who we are; return False if it is there."""
    try:
        with lock.open("x", encoding="utf-8") as stream:
            stream.write(f"{os.getpid()}\n{os.uname().nodename}\n")
    except FileExistsError:
        return False
    return True


def _clear(lock: Path) -> None:
    """Delete what a command that died has left; one at a time, so that nobody's new lock is deleted for it."""
    if not _is_left(lock):
        return
    clearing = lock.with_name("lock.clearing")
    with contextlib.suppress(FileExistsError):
        clearing.touch(exist_ok=False)
        if _is_left(lock):
            lock.unlink()
        clearing.unlink()


def _is_left(lock: Path) -> bool:
    """Return whether the lock is that of a process of this machine which is gone."""
    try:
        pid, host, *_ = lock.read_text("utf-8").split()
        if host == os.uname().nodename:
            os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):  # given back or just being made; or the process is somebody else's
        return False
    return False
