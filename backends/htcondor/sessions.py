"""Sessions on HTCondor: each is a job by itself, at the schedd of its run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reana_batch.backends.drivers import SessionJobs
from reana_batch.backends.htcondor.requests import time_limit
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.run.queue import Queue, QueuedJob
from reana_batch.site import Site
from reana_batch.writing.render import File, render

_SCRIPT = "job.sub"


def _files(site: Site, seconds: int) -> Iterator[File]:
    settings = site.of(HTCondorSettings)
    script = render(
        "htcondor/session.sub.j2",
        "sub",
        seconds=seconds,
        time_limit=time_limit(seconds),
        cern=settings.job_flavours,
        account=settings.accounting_group or "",
    )
    yield File(_SCRIPT, script)


class Tool(Protocol):
    """The function of the driver that runs a tool of HTCondor and returns its output."""

    def __call__(self, name: str, *arguments: str, tolerate: str = "", settings: Mapping[str, str]) -> str: ...


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The functions, with those of the driver that they use."""

    tool: Tool
    settings: Callable[[Mapping[str, str]], Mapping[str, str]]  # the variables that name a schedd
    where: Callable[[str, Mapping[str, str]], Queue]  # the jobs for which an expression is true

    def submit(self, folder: Path, place: Mapping[str, str]) -> str:
        with contextlib.chdir(folder):
            return self.tool("condor_submit", "-terse", _SCRIPT, settings=self.settings(place)).split()[0]

    def query(self, _folder: Path, job: str, place: Mapping[str, str]) -> QueuedJob | None:
        cluster, _, number = job.partition(".")
        found = self.where(f"ClusterId == {int(cluster)} && ProcId == {int(number)}", self.settings(place)).jobs
        return found[0] if found else None

    def cancel(self, _folder: Path, job: str, place: Mapping[str, str]) -> None:
        self.tool("condor_rm", job, tolerate="not found", settings=self.settings(place))


def session_jobs(
    tool: Tool,
    settings: Callable[[Mapping[str, str]], Mapping[str, str]],
    where: Callable[[str, Mapping[str, str]], Queue],
) -> SessionJobs:
    """Return the functions for sessions, which use these functions of the driver."""
    jobs = _Jobs(tool, settings, where)
    return SessionJobs(_files, jobs.submit, jobs.query, jobs.cancel)
