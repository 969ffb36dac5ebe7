"""The class ``Run``, with which programs and the command line read the state of a run.

:mod:`reana_batch` itself exports it. This module does not load the compiler.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from reana_batch.lifecycle import requests
from reana_batch.lifecycle.status import RunStatus, status_of
from reana_batch.run import failures, logs, parts
from reana_batch.run.failures import Failure


class Run:
    """A run directory. The methods read it and change nothing.

    The manifest is read once. If a run is compiled again into the same directory, it needs a new object.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Open the run in a directory. Raises :class:`Refused` if the run is missing or damaged."""
        self._run = parts.Run(Path(directory))

    @property
    def directory(self) -> Path:
        """The directory that was given."""
        return self._run.directory

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r})"

    def status(self) -> RunStatus:
        """Return the status of the run. The batch system is asked only if the records are not enough.

        If it does not answer, ``state`` is ``unknown`` and ``silence`` says why.
        """
        return status_of(self._run)

    def progress(self) -> Sequence[parts.StepProgress]:
        """Return the numbers of jobs of each step, from the records. No batch system is asked."""
        return self._run.progress()

    def failures(self) -> Sequence[Failure]:
        """Return the failed jobs in the order of their starts. The batch system is asked as in :meth:`status`."""
        return self.status().failures

    def logs(self, step: str | None = None, *, row: int | None = None, all_jobs: bool = False) -> Sequence[logs.JobLog]:
        """Return the logs of a step, or of one of its rows. The step has its name or label.

        Without a step, return the logs of all failed jobs. If none failed, or with ``all_jobs``, return the logs of all
        started jobs. Raises :class:`Refused` if the step or row does not exist.
        """
        return logs.select(self._run, step, row, all_jobs=all_jobs)

    def cure(self) -> str:
        """Return the command that gives failed jobs the memory or time that they lacked.

        Empty if no job lacked any, or while the run goes on. The batch system is asked if a job lacked some.
        """
        lacked = requests.cure(self._run, failures.failures(self._run))
        return requests.cure_of(self.status()) if lacked else ""

    def follow_logs(self, step: str | None = None, *, row: int | None = None) -> Iterator[str]:
        """Yield the logs, and new output until the run has ended."""
        return logs.follow(lambda: self.logs(step, row=row, all_jobs=True), lambda: self.status().state)
