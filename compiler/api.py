"""The library call: what other programs and the command line do with an analysis.

:mod:`reana_batch` exports these names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from reana_batch.compilation import Compilation, Options
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle import creation
from reana_batch.pipeline import compile_spec
from reana_batch.reading.analysis import find_spec
from reana_batch.report.run import Run

# A file or directory.
AnyPath = str | os.PathLike[str]

# Values under their names, or texts NAME=VALUE as on the command line.
Assignments = Mapping[str, object] | Iterable[str]


def compile_workflow(
    path: AnyPath | None = None,
    *,
    parameters: Assignments = (),
    operational_options: Assignments = (),
    site: str | None = None,
    settings: Assignments = (),
    backend: str | None = None,
    fuse: bool = False,
    queue_time: int | None = None,
    rows_per_job: int | str | None = None,
    measured: AnyPath | None = None,
    strict: bool = False,
    strict_outputs: bool = False,
    lenient: bool = False,
    ignore_unsupported: bool = False,
    without_secrets: bool = False,
) -> Compilation:
    """Return the compilation of an analysis: its workflow for one batch system, and the warnings.

    ``path`` is the analysis or its directory. The default is the current directory. The other arguments are the
    options of ``reana-batch compile``. Nothing is written. A faulty analysis raises :class:`Refused` with all faults.
    """
    own = {"queue_time": queue_time, "rows_per_job": rows_per_job}
    given = {name: value for name, value in own.items() if value is not None}
    options = Options(
        parameters=_words(parameters),
        operational_options=_words(operational_options),
        site=site,
        settings=(*_words(settings), *_words(given)),
        backend=backend,
        fuse=fuse,
        strict_outputs=strict_outputs,
        strict=strict,
        measured=None if measured is None else Path(measured),
        lenient=lenient,
        ignore_unsupported=ignore_unsupported,
        without_secrets=without_secrets,
    )
    return compile_spec(find_spec(None if path is None else Path(path), Path()), options, Diagnostics())


def _words(given: Assignments) -> tuple[str, ...]:
    """Return assignments in the form of the command line."""
    if isinstance(given, Mapping):
        return tuple(f"{name}={_text(value)}" for name, value in given.items())
    return tuple(given)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def write_run(compilation: Compilation, directory: AnyPath, *, force: bool = False) -> Run:
    """Write the run directory of a compilation, with its inputs, and return the run.

    With ``force`` it replaces the run in the directory. Raises :class:`Refused` if the directory is in use or
    cannot be written.
    """
    creation.write_run(compilation, Path(directory), force=force)
    return Run(directory)
