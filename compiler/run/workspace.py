"""What is in a run's workspace: listing it, copying out of it, comparing two of them."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reana_batch import layout, patterns
from reana_batch.diagnostics import Refused, refuse
from reana_batch.files import copy, entered, kind_of, naming, opened, read_regular, walk
from reana_batch.printable import file_name
from reana_batch.run.parts import Run

# Bytes that are compared at a time, and characters that are read.
_PIECE = 1 << 20
# In a manifest: a digest of compiler/writing/identity.py.
_DIGEST = re.compile(r'"[0-9a-f]{16}"')


@dataclass(frozen=True, slots=True)
class WorkspaceFile:
    """A file of the workspace; the size is in bytes, the time as REANA writes it."""

    name: str
    size: int
    modified: str


def files(directory: Path, pattern: str) -> Iterator[WorkspaceFile]:
    """Yield the files of the workspace that ``pattern`` names, as :func:`patterns.find` says, in order."""
    for name, facts in patterns.find(directory / layout.WORKSPACE, pattern):
        written = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(facts.st_mtime))
        yield WorkspaceFile(file_name(name), facts.st_size, written)


# Whether a file has the value of a filter of `ls`, as on REANA's server: a part of the text, in any case.
LS_FILTERS: Mapping[str, Callable[[WorkspaceFile, str], bool]] = {
    "name": lambda file, value: value.casefold() in file.name.casefold(),
    "size": lambda file, value: value in str(file.size),
    "last-modified": lambda file, value: value.casefold() in file.modified.casefold(),
}
DU_FILTERS = ("name", "size")


def listed(directory: Path, pattern: str, filters: Iterable[tuple[str, str]]) -> list[WorkspaceFile]:
    """Return the files of the workspace that ``pattern`` names and that fit all filters of `ls`, in order."""
    wanted = [(LS_FILTERS[name], value) for name, value in filters]
    return [file for file in files(directory, pattern) if all(fits(file, value) for fits, value in wanted)]


def measured(directory: Path, filters: Iterable[tuple[str, str]]) -> list[WorkspaceFile]:
    """Return the files that the filters of `du` choose: of these names or patterns, and of these sizes.

    Several values of one filter are alternatives.
    """
    given = list(filters)
    names = [value for name, value in given if name == "name"] or ["**/*"]
    sizes = {value for name, value in given if name == "size"}
    found = {file.name: file for name in names for file in files(directory, name)}
    return [file for file in found.values() if not sizes or str(file.size) in sizes]


@dataclass(frozen=True, slots=True)
class Download:
    """What a name gave: the files or folders that were copied whole, and why others were not."""

    copied: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()  # of all files that can be read


def declared_outputs(directory: Path) -> list[str]:
    """Return the outputs that the analysis declares, as it writes them."""
    return list(Run(directory).manifest.outputs)


def download(directory: Path, name: str, output: Path | None) -> Download:
    """Copy what a name or pattern stands for in the workspace to the same paths below ``output``.

    Only regular files are copied, and no link is followed, as on REANA's server. Refused if ``output`` cannot be
    written. Without ``output``, nothing is copied, and the answer says what can be read.
    """
    root = directory / layout.WORKSPACE
    try:
        is_folder = patterns.is_inside(name) and patterns.is_folder(root, name)
        found = [path for path, _ in patterns.find(root, name)]
    except OSError as error:
        return Download(faults=(f"{file_name(name)}: {error.strerror}",))
    if is_folder and output is not None:
        _prepare(output, name)
    faults = {path: _copy(root, path, output) for path in found}
    copied = [path for path in found if not faults[path]]
    whole = is_folder and copied == found
    shown = (name,) if whole else tuple(map(file_name, copied))
    return Download(shown, tuple(filter(None, faults.values())), tuple(copied))


def texts(directory: Path, paths: Iterable[str]) -> Iterator[str]:
    """Yield the contents of files, in pieces. Bytes that are not UTF-8 are Python's surrogates for them."""
    root = directory / layout.WORKSPACE
    for path in paths:
        with opened(root, path) as source, io.TextIOWrapper(source, "utf-8", "surrogateescape", newline="") as text:
            while piece := _read(text, root / path):
                yield piece


