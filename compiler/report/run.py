"""A run as programs and the command line look at it.

:mod:`reana_batch` itself exports :class:`Run`. Looking at a run loads no compiler.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from reana_batch.lifecycle.status import RunStatus, status_of
from reana_batch.run import logs, parts
from reana_batch.run.failures import Failure


class Run:
    """A run directory, to look at; looking changes nothing.

    What was compiled is read once. A run that is compiled again into the same directory needs a new object.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Open the run in a directory. Raises :class:`Refused` if there is none, or a damaged one."""
        self._run = parts.Run(Path(directory))

    @property
    def directory(self) -> Path:
        """The directory, as it was given."""
        return self._run.directory

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r})"

    def status(self) -> RunStatus:
        """Return what the run's records say, and the batch system where they do not say all.

        If the batch system does not answer, ``state`` is ``unknown`` and ``silence`` says why.
        """
        return status_of(self._run)

    def progress(self) -> Sequence[parts.StepProgress]:
        """Return the counts of jobs by step, from the records alone; no batch system is asked."""
        return self._run.progress()

    def failures(self) -> Sequence[Failure]:
        """Return the failed jobs, the first to start in front; the batch system is asked as for the status."""
        return self.status().failures

    def logs(self, step: str | None = None, *, row: int | None = None, all_jobs: bool = False) -> Sequence[logs.JobLog]:
        """Return the logs of a step, by its name or label, or of one of its rows.

        Without a step, of all jobs that failed, and if none did, or with ``all_jobs``, of all that have started. Raises
        :class:`Refused` if there is no such step or row.
        """
        return logs.select(self._run, step, row, all_jobs=all_jobs)

    def follow_logs(self, step: str | None = None, *, row: int | None = None) -> Iterator[str]:
        """Yield the logs and what is added to them, until the run has ended."""
        return logs.follow(lambda: self.logs(step, row=row, all_jobs=True), lambda: self.status().state)
