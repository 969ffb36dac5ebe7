"""Replacing of a run in its directory by a newly compiled one, completely or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from reana_batch import layout
from reana_batch.files import entered, walk
from reana_batch.run.lock import LOCK

# The prefix of the temporary folder, inside the run directory, in which a run is made.
PREFIX = ".compile."


def holds_run(directory: Path) -> bool:
    """Return whether a directory contains a run, or the rest of one.

    A replacement that was killed leaves a rest.
    """
    made = (directory / layout.MANIFEST).exists() or any(directory.glob(f"{PREFIX}*"))
    return made or (_names(directory) == {layout.STATE} and all(map(_is_lock, _names(directory / layout.STATE))))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _is_lock(name: str) -> bool:
    return name.startswith(Path(LOCK).name)


def replace(directory: Path, new: Path, old: Path) -> None:
    """Move the files of ``new`` into ``directory``, and the files that they replace into ``old``.

    Other files of the workspace stay. The manifest is moved last. Raises OSError if a file cannot be moved, or if an
    input would be written through a link in the workspace. Then all files are moved back.
    """
    names = [*_inputs(directory, new), *_records(directory, new), layout.LOGS, layout.EXPANSIONS, layout.BATCH]
    moved: list[tuple[Path, Path]] = []
    try:
        for name in names:
            for source, target in ((directory / name, old / name), (new / name, directory / name)):
                if os.path.lexists(source):
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    source.rename(target)
                    moved.append((source, target))
    except BaseException:
        for source, target in reversed(moved):
            target.rename(source)
        raise


def _inputs(directory: Path, new: Path) -> Iterator[str]:
    """Yield the inputs, or the whole workspace if ``directory`` has none.

    Raises OSError if an input would be written through a link.
    """
    if not os.path.lexists(directory / layout.WORKSPACE):
        yield layout.WORKSPACE
        return
    paths = [path for path, _ in walk(new / layout.WORKSPACE)]
    with entered(directory, Path(layout.WORKSPACE)):
        pass
    for folder in sorted({os.path.dirname(path) for path in paths}):
        _check_folder(directory / layout.WORKSPACE, Path(folder))
    for path in paths:
        place = directory / layout.WORKSPACE / path
        if place.is_dir() and not place.is_symlink():  # it may contain results
            raise OSError(errno.EISDIR, "It is a directory, and an input is a file", str(place))
    yield from (f"{layout.WORKSPACE}/{path}" for path in paths)


def _check_folder(workspace: Path, folder: Path) -> None:
    """Raise OSError if a component of a folder's path is a link or a file. The folder may be missing."""
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(workspace / path))
    with entered(workspace, there):
        pass


def _records(directory: Path, new: Path) -> Iterator[str]:
    """Yield the content of the folder of records, except the lock, which the command holds."""
    found = _names(directory / layout.STATE) | _names(new / layout.STATE)
    yield from (f"{layout.STATE}/{name}" for name in sorted(found) if not _is_lock(name))
