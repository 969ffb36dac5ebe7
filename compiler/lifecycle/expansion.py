"""Compilation of an expansion: a part of the workflow that only the run can know."""

from __future__ import annotations

import tempfile
from pathlib import Path

from reana_batch import layout
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle.creation import cannot_write, fill
from reana_batch.pipeline import compile_expansion
from reana_batch.run.parts import link_shared


def expand(run: Path, name: str, diagnostics: Diagnostics) -> Path:
    """Compile an expansion of ``run`` whose parents are done, and return its directory.

    The directory has the form of a run, with a link to the workspace of ``run``. If it has been compiled before,
    nothing changes. Raises Refused with every fault.
    """
    directory = run / layout.expansion_folder(name)
    if not (directory / layout.MANIFEST).exists():
        _write_expansion(compile_expansion(run, name, diagnostics), directory)
    return directory


def _write_expansion(compilation: Compilation, directory: Path) -> None:
    """Write ``directory`` completely or not at all. The planner can be killed at any time."""
    try:
        directory.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{directory.name}.", dir=directory.parent) as temporary:
            made = Path(temporary) / directory.name
            made.mkdir(mode=0o700)
            fill(compilation, made)
            link_shared(made)
            made.rename(directory)  # it replaces the empty directory
    except OSError as error:
        if (directory / layout.MANIFEST).exists():
            return  # the planner was started twice, and the other instance has compiled the same
        raise cannot_write(error, directory) from error
