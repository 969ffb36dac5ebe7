"""What a scheduler says of a run's jobs, in words that all back ends share.

Only a help: the truth about a job is in its records.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

# How the words begin on a job that ended by itself: what it wrote down before tells more.
EXITED = "ended with exit code"
# Of a job that failed, though the records say that its rows are done.
ALL_DONE = "its work is done, but its job was ended before it could end by itself"
# Seconds that cancelled jobs may take to end; Slurm's KillWait is 30.
LINGERING = 60


class JobState(enum.Enum):
    """Where a job is, by its scheduler."""

    WAITING = "waiting"
    HELD = "held"  # needs somebody to act
    RUNNING = "running"
    ENDING = "ending"  # cancelled, or being tidied up
    ENDED = "ended"
    UNKNOWN = "unknown"


class Trace(enum.IntEnum):
    """What the files in a run say of its submission, also of one by hand."""

    NONE = 0
    ASKED = 1  # a scheduler may have been asked to take it
    ACCEPTED = 2  # a scheduler took it, or some of it


@dataclass(frozen=True, slots=True)
class Submission:
    """What a run's record says of its last submission.

    ``place`` names the scheduler in the words of the back end. It is None if it was not written down.
    """

    ids: tuple[str, ...] = ()
    host: str = ""
    place: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """One job in the queue; ``step`` is empty for a job that only keeps the workflow going.

    ``reason`` says why a job is held or does not get on, or how it ended; empty if all is well.
    ``lacks`` is the request that was too small: ``memory`` or ``runtime``.
    """

    id: str
    step: str
    chunks: Sequence[int]
    state: JobState
    reason: str = ""
    lacks: str = ""


@dataclass(frozen=True)
class Queue:
    """All that one query found."""

    jobs: tuple[QueuedJob, ...]
    cut_short: bool = False  # the submission ended half-way, and the scheduler holds what it accepted

    @property
    def alive(self) -> bool:
        """Whether any job may still start, or runs and was not cancelled."""
        return any(job.state not in (JobState.ENDED, JobState.ENDING) for job in self.jobs)

    @property
    def active(self) -> bool:
        """Whether anything of the run is still to happen."""
        return any(job.state is not JobState.ENDED for job in self.jobs)

    @cached_property
    def returned(self) -> Mapping[str, Collection[int]]:
        """The chunks that wait to start or are held, by step. Records of a start or a failure are from before."""
        found: dict[str, set[int]] = {}
        for job in self.jobs:
            if job.step and job.state in (JobState.WAITING, JobState.HELD):
                found.setdefault(job.step, set()).update(job.chunks)
        for job in self.jobs:
            if job.state in (JobState.RUNNING, JobState.ENDING, JobState.UNKNOWN) and job.step in found:
                found[job.step].difference_update(job.chunks)
        return found

    def joined(self, other: Queue, steps: Collection[str]) -> Queue:
        """Return both; what runs here of ``steps`` only waits for jobs of the other."""
        here = (
            replace(job, state=JobState.WAITING) if job.step in steps and job.state is JobState.RUNNING else job
            for job in self.jobs
        )
        return Queue((*here, *other.jobs), self.cut_short)

    @property
    def held(self) -> list[QueuedJob]:
        return [job for job in self.jobs if job.state is JobState.HELD]

    @property
    def hindered(self) -> list[QueuedJob]:
        """The jobs that are not held, and of which the scheduler says why they do not get on."""
        return [job for job in self.jobs if job.reason and job.state not in (JobState.HELD, JobState.ENDED)]
