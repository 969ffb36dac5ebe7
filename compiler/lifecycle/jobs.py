"""The jobs of a run: what their records say, and what their batch systems say of those in the queue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from reana_batch.lifecycle.status import RunStatus
from reana_batch.run import usage
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, QueuedJob
from reana_batch.run.steps import Steps
from reana_batch.run.usage import FINISHED, RUNNING, WAITING, Row

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
    return Jobs([place for part, step in steps for place in _places(part, step, current) if place[3] in states])


def _by_chunk(current: RunStatus, name: str) -> Mapping[int, QueuedJob]:
    """Return the jobs of a step in the queue that have not ended, by chunk."""
    going = (job for job in current.queue.jobs if job.step == name and job.state is not JobState.ENDED)
    return {chunk: job for job in going for chunk in job.chunks}


def _places(
    part: Run, step: StepEntry, current: RunStatus
) -> Iterator[tuple[Run, StepEntry, int, str, QueuedJob | None]]:
    found, name = part.records(step).states(), part.name_of(step)
    queued, returned = _by_chunk(current, name), current.queue.returned.get(name, ())
    for row in range(step.rows):
        chunk = step.chunk_of(row)
        known, job = usage.state_of(row, found), queued.get(chunk)
        if known != FINISHED and job is not None and chunk in returned:
            state = HELD if job.state is JobState.HELD else WAITING
        else:
            state = LOST if known == RUNNING and not current.may_go_on else known
        yield part, step, row, state, job
