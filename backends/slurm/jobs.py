"""The jobs that squeue shows: their states and elements, and why they wait or ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from reana_batch.backends.slurm.reasons import explain
from reana_batch.run.queue import JobState, QueuedJob

# Slurm's job states; anything unlisted is UNKNOWN.
STATES = {
    "PENDING": JobState.WAITING,
    "REQUEUED": JobState.WAITING,
    "REQUEUE_HOLD": JobState.HELD,
    "SPECIAL_EXIT": JobState.HELD,
    "CONFIGURING": JobState.RUNNING,
    "RUNNING": JobState.RUNNING,
    "SUSPENDED": JobState.RUNNING,
    "STAGE_OUT": JobState.RUNNING,
    "COMPLETING": JobState.ENDING,
    "COMPLETED": JobState.ENDED,
    "FAILED": JobState.ENDED,
    "CANCELLED": JobState.ENDED,
    "TIMEOUT": JobState.ENDED,
    "DEADLINE": JobState.ENDED,
    "OUT_OF_MEMORY": JobState.ENDED,
    "NODE_FAIL": JobState.ENDED,
    "BOOT_FAIL": JobState.ENDED,
    "PREEMPTED": JobState.ENDED,
    "REVOKED": JobState.ENDED,
}

# Why a job ended, by Slurm's state. It is used for jobs that left no record.
ENDINGS = {
    "FAILED": "it failed and left no record, as when a disk is full or a folder is read-only",
    "CANCELLED": "it was cancelled",
    "TIMEOUT": "it was ended by its time limit",
    "DEADLINE": "it was ended by its deadline",
    "OUT_OF_MEMORY": "it used more memory than it asked for",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
    "PREEMPTED": "it was preempted",
}


def queued_job(
    job: str, word: str, reason: str, journal: Mapping[str, tuple[str, int]] = MappingProxyType({})
) -> QueuedJob:
    """Return a job or array that squeue shows with this state and reason. ``journal`` names the jobs of steps."""
    array, _, elements = job.partition("_")
    step, first = journal.get(array, ("", 0))
    state = STATES.get(word, JobState.UNKNOWN)
    told = ENDINGS.get(word, "")
    # The finaliser for failures can never start if no job fails.
    if state is JobState.WAITING and (step or reason != "DependencyNeverSatisfied"):
        state, told = explain(reason, job)
    elif state is JobState.HELD:
        told = explain(reason, job)[1] or f"Slurm says: {word}, {reason}"
    return QueuedJob(job, step, [first + element for element in _elements(elements)], state, told)


def _elements(text: str) -> Iterator[int]:
    """Yield the array indices of squeue's ``4``, ``[0-3,7%5]`` or ``[0-8:2]``. A job that is not an array has 0."""
    for part in text.strip("[]").partition("%")[0].split(","):
        ends, _, stride = part.partition(":")
        start, _, end = ends.partition("-")
        if part == "":
            yield 0
        elif start.isdecimal() and (end.isdecimal() or not end):
            yield from range(int(start), int(end or start) + 1, int(stride) if stride.isdecimal() else 1)
