"""Compiling an expansion: the part of a workflow that only the run can know."""

from __future__ import annotations

import tempfile
from pathlib import Path

from reana_batch import layout
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle.creation import cannot_write, fill
from reana_batch.pipeline import compile_expansion


def expand(run: Path, name: str, diagnostics: Diagnostics) -> Path:
    """Compile what follows from an expansion of ``run``, whose jobs are done; return the directory it is in.

    That has the form of a run, and its workspace is a link to the one there is. What was compiled
    before stays as it is. Raises :class:`Refused` with every fault.
    """
    directory = run / layout.expansion_folder(name)
    if not (directory / layout.MANIFEST).exists():
        _write_expansion(compile_expansion(run, name, diagnostics), directory)
    return directory


def _write_expansion(compilation: Compilation, directory: Path) -> None:
    """Write ``directory``, whole or not at all, for its job can be ended at any time."""
    try:
        directory.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{directory.name}.", dir=directory.parent) as temporary:
            made = Path(temporary) / directory.name
            made.mkdir(mode=0o700)
            fill(compilation, made)
            for name in layout.SHARED:
                (made / name).symlink_to(Path("../..") / name)
            made.rename(directory)  # over the empty one
    except OSError as error:
        if (directory / layout.MANIFEST).exists():
            return  # the same job, started twice, has compiled the same
        raise cannot_write(error, directory) from error
