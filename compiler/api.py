"""The library call: what other programs and the command line do with an analysis and with a run.

:mod:`reana_batch` itself exports these names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from reana_batch.compilation import Compilation, Options
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle import creation, status
from reana_batch.pipeline import compile_spec
from reana_batch.reading.analysis import find_spec
from reana_batch.run import logs, parts
from reana_batch.run.failures import Failure

# A file or directory.
AnyPath = str | os.PathLike[str]

# Values by name, or texts NAME=VALUE as on the command line.
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
) -> Compilation:
    """Return the compilation of an analysis: its workflow for one batch system, and the warnings.

    ``path`` is the analysis or its directory; the default is the current directory. The other arguments are the
    options of ``reana-batch compile``. Nothing is written. Raises :class:`Refused` with every fault of the analysis.
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
    )
    return compile_spec(find_spec(None if path is None else Path(path), Path()), options, Diagnostics())


def _words(given: Assignments) -> tuple[str, ...]:
    """Return assignments as on the command line."""
    if isinstance(given, Mapping):
        return tuple(f"{name}={_text(value)}" for name, value in given.items())
    return tuple(given)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def write_run(compilation: Compilation, directory: AnyPath, *, force: bool = False) -> Run:
    """Write the run directory of a compilation, with its inputs, and return the run.

    With ``force`` it replaces the run that is in the directory. Raises :class:`Refused` if the directory is in use or
    cannot be written.
    """
    creation.write_run(compilation, Path(directory), force=force)
    return Run(directory)


class Run:
    """A run directory, to look at; looking changes nothing."""

    def __init__(self, directory: AnyPath) -> None:
        """Open the run in a directory. Raises :class:`Refused` if there is none, or a damaged one."""
        self.directory = Path(directory)
        parts.Run(self.directory)

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r})"

    def status(self) -> status.RunStatus:
        """Return what the run's records say, and the batch system where they do not say all.

        If the batch system does not answer, ``state`` is ``unknown`` and ``silence`` says why.
        """
        return status.status(self.directory)

    def progress(self) -> Sequence[parts.StepProgress]:
        """Return the counts of jobs by step, from the records alone; no batch system is asked."""
        return parts.Run(self.directory).progress()

    def failures(self) -> Sequence[Failure]:
        """Return the failed jobs, the first to start in front; the batch system is asked as for the status."""
        return self.status().failures

    def logs(self, step: str | None = None, *, row: int | None = None) -> Sequence[logs.JobLog]:
        """Return the logs of a step, by its name or label, or of one of its rows.

        Without a step, of all jobs that failed, and if none did, of all that have started. Raises :class:`Refused` if
        there is no such step or row.
        """
        return logs.select(self.directory, step, row)

    def follow_logs(self, step: str | None = None, *, row: int | None = None) -> Iterator[str]:
        """Yield the logs and what is added to them, until the run has ended."""
        return logs.follow(lambda: logs.select(self.directory, step, row, all_jobs=True), lambda: self.status().state)
