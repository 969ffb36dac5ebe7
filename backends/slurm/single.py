"""Jobs of Slurm that belong to no step. Those of a session are on the cluster of its run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from reana_batch.backends.drivers import SingleJobs
from reana_batch.backends.slurm import tools
from reana_batch.backends.slurm.jobs import queued_job
from reana_batch.backends.slurm.reasons import cure
from reana_batch.backends.slurm.requests import minutes
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.diagnostics import refuse
from reana_batch.run.queue import QueuedJob
from reana_batch.site import Site
from reana_batch.writing.render import File, render

_SCRIPT = "job.sbatch"


def _files(site: Site, name: str, seconds: int) -> Iterator[File]:
    settings = site.of(SlurmSettings)
    script = render(
        "slurm/single.sbatch.j2",
        "sbatch",
        name=name,
        minutes=minutes(seconds),
        partition=settings.partition or "",
        account=settings.account or "",
        qos=settings.qos or "",
    )
    yield File(_SCRIPT, script)


def _submit(folder: Path, _place: Mapping[str, str]) -> str:
    with contextlib.chdir(folder):
        done = tools.run(["sbatch", "--parsable", _SCRIPT], tools.cluster_of(folder.parents[1]))
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise refuse("scheduler", f"Slurm did not accept the job: {said}", hint=cure(said))
    return done.stdout.strip().partition(";")[0]  # the name of another cluster may follow


def _query(folder: Path, job: str, _place: Mapping[str, str]) -> QueuedJob | None:
    shown = _ask(["squeue", "--noheader", "--states=all", "--Format=State:|,Reason:|", f"--jobs={job}"], folder)
    state, bar, reason = shown.strip().removesuffix("|").partition("|")
    return queued_job(job, state, reason) if bar else None


def _cancel(folder: Path, job: str, _place: Mapping[str, str]) -> None:
    _ask(["scancel", "--quiet", job], folder)


def _ask(words: list[str], folder: Path) -> str:
    """Return the output of a tool. Empty if Slurm does not know the job any more."""
    done = tools.run(words, tools.cluster_of(folder.parents[1]))
    if done.returncode != 0 and "Invalid job id" not in done.stderr:
        raise refuse("scheduler", f"{words[0]} failed: {' '.join(done.stderr.split())}")
    return done.stdout if done.returncode == 0 else ""


SINGLE = SingleJobs(_files, _submit, _query, _cancel)
