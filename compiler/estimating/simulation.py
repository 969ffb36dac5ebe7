"""The simulation of a run: when each job starts and ends, if the durations are known. It knows no batch system.

A job is ready when the jobs that it waits for have ended. It starts when it has waited in the queue, and when there are
slots for it. Of the jobs that could start, the one that could first does. A job that needs more slots than are free does
not stop smaller ones. Jobs do not fail.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reana_batch.ir import ChunkPattern, Pattern


class Jobs(NamedTuple):
    """Jobs of one kind.

    ``needs`` has places of earlier kinds in the list of all, each with its jobs that a job of this kind waits for.
    """

    seconds: Sequence[float]  # for which each job occupies its slots
    width: int = 1  # the slots that each occupies
    needs: tuple[tuple[int, ChunkPattern], ...] = ()


class Spell(NamedTuple):
    """When the first job of a kind starts, and when the last one ends, in seconds. Both are 0 if it has no jobs."""

    start: float = 0.0
    end: float = 0.0


class Timeline(NamedTuple):
    """What a simulation has found."""

    makespan: float  # seconds from the submission to the end of the last job
    most_jobs: int  # that run at a time
    most_slots: int  # that are occupied at a time
    spells: tuple[Spell, ...]  # of each kind


def simulate(
    kinds: Sequence[Jobs], *, slots: int | None = None, most_jobs: int | None = None, queue_seconds: float = 0.0
) -> Timeline:
    """Return when jobs run that start as soon as they can.

    ``slots`` and ``most_jobs`` limit the slots and the jobs at a time, unless they are None. Each job waits at least
    ``queue_seconds`` after it is ready. A job wider than ``slots`` raises ValueError.
    """
    wide = max((kind.width for kind in kinds if kind.seconds), default=0)
    if (slots is not None and wide > slots) or (most_jobs is not None and most_jobs < 1):
        raise ValueError(f"a job of {wide} slots can never start")
    return _Simulation(kinds, slots, most_jobs, queue_seconds).run()


_Job = tuple[int, int]  # the place of its kind, and its number


@dataclass
class _Simulation:
    """The state of a simulation at one moment."""

    kinds: Sequence[Jobs]
    slots: int | None
    most_jobs: int | None
    queue_seconds: float
    # Of each kind: how many whole kinds it waits for, and for each job how many single jobs; its jobs that have not ended.
    closed: list[int] = field(init=False)
    missing: list[list[int] | None] = field(init=False)
    left: list[int] = field(init=False)
    # Who waits for a kind or a job.
    whole: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    single: dict[int, list[tuple[int, dict[int, list[int]] | None]]] = field(default_factory=lambda: defaultdict(list))
    # The jobs that could start, by width, each with the time since when; those that run or queue, by their time.
    able: dict[int, list[tuple[float, int, int]]] = field(default_factory=lambda: defaultdict(list))
    running: list[tuple[float, int, int]] = field(default_factory=list)
    queued: list[tuple[float, int, int]] = field(default_factory=list)
    used: int = 0
    peak: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.closed = [0] * len(self.kinds)
        self.missing = [None] * len(self.kinds)
        self.left = [len(kind.seconds) for kind in self.kinds]
        for child, kind in enumerate(self.kinds):
            for parent, pattern in kind.needs:
                self._add_need(child, parent, pattern)

    def _add_need(self, child: int, parent: int, pattern: ChunkPattern) -> None:
        if pattern is Pattern.ALL:
            self.closed[child] += 1
            self.whole[parent].append(child)
            return
        count = len(self.kinds[child].seconds)
        missing = self.missing[child] = self.missing[child] or [0] * count
        if pattern is Pattern.EACH:
            self.missing[child] = [number + 1 for number in missing]
            self.single[parent].append((child, None))
            return
        assert not isinstance(pattern, Pattern)
        followers: dict[int, list[int]] = defaultdict(list)
        for job in range(count):
            for before in pattern(job):
                followers[before].append(job)
                missing[job] += 1
        self.single[parent].append((child, followers))

    def run(self) -> Timeline:
        starts: list[float | None] = [None] * len(self.kinds)
        ends = [0.0] * len(self.kinds)
        for place in range(len(self.kinds)):
            if not self.closed[place]:
                self._open(place, 0.0)
        for place in [place for place, left in enumerate(self.left) if not left]:
            self._complete(place, 0.0)
        now = 0.0
        while self.queued or self.running:
            now = min(waiting[0][0] for waiting in (self.queued, self.running) if waiting)
            while self.running and self.running[0][0] <= now:
                _, place, job = heapq.heappop(self.running)
                self.used -= self.kinds[place].width
                ends[place] = now
                self._end(place, job, now)
            while self.queued and self.queued[0][0] <= now:
                since, place, job = heapq.heappop(self.queued)
                heapq.heappush(self.able[self.kinds[place].width], (since, place, job))
            while (found := self._next()) is not None:
                place, job = found
                starts[place] = now if starts[place] is None else starts[place]
                self.used += self.kinds[place].width
                heapq.heappush(self.running, (now + self.kinds[place].seconds[job], place, job))
            self.peak = max(self.peak[0], len(self.running)), max(self.peak[1], self.used)
        spells = (Spell() if start is None else Spell(start, end) for start, end in zip(starts, ends, strict=True))
        return Timeline(now, *self.peak, tuple(spells))

    def _next(self) -> _Job | None:
        """Take the job that could start first of those that have slots now."""
        if self.most_jobs is not None and len(self.running) >= self.most_jobs:
            return None
        free = [
            width
            for width, jobs in self.able.items()
            if jobs and (self.slots is None or self.used + width <= self.slots)
        ]
        if not free:
            return None
        _, place, job = heapq.heappop(min((self.able[width] for width in free), key=lambda jobs: jobs[0]))
        return place, job

    def _open(self, place: int, now: float) -> None:
        """Queue the jobs of a kind that wait for nothing any more, after it has waited for whole kinds."""
        missing = self.missing[place]
        for job in range(len(self.kinds[place].seconds)):
            if missing is None or not missing[job]:
                self._queue(place, job, now)

    def _queue(self, place: int, job: int, now: float) -> None:
        heapq.heappush(self.queued, (now + self.queue_seconds, place, job))

    def _end(self, place: int, job: int, now: float) -> None:
        """Let the jobs go on that wait for this one."""
        for child, followers in self.single[place]:
            missing = self.missing[child]
            assert missing is not None, "the job waits for single ones"
            for follower in (job,) if followers is None else followers.get(job, ()):
                missing[follower] -= 1
                if not missing[follower] and not self.closed[child]:
                    self._queue(child, follower, now)
        self.left[place] -= 1
        if not self.left[place]:
            self._complete(place, now)

    def _complete(self, place: int, now: float) -> None:
        for child in self.whole[place]:
            self.closed[child] -= 1
            if not self.closed[child]:
                self._open(child, now)
