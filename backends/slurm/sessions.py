"""Sessions on Slurm: each is a job by itself, on the cluster of its run."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reana_batch.backends.drivers import SessionJobs
from reana_batch.backends.slurm.reasons import cure
from reana_batch.backends.slurm.requests import minutes
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.diagnostics import refuse
from reana_batch.run.queue import QueuedJob
from reana_batch.site import Site
from reana_batch.writing.render import File, render

_SCRIPT = "job.sbatch"


def _files(site: Site, seconds: int) -> Iterator[File]:
    settings = site.of(SlurmSettings)
    script = render(
        "slurm/session.sbatch.j2",
        "sbatch",
        minutes=minutes(seconds),
        partition=settings.partition or "",
        account=settings.account or "",
        qos=settings.qos or "",
    )
    yield File(_SCRIPT, script)


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The functions, with those of the driver that they use."""

    call: Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]]
    cluster: Callable[[Path], Mapping[str, str]]  # the variables that name the cluster of a run
    queued: Callable[[str, str, str], QueuedJob]  # a job from its id, state and reason

    def submit(self, folder: Path, _place: Mapping[str, str]) -> str:
        with contextlib.chdir(folder):
            done = self.call(["sbatch", "--parsable", _SCRIPT], self.cluster(folder.parents[1]))
        if done.returncode != 0:
            said = " ".join(done.stderr.split())
            raise refuse("scheduler", f"Slurm did not accept the session: {said}", hint=cure(said))
        return done.stdout.strip().partition(";")[0]  # the name of another cluster may follow

    def query(self, folder: Path, job: str, _place: Mapping[str, str]) -> QueuedJob | None:
        words = ["squeue", "--noheader", "--states=all", "--Format=State:|,Reason:|", f"--jobs={job}"]
        shown = self._ask(words, folder)
        state, bar, reason = shown.strip().removesuffix("|").partition("|")
        return self.queued(job, state, reason) if bar else None

    def cancel(self, folder: Path, job: str, _place: Mapping[str, str]) -> None:
        self._ask(["scancel", "--quiet", job], folder)

    def _ask(self, words: list[str], folder: Path) -> str:
        """Return the output of a tool. Empty if Slurm does not know the job any more."""
        done = self.call(words, self.cluster(folder.parents[1]))
        if done.returncode != 0 and "Invalid job id" not in done.stderr:
            raise refuse("scheduler", f"{words[0]} failed: {' '.join(done.stderr.split())}")
        return done.stdout if done.returncode == 0 else ""


def session_jobs(
    call: Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]],
    cluster: Callable[[Path], Mapping[str, str]],
    queued: Callable[[str, str, str], QueuedJob],
) -> SessionJobs:
    """Return the functions for sessions, which use these functions of the driver."""
    jobs = _Jobs(call, cluster, queued)
    return SessionJobs(_files, jobs.submit, jobs.query, jobs.cancel)
