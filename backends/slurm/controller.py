"""The driver of Slurm: it submits a chain to slurmctld, queries slurmctld, and cancels the chain.

It uses Slurm's own tools. The output that it reads is the same in 22.05, 24.11 and 25.11. The manual of squeue warns
against queries in a loop. So nothing here does that, except for some seconds after jobs were released.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from reana_batch import layout
from reana_batch.backends.drivers import Driver, Requests
from reana_batch.backends.slurm import interactive, tools
from reana_batch.backends.slurm.accounts import accounts
from reana_batch.backends.slurm.examination import examine
from reana_batch.backends.slurm.jobs import ENDINGS, STATES, queued_job
from reana_batch.backends.slurm.journal import FINALISER, JOURNAL, jobs_of, jobs_of_part, lines_of
from reana_batch.backends.slurm.reasons import RELEASABLE, cure
from reana_batch.backends.slurm.requests import SETTINGS, queued, with_requests
from reana_batch.backends.slurm.single import SINGLE
from reana_batch.diagnostics import Refused, refuse
from reana_batch.run.parts import Run
from reana_batch.run.queue import ALL_DONE, LINGERING, JobState, Queue, QueuedJob, Submission, Trace
from reana_batch.run.reasons import UNDER_WAY
from reana_batch.run.records import StepRecords

_UNDER_WAY = "state/slurm.submitting"
# The reason that is shown for a run that has lost its finaliser.
_LOST = "it is gone, so jobs that can never start stay in the queue; to continue: reana-batch resume"
# How often resume looks for jobs that compute nodes refuse, and the seconds between.
_LOOKS, _PAUSE = 8, 2

# A job as squeue shows it: id, state, reason, number of requeues, and working directory. If the directory contains a
# line break, only its beginning is read.
_FIELDS = "JobArrayID:|,State:|,Reason:|,RestartCnt:|,WorkDir:|"
_SHOWN = re.compile(r"^([^|\n]+)\|([^|\n]+)\|([^|\n]*)\|(\d*)\|(.*?)\|?$", re.MULTILINE)
# A job with so many requeues counts as requeued in a loop. sacct has these words for each.
_MANY_RESTARTS = 3
_REQUEUES = {
    "REQUEUED": "requeued",
    "PREEMPTED": "preempted",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
}

_GIVE_UP = "if this goes on, stop the run"


def submit(run: Run, _place: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Submit the chains of ``run`` and return the ids of their jobs and arrays.

    If Slurm refuses a job, submit.sh cancels all accepted ones. It also records the cluster, even if the user calls it.
    A run that is resumed has one chain for each part, except the parts that the planner of an expansion will submit.
    Inner parts come first, because the gates of a chain wait for the jobs of inner parts.
    """
    if (run.directory / layout.RESTARTED).exists():
        for part in run.parts():
            with contextlib.suppress(FileNotFoundError):
                (part.directory / JOURNAL).replace(part.directory / f"{JOURNAL}.old")
    parts = [*_open_parts(run)]
    try:
        for part in reversed(parts):
            _submit_chain(part.directory)
        _submit_chain(run.directory)
    except BaseException:
        if parts:
            cancel(run.directory)
        raise
    return list(jobs_of(run))


def _open_parts(run: Run) -> Iterator[Run]:
    """Yield the parts that are not done. If the planner of a part may still submit it, it is omitted."""
    for part in run.parts():
        steps = part.manifest.steps_by_name()
        for name, compiled in part.compiled().items():
            done = part.step_progress(steps[name]).done
            if done and not compiled.is_complete(compiled.progress()):
                yield compiled


def submit_part(part: Run) -> None:
    """Submit a chain to Slurm, unless Slurm has accepted it before. An interrupted submission starts again.

    Slurm may start a job twice. Then one instance waits while the other submits.
    """
    directory = part.directory
    while not _is_accepted(directory):
        try:
            _submit_chain(directory)
        except _UnderWay:
            time.sleep(1)
        except Refused:
            if not _is_accepted(directory):  # the other instance may have just finished
                raise


def _is_accepted(directory: Path) -> bool:
    return (directory / JOURNAL).exists() and not (directory / _UNDER_WAY).exists()


class _UnderWay(Refused):
    """Another process is submitting the same chain."""


def _submit_chain(directory: Path) -> None:
    # No time limit, because a chain of many steps takes long. submit.sh has a time limit for each call.
    command, pipe = ["bash", "batch/submit.sh", sys.executable], subprocess.PIPE
    environment = os.environ | tools.cluster_of(directory)
    with subprocess.Popen(
        command, cwd=directory, stdout=subprocess.DEVNULL, stderr=pipe, text=True, env=environment
    ) as script:
        try:
            _, said = script.communicate()
        except KeyboardInterrupt:
            script.terminate()  # it cancels the accepted jobs, which takes a moment
            script.communicate()
            raise
    if script.returncode != 0:
        refused = refuse("scheduler", f"Slurm did not accept the workflow: {' '.join(said.split())}", hint=cure(said))
        raise _UnderWay(refused.diagnostics) if script.returncode == UNDER_WAY else refused
    sys.stderr.write(said)  # for example why pyslurm cannot be used


