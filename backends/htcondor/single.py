"""Jobs of HTCondor that belong to no step. Those of a session are at the schedd of its run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from reana_batch.backends.drivers import SingleJobs
from reana_batch.backends.htcondor import tools
from reana_batch.backends.htcondor.jobs import jobs_where
from reana_batch.backends.htcondor.requests import time_limit
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.run.queue import QueuedJob
from reana_batch.site import Site
from reana_batch.writing.probe import FACTS, probe_files
from reana_batch.writing.render import File, render

_SCRIPT = "job.sub"
# What to do about a session that is held because it needed more.
_AGAIN = "to start it again: reana-batch close, then reana-batch open"
_CURES = {"memory": _AGAIN, "runtime": f"{_AGAIN} --runtime TIME"}


def _files(site: Site, name: str, seconds: int) -> Iterator[File]:
    settings = site.of(HTCondorSettings)
    script = render(
        "htcondor/single.sub.j2",
        "sub",
        name=name,
        seconds=seconds,
        time_limit=time_limit(seconds),
        cern=settings.job_flavours,
        send_credential=settings.send_credential,
        account=settings.accounting_group or "",
        # A session needs a shared directory, so only the probe gets its files so.
        sent=[file.path for file in probe_files(site, "", {})] if settings.file_transfer else [],
        returned=FACTS,
    )
    yield File(_SCRIPT, script)


def _submit(folder: Path, place: Mapping[str, str]) -> str:
    with contextlib.chdir(folder):
        return tools.tool("condor_submit", "-terse", _SCRIPT, settings=tools.variables_of(place)).split()[0]


def _query(_folder: Path, job: str, place: Mapping[str, str]) -> QueuedJob | None:
    cluster, _, number = job.partition(".")
    which = f"ClusterId == {int(cluster)} && ProcId == {int(number)}"
    found = jobs_where(which, tools.variables_of(place), cures=_CURES).jobs
    return found[0] if found else None


def _cancel(_folder: Path, job: str, place: Mapping[str, str]) -> None:
    tools.tool("condor_rm", job, tolerate="not found", settings=tools.variables_of(place))


SINGLE = SingleJobs(_files, _submit, _query, _cancel)
