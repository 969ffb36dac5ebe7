"""Changes of a workspace that two runs share: first written down in the new run, then made. Making them again is harmless.

A run with a changed analysis works in the workspace of an earlier one. It needs other inputs there, and outputs of jobs
that run again must not be there. Once the new run has its name, every command that starts it makes the changes first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from reana_batch import files, layout, patterns

# The changes of a run: the new inputs, and a list of what to remove. No entry of the list is a pattern.
_FOLDER = Path(layout.STATE) / "run.changes"
_INPUTS, _LIST = "inputs", "remove.txt"  # paths, each with a NUL after it


def write(directory: Path, removed: Iterable[str]) -> Path:
    """Write the changes of a run into its directory. Return the folder that takes the new inputs."""
    folder = directory / _FOLDER
    (folder / _INPUTS).mkdir(mode=0o700, parents=True)
    inside = (path for path in removed if patterns.is_inside(path) and os.path.normpath(path) != ".")
    files.write_whole(folder / _LIST, b"".join(os.fsencode(path) + b"\0" for path in inside))
    return folder / _INPUTS


def settle(directory: Path) -> None:
    """Make the changes of a run that are not made yet. The caller holds the lock."""
    folder = directory / _FOLDER
    if not folder.is_dir():
        return
    workspace = (directory / layout.WORKSPACE).resolve()
    listed = b""
    with contextlib.suppress(FileNotFoundError):  # it was removed first, after all changes had been made
        listed = files.read_regular(folder / _LIST)
    for path in listed.split(b"\0")[:-1]:
        _remove(workspace, os.fsdecode(path))
    for where, folders, names in os.walk(folder / _INPUTS):
        inner = Path(where).relative_to(folder / _INPUTS)
        with files.entered(workspace, inner, make=True) as parent:
            for name in names + [each for each in folders if os.path.islink(os.path.join(where, each))]:
                os.rename(os.path.join(where, name), name, dst_dir_fd=parent)
    shutil.rmtree(folder)


def _remove(workspace: Path, path: str) -> None:
    """Remove a file, or a folder with its files. If it is gone, or behind a link, nothing happens."""
    folder, name = os.path.split(os.path.normpath(path))
    if patterns.is_folder(workspace, path):
        with files.entered(workspace, Path(folder)) as parent:
            shutil.rmtree(name, dir_fd=parent)
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), files.entered(workspace, Path(folder)) as parent:
        os.unlink(name, dir_fd=parent)