def trace(directory: Path) -> Trace:
    """Return whether files of submit.sh are there. The user may have called it by hand."""
    with contextlib.suppress(FileNotFoundError):
        if (directory / JOURNAL).stat().st_size:
            return Trace.ACCEPTED
    return Trace.ASKED if (directory / _UNDER_WAY).exists() else Trace.NONE


def query(directory: Path, _last: Submission | None = None) -> Queue:
    """Return the jobs of the run that slurmctld knows, with one or two calls of squeue.

    It asks for the jobs in submit.sh's journal, because the finaliser adds jobs to it after the submission. If squeue
    shows none, the default cluster may not be that of the run. So the second call asks the cluster of the run.
    """
    journal = jobs_of(Run(directory))
    queue = _query(directory, journal, {})
    if not queue.active:
        elsewhere = tools.cluster_of(directory)
        queue = _query(directory, journal, elsewhere) if elsewhere else queue
    return queue


def _query(directory: Path, journal: Mapping[str, tuple[str, int]], cluster: Mapping[str, str]) -> Queue:
    under_way = (directory / _UNDER_WAY).exists()
    if not journal and not under_way:
        return Queue(())
    # During a submission the journal may lack the last job.
    which = f"--user={os.getuid()}" if under_way else f"--jobs={','.join(journal)}"
    done = tools.run(["squeue", "--noheader", "--states=all", f"--Format={_FIELDS}", which], cluster)
    if done.returncode != 0 and "Invalid job id" not in done.stderr:  # which means: ended longer ago than MinJobAge
        raise refuse("scheduler", f"squeue failed: {' '.join(done.stderr.split())}")
    shown = [line.groups() for line in _SHOWN.finditer(done.stdout)]
    places = {place for *_, place in shown}
    ours = {place for place in places if _is_ours(Path(place).resolve(), directory.resolve())}
    elsewhere = {place for place in places if _is_elsewhere(place, directory)}
    mine = [
        each
        for each in shown
        if each[-1] in ours or (each[-1] not in elsewhere and each[0].partition("_")[0] in journal)
    ]
    run, jobs = Run(directory), [queued_job(job, word, why, journal) for job, word, why, *_ in mine]
    jobs = _with_requeues(jobs, {job: int(times or 0) for job, _, _, times, _ in mine}, cluster)
    held = any(why == "JobHeldUser" for _, _, why, _, place in mine if place in ours)
    cut_short = under_way and held and _was_cut_short(directory)
    lost = () if cut_short else _lost_finalisers(run, mine, journal.keys())
    return Queue((*_without_consequences(run, jobs), *lost), cut_short)


def _is_ours(place: Path, directory: Path) -> bool:
    """Return whether a job that works there is one of the run. Sessions are not."""
    return place.is_relative_to(directory) and not place.is_relative_to(directory / layout.SESSIONS)


def _was_cut_short(directory: Path) -> bool:
    """Return whether submit.sh died before its end. False if it runs on another machine, where it cannot be checked."""
    try:
        _, host, pid = (directory / _UNDER_WAY).read_text("utf-8").split()
    except (FileNotFoundError, ValueError):
        return False
    if host != os.uname().nodename:
        return False
    try:
        return not Path(f"/proc/{int(pid)}/cwd").resolve(strict=True).samefile(directory)
    except OSError:
        return True


def _is_elsewhere(working: str, directory: Path) -> bool:
    """Return whether the job belongs to another directory. A Slurm that lost its state reuses ids."""
    return os.path.isdir(working) and not Path(working).resolve().is_relative_to(directory.resolve())


def _without_consequences(run: Run, jobs: list[QueuedJob]) -> Iterator[QueuedJob]:
    """Yield the jobs, without reasons that only follow from failures of other jobs.

    If all rows of a failed job are done, its reason becomes that it was ended after its records were written.
    """
    failed = {job.id: job for job in jobs if job.step and job.reason == ENDINGS["FAILED"]}
    records = {part.name_of(step): part.records(step) for part, step in run.steps()} if failed else {}
    unable = {name for name, job in failed.items() if job.step in records and _is_skipped(records[job.step], job)}
    done = {name for name, job in failed.items() if job.step in records and _is_done(records[job.step], job)}
    jobs = [replace(job, reason=ALL_DONE) if job.id in done else job for job in jobs]
    told = {job.reason for job in jobs if job.state is JobState.ENDED and job.id not in unable}
    told -= {"", ENDINGS["CANCELLED"]}
    for job in jobs:
        consequence = job.id in unable or (told and job.reason == ENDINGS["CANCELLED"])
        is_tidying = not job.step and job.state is JobState.ENDED
        yield replace(job, reason="") if consequence or is_tidying else job


