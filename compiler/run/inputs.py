"""The inputs of a run as they were when they were copied: their sizes and times, in ``state/inputs.json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from reana_batch import files, layout
from reana_batch.run.small_files import damaged, read_json

RECORD = f"{layout.STATE}/inputs.json"

# The size of a file, and the time of its last change in nanoseconds.
Facts = tuple[int, int]


def facts_of(path: Path) -> Facts:
    """Return the size and time of a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def facts_in(root: Path, paths: Iterable[str]) -> dict[str, Facts]:
    """Return the sizes and times of the files at these paths below ``root``. Missing ones are left out."""
    found = {}
    for path in paths:
        if files.is_there(root / path):
            found[path] = facts_of(root / path)
    return found


def write(directory: Path, facts: Mapping[str, Facts]) -> None:
    """Write down the inputs of the run in ``directory``."""
    files.write_whole(directory / RECORD, json.dumps(facts, indent=0).encode())


def read(directory: Path, paths: Iterable[str]) -> dict[str, Facts]:
    """Return the inputs of a run. If it has no record of them, they are the files at ``paths`` in its workspace."""
    try:
        record = read_json(directory / RECORD)
    except FileNotFoundError:
        return facts_in(directory / layout.WORKSPACE, paths)
    if not all(isinstance(each, list) and [*map(type, each)] == [int, int] for each in record.values()):
        raise damaged(directory / RECORD)
    return {path: (size, time) for path, (size, time) in record.items()}


def changes(
    before: Mapping[str, Facts], now: Mapping[str, Facts], is_equal: Callable[[str], bool] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the inputs that changed, each with a sentence. ``is_equal`` compares contents, if times do not count."""
    for path in sorted(before.keys() | now.keys()):
        if path not in before:
            yield path, f"input {path} is new"
        elif path not in now:
            yield path, f"{path} is not an input any more"
        elif before[path] != now[path] if is_equal is None else not is_equal(path):
            yield path, f"input {path} changed"
