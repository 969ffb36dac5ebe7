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
        "what is run": _text_differences(Run(first), Run(second)),
        "workspace": _file_differences(first / layout.WORKSPACE, second / layout.WORKSPACE),
    }


def _text_differences(first: Run, second: Run) -> list[str]:
    lines: list[str] = []
    texts = (_batch_files(first), _batch_files(second))
    for name in sorted(texts[0].keys() | texts[1].keys()):
        before, after = (_lines(files.get(name)) for files in texts)
        if before != after:
            old, new = (f"{run.directory.name}/{name}" for run in (first, second))
            lines += difflib.unified_diff(before, after, old, new, lineterm="")
    return lines


def _batch_files(run: Run) -> dict[str, Path]:
    """Return the batch files of a run and its expansions, by their names as the user knows them."""
    return {
        part.path + name: part.directory / layout.BATCH / name
        for part in run.parts()
        for name in _names(part.directory / layout.BATCH)
        if not name.startswith(_MADE_BY_DAGMAN)
    }


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


def _lines(path: Path | None) -> list[str]:
    return path.read_text("utf-8", "replace").splitlines() if path else []
