"""Copying the declared inputs into a run's workspace, as REANA uploads them.

A file keeps its relative path. What .gitignore and .reanaignore name is left out of declared
directories, never of declared files; empty directories are not copied (reana-client).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pathspec

from reana_batch.diagnostics import Diagnostics
from reana_batch.spec import Spec

_IGNORE_FILES = (".gitignore", ".reanaignore")


def input_paths(spec: Spec, diagnostics: Diagnostics) -> Iterator[str]:
    """Yield every input file relative to the analysis, declared ones first; record links that lead out."""
    yield from dict.fromkeys((*spec.input_files, *spec.tests))
    for index, directory in enumerate(spec.input_directories):
        place = spec.document.place(["inputs", "directories", index])
        for path in _walk(spec.directory, directory):
            if (spec.directory / path).resolve().is_relative_to(spec.directory):
                yield path
            else:
                message = f'"{path}" leads out of the analysis.'
                diagnostics.error("input-symlink", message, place, "copy the data, or name it in .reanaignore.")


def _walk(root: Path, directory: str) -> Iterator[str]:
    ignored = _ignored(root)
    for folder, folders, files in os.walk(root / directory):
        folders.sort()
        relative = os.path.relpath(folder, root)
        for name in sorted(files):
            path = os.path.normpath(os.path.join(relative, name))
            if not ignored.match_file(path):
                yield path
        # A link to a directory is one entry, not a tree to walk into.
        yield from (
            os.path.normpath(os.path.join(relative, name))
            for name in folders
            if os.path.islink(os.path.join(folder, name))
        )


def _ignored(root: Path) -> pathspec.GitIgnoreSpec:
    lines: list[str] = []
    for name in _IGNORE_FILES:
        if (root / name).is_file():
            lines += (root / name).read_text("utf-8").splitlines()
    return pathspec.GitIgnoreSpec.from_lines(lines)


def copy_inputs(spec: Spec, paths: list[str], workspace: Path) -> None:
    """Copy ``paths`` of the analysis to the same relative paths in ``workspace``."""
    for path in paths:
        source, target = spec.directory / path, workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
