"""Copying of the declared inputs into a run's workspace, as REANA uploads them.

A file keeps its relative path. As in reana-client, .gitignore and .reanaignore exclude files of declared directories,
but no declared files. Empty directories are not copied.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pathspec

from reana_batch import layout
from reana_batch.diagnostics import Diagnostics
from reana_batch.files import naming, read_regular
from reana_batch.ir import MadeFile
from reana_batch.reading.expressions import is_data_reference
from reana_batch.reading.inputs import path_problem
from reana_batch.reading.spec import Spec

_IGNORE_FILES = (".gitignore", ".reanaignore")


def input_paths(spec: Spec, diagnostics: Diagnostics) -> Iterator[str]:
    """Yield the path of every input file in the analysis, declared files first.

    A link that leads out of the analysis is recorded as an error.
    """
    declared = dict.fromkeys(path for path in (*spec.input_files, *spec.tests) if not is_data_reference(path))
    root = str(spec.directory)
    # Missing files have been reported.
    yield from (path for path in declared if os.path.exists(os.path.join(root, path)))
    for index, directory in enumerate(spec.input_directories):
        sound = not (is_data_reference(directory) or path_problem(directory)) and _is_inside(spec, directory)
        if not sound or not os.path.isdir(spec.directory / directory):
            continue  # this has been reported
        place = spec.document.place(["inputs", "directories", index])
        for path in _walk(spec.directory, directory):
            problem = _link_problem(spec, path)
            if problem:
                hint = "copy the data, or name it in .reanaignore."
                diagnostics.error("input-symlink", f'"{path}" {problem}.', place, hint)
            else:
                yield path


def _is_inside(spec: Spec, path: str) -> bool:
    return Path(os.path.realpath(spec.directory / path)).is_relative_to(spec.directory)


def _link_problem(spec: Spec, path: str) -> str:
    if not _is_inside(spec, path):
        return "leads out of the analysis"
    if (spec.directory / path).is_dir():
        return "leads back to a directory that has been copied already"
    return "" if (spec.directory / path).is_file() else "is a link to nothing, or not an ordinary file"


def _walk(root: Path, directory: str) -> Iterator[str]:
    """Yield the files below a directory as paths below ``root``. Links to directories are followed."""
    ignored = _ignored(root)
    pending, entered = [os.path.normpath(directory)], set()
    while pending:
        folder = pending.pop()
        where = os.path.realpath(root / folder)
        if where in entered or not where.startswith(os.path.realpath(root)):
            yield folder  # a circle, or a link that leads out; the caller reports it
            continue
        entered.add(where)
        inner = []
        for name in sorted(os.listdir(root / folder)):
            path = os.path.normpath(os.path.join(folder, name))
            is_folder = (root / path).is_dir()
            if ignored.match_file(f"{path}/" if is_folder else path) or (root / path / layout.MANIFEST).is_file():
                continue  # a run inside the analysis is not an input
            if is_folder:
                inner.append(path)
            else:
                yield path
        pending += reversed(inner)


def _ignored(root: Path) -> pathspec.GitIgnoreSpec:
    lines: list[str] = []
    for name in _IGNORE_FILES:
        if (root / name).is_file():
            lines += os.fsdecode(read_regular(root / name)).splitlines()
    return pathspec.GitIgnoreSpec.from_lines(lines)


def copy_inputs(spec: Spec, paths: list[str], workspace: Path) -> None:
    """Copy these files of the analysis to the same relative paths in ``workspace``."""
    for path in paths:
        target = workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(spec.directory / path, target)


def write_made(files: Iterable[MadeFile], workspace: Path) -> None:
    """Write the files that a front end made while it read the workflow. They replace existing files."""
    for file in files:
        target = workspace / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.content is None and not file.link:
            target.mkdir(mode=file.mode, exist_ok=True)
            continue
        target.unlink(missing_ok=True)
        if file.link:
            target.symlink_to(file.link)
        else:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
            with naming(target), open(descriptor, "wb") as stream:
                stream.write(file.content or b"")