def _lost_finalisers(run: Run, shown: list[tuple[str, ...]], asked: Set[str]) -> Iterator[QueuedJob]:
    """Yield the finalisers that are missing in the queue.

    Of each part of the run, it is the last of each kind. A finaliser that is not among ``asked`` is not lost, because
    it was submitted after the query.
    """
    active = {job.partition("_")[0]: why for job, word, why, *_ in shown if STATES.get(word) is not JobState.ENDED}
    for part in run.parts() if active else []:
        finalisers, submitting = _finalisers(part), (part.directory / _UNDER_WAY).exists()
        whys = {active[job] for job, (step, _) in jobs_of_part(part).items() if step and job in active}
        # The finaliser for failures is needed only while a job waits for another.
        needed = {"end": bool(whys), "failure": any(why.startswith("Dependency") for why in whys)}
        for kind, ids in finalisers.items():
            if needed.get(kind) and not submitting and asked >= set(ids) and not active.keys() & set(ids):
                yield QueuedJob(ids[-1], "", (), JobState.HELD, _LOST)


def _finalisers(part: Run) -> dict[str, list[str]]:
    """Return the ids of a part's finalisers by kind, which is failure or end."""
    found: dict[str, list[str]] = {}
    for job, key, *_ in lines_of(part):
        if key.startswith(FINALISER):
            found.setdefault(key.removeprefix(FINALISER), []).append(job)
    return found


def _is_done(records: StepRecords, job: QueuedJob) -> bool:
    return set(records.done_chunks()).issuperset(job.chunks)


def _is_skipped(records: StepRecords, job: QueuedJob) -> bool:
    """Return whether a row of the job's chunks did not start because a parent failed."""
    return any(records.is_skipped(row) for chunk in job.chunks for row in records.step.chunk(chunk))


def cancel(directory: Path, _last: Submission | None = None) -> None:
    """Cancel all jobs of the run. Jobs that have ended are ignored.

    A planner may run for a moment longer and submit jobs. Those are cancelled too.
    """
    _cancel_known(directory)
    end = time.monotonic() + LINGERING
    while _is_expanding(directory) and time.monotonic() < end:
        time.sleep(1)
        _cancel_known(directory)


def _is_expanding(directory: Path) -> bool:
    """Return whether a planner may still run."""
    run = Run(directory)
    planners = {part.path + each.name for part in run.parts() for each in part.manifest.expansions}
    if not planners:
        return False
    begun = any(step.name in planners and step.running for step in run.progress())
    return begun and any(job.step in planners and job.state is not JobState.ENDED for job in query(directory).jobs)


def _cancel_known(directory: Path) -> None:
    elsewhere = tools.cluster_of(directory)
    journal = jobs_of(Run(directory))
    ids = list(journal)
    if (directory / _UNDER_WAY).exists():
        jobs = _query(directory, journal, elsewhere).jobs
        ids += {job.id.partition("_")[0] for job in jobs if job.state is not JobState.ENDED} - set(journal)
    if ids:
        done = tools.run(["scancel", "--quiet", *ids], elsewhere)
        if done.returncode != 0 and "Invalid job id" not in done.stderr:
            raise refuse("scheduler", f"scancel failed: {' '.join(done.stderr.split())}")


def release(directory: Path, _last: Submission, held: list[QueuedJob]) -> list[str]:
    """Release the held jobs that their owner may release, and return their ids.

    Lost finalisers are replaced, and the ids of the new ones are returned. After a crash slurmctld may have lost jobs
    that wait for held ones. Then all jobs are submitted again.
    """
    if _has_lost_jobs(directory):
        ids = _submit_again(directory)
    else:
        ids = _release(directory, held)
        lost = {job.id for job in held if job.reason == _LOST}
        for part in Run(directory).parts() if lost else []:
            kinds = [kind for kind, known in _finalisers(part).items() if lost & set(known)]
            ids += _replace(part, kinds) if kinds else []
    if ids:
        _release_refused(directory)
    return ids


def alter(directory: Path, _last: Submission, jobs: Sequence[QueuedJob], asked: Mapping[str, int | str]) -> None:
    """Change what jobs in the queue ask for."""
    ids = ",".join(job.id for job in jobs)
    done = tools.run(["scontrol", "update", f"JobId={ids}", *queued(asked)], tools.cluster_of(directory))
    if done.returncode != 0:
        raise refuse("scheduler", f"scontrol failed: {' '.join(done.stderr.split())}", hint=cure(done.stderr))


