"""The jobs of a run: what their records say, and what their batch systems say of those in the queue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from reana_batch.lifecycle.status import RunStatus
from reana_batch.run import usage
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, QueuedJob
from reana_batch.run.steps import Steps
from reana_batch.run.usage import RUNNING, WAITING, Row

HELD, LOST = "held", "lost"
# A job is held if somebody must act before it starts, and lost if it ended and left no record.
STATES = (*usage.STATES, HELD, LOST)


@dataclass(frozen=True, slots=True)
class Job:
    """A row of a step, in one of ``STATES``, with its job in the queue if there is one."""

    row: Row
    state: str
    queued: QueuedJob | None = None

    @property
    def scheduler_job(self) -> str:
        """The id in the batch system. Empty if it has none yet."""
        return self.row.record.scheduler_job or (self.queued.id if self.queued else "")

    def age(self, now: int) -> int | None:
        """Return the seconds that the job took, or has taken until now. None if it has not started, or was lost."""
        started = self.row.record.started
        return (now - started if started else None) if self.state == RUNNING else self.row.wall

    @property
    def reason(self) -> str:
        """Why it is held or does not go on. Empty if the batch system gives no reason."""
        return self.queued.reason if self.queued else ""


@dataclass(frozen=True)
class Jobs(Sequence[Job]):
    """The jobs of a run, in the order of the run. The record of a job is read when the job is looked at."""

    places: Sequence[tuple[Run, StepEntry, int, str, QueuedJob | None]]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> Jobs: ...
    def __getitem__(self, index: int | slice) -> Job | Jobs:
        if isinstance(index, slice):
            return Jobs(self.places[index])
        part, step, row, state, queued = self.places[index]
        known = state if state in usage.STATES else WAITING if state == HELD else RUNNING
        record = usage.record_of(part.records(step), row, known)
        return Job(Row(part, step, row, known, record), state, queued)


def jobs_of(current: RunStatus, steps: Steps, states: Collection[str] = STATES) -> Jobs:
    """Return the jobs of these steps that are in one of the states."""
    queued, alive = _by_place(current), current.may_go_on
    return Jobs([place for part, step in steps for place in _places(part, step, queued, alive) if place[3] in states])


_Queued = dict[tuple[str, int], QueuedJob]


def _by_place(current: RunStatus) -> _Queued:
    """Return the jobs in the queue that have not ended, by step and chunk."""
    going = (job for job in current.queue.jobs if job.step and job.state is not JobState.ENDED)
    return {(job.step, chunk): job for job in going for chunk in job.chunks}


def _places(
    part: Run, step: StepEntry, queued: _Queued, alive: bool
) -> Iterator[tuple[Run, StepEntry, int, str, QueuedJob | None]]:
    found, name = part.records(step).states(), part.name_of(step)
    for row in range(step.rows):
        job = queued.get((name, step.chunk_of(row)))
        yield part, step, row, _state(usage.state_of(row, found), job, alive), job


def _state(known: str, job: QueuedJob | None, alive: bool) -> str:
    if known in (WAITING, RUNNING) and job is not None and job.state is JobState.HELD:
        return HELD
    return LOST if known == RUNNING and not alive else known
