"""What lies in a run's workspace: listing it, copying out of it, comparing two of them."""

from __future__ import annotations

import contextlib
import difflib
import filecmp
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from reana_batch import layout
from reana_batch.diagnostics import refuse
from reana_batch.runstate import Run

# What DAGMan writes beside a run's batch files.
_MADE_BY_DAGMAN = "workflow.dag."


@dataclass(frozen=True, slots=True)
class WorkspaceFile:
    """A file of the workspace; the size is in bytes, the time as REANA writes it."""

    name: str
    size: int
    modified: str


def files(directory: Path, pattern: str) -> Iterator[WorkspaceFile]:
    """Yield the files of the workspace whose relative path matches ``pattern``, in order."""
    root = directory / layout.WORKSPACE
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            relative = str(path.relative_to(root))
            if pattern == "**/*" or fnmatch(relative, pattern):
                with contextlib.suppress(FileNotFoundError):  # a running job has removed it meanwhile
                    facts = path.lstat()
                    written = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(facts.st_mtime))
                    yield WorkspaceFile(_printable(relative), facts.st_size, written)


def _printable(name: str) -> str:
    """Return a name of a file for the eye; those that are not UTF-8 cannot be printed as they are."""
    return os.fsencode(name).decode("utf-8", "replace")


def download(directory: Path, wanted: Sequence[str], output: Path) -> list[str]:
    """Copy files and directories of the workspace below ``output``; without names, the declared outputs.

    Returns what was copied; raises Refused, before anything is copied, if something is not there.
    """
    root = directory / layout.WORKSPACE
    declared = Run(directory).manifest["outputs"]
    names = list(wanted) or declared["files"] + declared["directories"]
    missing = [name for name in names if not _inside(name) or not os.path.exists(root / name)]
    if missing:
        raise refuse("missing-file", f"Not in the workspace: {', '.join(missing)}.", hint="see: reana-batch ls")
    try:
        for name in names:
            target = output / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (root / name).is_dir():
                shutil.copytree(root / name, target, dirs_exist_ok=True)
            else:
                shutil.copy2(root / name, target)
    except OSError as error:
        raise refuse("cannot-write", f"{error.filename or output}: {error.strerror or error}.") from error
    return names


def _inside(name: str) -> bool:
    return not os.path.isabs(name) and Path(os.path.normpath(name)).parts[:1] != ("..",)


def differences(first: Path, second: Path) -> dict[str, list[str]]:
    """Return how two runs differ, line by line: in what they run, and in their workspaces."""
    return {
        "what is run": _text_differences(first, second),
        "workspace": _file_differences(first / layout.WORKSPACE, second / layout.WORKSPACE),
    }


def _text_differences(first: Path, second: Path) -> list[str]:
    lines: list[str] = []
    for name in sorted(_names(first / layout.BATCH) | _names(second / layout.BATCH)):
        if name.startswith(_MADE_BY_DAGMAN):
            continue
        before, after = (_lines(run / layout.BATCH / name) for run in (first, second))
        if before != after:
            lines += difflib.unified_diff(before, after, f"{first.name}/{name}", f"{second.name}/{name}", lineterm="")
    return lines


def _file_differences(first: Path, second: Path) -> list[str]:
    names = (_names(first), _names(second))
    lines = [f"Only in {first.parent.name}: {name}" for name in sorted(names[0] - names[1])]
    lines += [f"Only in {second.parent.name}: {name}" for name in sorted(names[1] - names[0])]
    for name in sorted(names[0] & names[1]):
        if not filecmp.cmp(first / name, second / name, shallow=False):
            lines.append(f"Files differ: {name}")
    return [_printable(line) for line in lines]


def _names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8", "replace").splitlines() if path.exists() else []
