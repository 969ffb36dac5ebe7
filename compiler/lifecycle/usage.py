"""What the steps of a run asked for and used, and the jobs that used their request worst."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median

from reana_batch.run.manifest import Amounts
from reana_batch.run.usage import Row

_WORST = 10  # jobs


@dataclass
class StepUsage:
    """The use of a step. Sums are of the jobs that have a value, and None if none has. Times are seconds."""

    step: str
    asks: Amounts
    jobs: int = 0  # that have ended
    wall: int = 0
    longest: int = 0
    cpu: float | None = None
    cpu_wall: int = 0  # the wall time of the jobs whose CPU time is known
    memory: int | None = None  # the most bytes
    memory_of: str = ""
    queue_times: list[int] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Add a row that has ended."""
        self.jobs += 1
        wall = row.wall or 0
        self.wall += wall
        self.longest = max(self.longest, wall)
        if row.cpu is not None:
            self.cpu = (self.cpu or 0) + row.cpu
            self.cpu_wall += wall
        if row.memory is not None and row.memory > (self.memory or 0):
            self.memory, self.memory_of = row.memory, row.memory_of
        if row.queued is not None:
            self.queue_times.append(row.queued)

    @property
    def queued(self) -> float | None:
        """The median of the times in the queue."""
        return median(self.queue_times) if self.queue_times else None

    @property
    def cpu_efficiency(self) -> float | None:
        """The share of the CPU time that the jobs had and used. None without CPU times, or if jobs took no second."""
        return self.cpu / (self.cpu_wall * (self.asks.cpus or 1)) if self.cpu is not None and self.cpu_wall else None

    @property
    def memory_efficiency(self) -> float | None:
        """The share of the memory asked for that the largest job used. None without a request."""
        return self.memory / self.asks.memory if self.memory is not None and self.asks.memory else None


def by_step(rows: Iterable[Row]) -> Iterator[StepUsage]:
    """Yield the usage of each step with jobs that have ended. The rows of a step follow each other."""
    for name, group in groupby(rows, key=lambda row: row.step_name):
        found = None
        for row in group:
            found = found or StepUsage(name, row.step.asks)
            found.add(row)
        if found:
            yield found


def idle(row: Row) -> float:
    """Return the seconds of CPU time that the job of a row had and did not use. 0 if unknown."""
    if row.cpu is None or row.wall is None:
        return 0
    return max(row.wall * (row.step.asks.cpus or 1) - row.cpu, 0)


def worst(rows: Iterable[Row]) -> list[Row]:
    """Return the ten jobs with the most idle CPU time, the worst first. Jobs without any are omitted."""
    return [row for row in heapq.nlargest(_WORST, rows, key=idle) if idle(row) > 0]