def _read(text: io.TextIOWrapper, path: Path) -> str:
    with naming(path):
        return text.read(_PIECE)


def _prepare(output: Path, folder: str = "") -> None:
    """Make ``output``, and a folder below it."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with entered(output, Path(os.path.normpath(folder)), make=True):
            pass
    except OSError as error:
        raise _cannot_write(error) from error


def _copy(root: Path, path: str, output: Path | None) -> str:
    """Copy a file and return why it could not be read; empty if all went well. Without ``output``, only open it."""
    try:
        with opened(root, path) as source:
            if output is None:
                return ""
            try:
                _prepare(output)
                copy(source, root / path, output, path)
            except OSError as error:
                if error.filename != str(root / path):
                    raise _cannot_write(error) from error
                raise
    except OSError as error:
        return f"{file_name(path)}: {error.strerror}"
    return ""


def _cannot_write(error: OSError) -> Refused:
    return refuse("cannot-write", f"{error.filename}: {error.strerror}.")


def differences(first: Path, second: Path, left_behind: tuple[str, ...]) -> dict[str, list[str]]:
    """Return how two runs differ, line by line: in what they run, and in their workspaces.

    ``left_behind`` are the beginnings of names among the batch files that the batch system wrote.
    """
    return {
        "what is run": _text_differences(Run(first), Run(second), left_behind),
        "workspace": _file_differences(first / layout.WORKSPACE, second / layout.WORKSPACE),
    }


def _text_differences(first: Run, second: Run, left_behind: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    texts = (_batch_files(first, left_behind), _batch_files(second, left_behind))
    for name in sorted(texts[0].keys() | texts[1].keys()):
        before, after = (_lines(files.get(name)) for files in texts)
        if before != after:
            old, new = (f"{run.directory.name}/{name}" for run in (first, second))
            lines += difflib.unified_diff(before, after, old, new, lineterm="")
    return lines


def _batch_files(run: Run, left_behind: tuple[str, ...]) -> dict[str, Path]:
    """Return the batch files of a run and its expansions, by their names as the user knows them."""
    return {
        part.path + name: part.directory / layout.BATCH / name
        for part in run.parts()
        for name in _names(part.directory / layout.BATCH)
        if not name.startswith(left_behind)
    }


def _file_differences(first: Path, second: Path) -> list[str]:
    facts = (dict(walk(first)), dict(walk(second)))
    lines = [f"Only in {first.parent.name}: {name}" for name in sorted(facts[0].keys() - facts[1].keys())]
    lines += [f"Only in {second.parent.name}: {name}" for name in sorted(facts[1].keys() - facts[0].keys())]
    for name in sorted(facts[0].keys() & facts[1].keys()):
        if not _equal(name, (first, facts[0][name]), (second, facts[1][name])):
            lines.append(f"Files differ: {name}")
    return [file_name(line) for line in lines]


def _equal(name: str, *files: tuple[Path, os.stat_result]) -> bool:
    """Return whether two files are equal: of one kind, and of one content; links are not followed."""
    [kind, *others] = [kind_of(facts.st_mode) for _, facts in files]
    if others != [kind]:
        return False
    if kind:
        return kind != "a link" or len({os.readlink(root / name) for root, _ in files}) == 1
    if len({facts.st_size for _, facts in files}) > 1:
        return False
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(opened(root, name)) for root, _ in files)
        while piece := first.read(_PIECE):
            if piece != second.read(_PIECE):
                return False
        return not second.read(1)


def _names(root: Path) -> set[str]:
    return {name for name, _ in walk(root)}


def _lines(path: Path | None) -> list[str]:
    """Return the lines of a batch file, without digests of others, which are compared themselves."""
    text = read_regular(path).decode("utf-8", "replace") if path else ""
    return (_DIGEST.sub('""', text) if path and path.name == layout.MANIFEST.rpartition("/")[2] else text).splitlines()
