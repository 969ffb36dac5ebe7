"""The lock of a run: a file that is there while a command changes it.

A file works on network file systems, where flock may not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from reana_batch import layout
from reana_batch.diagnostics import refuse

# No step has a dot in its name, and so no folder of this name.
LOCK = f"{layout.STATE}/run.lock"
_PATIENCE = 30  # seconds


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other commands from changing the run; Refused if another one takes too long."""
    import filelock

    lock = filelock.SoftFileLock(str(directory / LOCK), timeout=_PATIENCE)
    try:
        with lock:
            yield
    except filelock.Timeout:
        message = f"Another command has been working on this run for {_PATIENCE} s."
        hint = f"if there is none any more, delete {directory / LOCK}."
        raise refuse("run-state", message, hint=hint) from None
