"""When the jobs of a run started and ended, and how long they take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run, StepProgress
from reana_batch.run.records import DONE, FAILED, STARTED
from reana_batch.run.sampling import MOST, spread


@dataclass(frozen=True, slots=True)
class Span:
    """The first start and the last end of jobs, in seconds since 1970. Both are 0 if there is no record."""

    started: int = 0
    ended: int = 0

    @property
    def seconds(self) -> int:
        """The seconds between them."""
        return max(self.ended - self.started, 0)


def span(found: Iterable[StepTimes]) -> Span:
    """Return when the first job of these steps started, and when the last one ended."""
    known = list(found)
    starts = [each.started for each in known if each.started]
    return Span(min(starts, default=0), max((each.ended for each in known), default=0))


@dataclass(frozen=True, slots=True)
class StepTimes:
    """The times of a step, in seconds since 1970 or seconds. 0 or None stand for unknown."""

    started: int = 0  # of its first job
    ended: int = 0  # of the last job that has ended
    typical: float | None = None  # how long a row takes: the median


def step_times(part: Run, step: StepEntry, most: int = MOST) -> StepTimes:
    """Return the times of a step. Of the rows that are done, failed or running it reads ``most``, spread over all."""
    records = part.records(step)
    states = records.states()
    failed = [records.read(row, FAILED) for row in spread(sorted(states.failed - states.done), most)]
    done = [records.read(row, DONE) for row in spread(sorted(states.done), most)]
    running = [records.read(first, STARTED) for first in spread(_first_rows(step, states.lost), most)]
    starts = [record.started for record in (*done, *failed, *running) if record.started]
    took = [record.duration for record in done if record.has_times]
    ended = max((record.ended for record in (*done, *failed)), default=0)
    return StepTimes(min(starts, default=0), ended, median(took) if took else None)


def _first_rows(step: StepEntry, rows: Iterable[int]) -> Sequence[int]:
    """Return the first rows of the chunks of some rows. A chunk has one record of its start."""
    return sorted({step.chunk(step.chunk_of(row))[0] for row in rows})


def remaining(step: StepProgress, times: StepTimes, now: int) -> int | None:
    """Return the estimated seconds until a step ends, if it goes on as until now. None if that cannot be said."""
    passed = now - times.started
    if not (times.started and step.running and step.done and passed > 0):
        return None
    return round((step.waiting + step.running) * passed / step.done)