def on_worker(directory: Path, folder: str, words: Sequence[str], _last: Submission) -> int:
    """Run a command in a job like those of a step, on the cluster of the run, and return its exit code."""
    return interactive.run(directory, folder, words, tools.cluster_of(directory))


def _release(directory: Path, held: Iterable[QueuedJob]) -> list[str]:
    ids = [job.id for job in held if job.reason in RELEASABLE]
    if ids:
        done = tools.run(["scontrol", "release", ",".join(ids)], tools.cluster_of(directory))
        if done.returncode != 0:
            raise refuse("scheduler", f"scontrol failed: {' '.join(done.stderr.split())}")
    return ids


def _release_refused(directory: Path) -> None:
    """Release jobs that compute nodes refuse. After a crash Slurm reuses ids that the nodes remember.

    Checks several times, until a job runs and none is refused.
    """
    for _ in range(_LOOKS):
        time.sleep(_PAUSE)
        jobs = [job for job in query(directory).jobs if job.step and job.state is not JobState.ENDED]
        refused = _release(directory, jobs)
        if not refused and (not jobs or any(job.state is JobState.RUNNING for job in jobs)):
            return


def _has_lost_jobs(directory: Path) -> bool:
    """Return whether the queue has lost jobs.

    That is so if no job runs, and a job is missing although one of its parents has not ended.
    """
    jobs = query(directory).jobs
    if any(job.step and job.state is JobState.RUNNING for job in jobs):
        return False
    known = {job.id.partition("_")[0] for job in jobs if job.reason != _LOST}
    active = {job.id.partition("_")[0] for job in jobs if job.state is not JobState.ENDED}
    return any(
        job not in known and active.intersection(need.rpartition(":")[2] for need in needs.split(","))
        for part in Run(directory).parts()
        for job, key, _, _, _, _, needs in lines_of(part)
        if not key.startswith(FINALISER)
    )


def _submit_again(directory: Path) -> list[str]:
    """Cancel the run's jobs, submit all unfinished ones again, and return the new ids."""
    sys.stderr.write("reana-batch: Slurm has lost jobs of the run; submitting every unfinished job again.\n")
    cancel(directory)
    end = time.monotonic() + LINGERING
    while query(directory).active:
        if time.monotonic() > end:
            raise refuse("run-state", f"Jobs of {directory.name} are still ending; try again later.")
        time.sleep(1)
    run = Run(directory)
    run.mark_restarted()
    return submit(run)


def _replace(part: Run, kinds: list[str]) -> list[str]:
    """Submit new finalisers of these kinds for a part, and return their ids."""
    command = ["bash", "-c", 'set -u; . batch/submit-lib.sh && replace_finalisers "$@"', "bash", *kinds]
    env = os.environ | tools.cluster_of(part.directory)
    done = subprocess.run(command, cwd=part.directory, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise refuse("scheduler", f"No finaliser could be submitted: {' '.join(done.stderr.split())}")
    return done.stdout.split()


def _with_requeues(jobs: list[QueuedJob], times: Mapping[str, int], cluster: Mapping[str, str]) -> list[QueuedJob]:
    """Return the jobs. If a job was requeued repeatedly, its reason says so, with the causes that sacct knows."""
    active = (JobState.WAITING, JobState.RUNNING)
    looping = [job.id for job in jobs if times[job.id] >= _MANY_RESTARTS and job.state in active and not job.reason]
    if not looping:
        return jobs
    told, ends = {}, _earlier_ends(looping, cluster)
    for job in looping:
        counts = ", ".join(f"{_REQUEUES[word]}: {count}" for word, count in ends.get(job, {}).items())
        why = f" ({counts})" if counts else ""
        told[job] = f"started {times[job] + 1} times, and requeued before it ended{why}; {_GIVE_UP}"
    return [replace(job, reason=told.get(job.id, job.reason)) for job in jobs]


def _earlier_ends(jobs: Iterable[str], cluster: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Return how often earlier starts of each job ended in each way. Empty without accounting."""
    options = ("--duplicates", "--allocations", "--noheader", "--parsable2", "--format=JobID,State")
    found: dict[str, Counter[str]] = {}
    with contextlib.suppress(Refused):
        done = tools.run(["sacct", *options, f"--jobs={','.join(jobs)}"], cluster)
        for line in done.stdout.splitlines():
            job, _, word = line.partition("|")
            if word in _REQUEUES:
                found.setdefault(job, Counter())[word] += 1
    return found


DRIVER = Driver(
    submit=submit,
    submit_part=submit_part,
    trace=trace,
    query=query,
    cancel=cancel,
    release=release,
    accounts=accounts,
    starts_clean=interactive.starts_clean,
    on_worker=on_worker,
    requests=Requests("job.sbatch", with_requests, SETTINGS, alter),
    examine=examine,
    single=SINGLE,
    logs=("logs/finaliser.out", "logs/gate.out"),
)
