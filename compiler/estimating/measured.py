"""What an earlier run shows: how long rows took, how long jobs waited, and how large outputs became."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from reana_batch import layout, patterns
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.records import DONE, STARTED, StepRecords
from reana_batch.run.run_json import read_record
from reana_batch.run.sampling import spread

# A row that took no whole second took half of one, on average.
_SHORTEST = 0.5

Times = tuple[float, float]  # the start and the end of a row, in seconds since 1970
_AllTimes = Mapping[tuple[str, str], dict[int, Times]]  # of rows, by the path of the part and the name of the step


class Gap(NamedTuple):
    """How long the first row of a step waited after the last of those that it waits for, or after the submission."""

    seconds: float
    follows: bool  # does it wait for rows?


class Expanded(NamedTuple):
    """What an expansion became in an earlier run."""

    jobs: int
    seconds: float  # from their first start to their last end
    core_seconds: float | None  # of their CPUs; None if some jobs have not run


@dataclass(frozen=True, slots=True)
class Measured:
    """The times and sizes of an earlier run. Times are in seconds."""

    backend: str = ""
    rows: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # of each step, in the order of its rows
    gaps: tuple[Gap, ...] = ()
    expanded: Mapping[str, Expanded] = field(default_factory=dict)  # what its own expansions became, by name
    size: Callable[[str], int | None] = lambda _: None  # returns the bytes of a path in its workspace, if it is there

    def waiting(self, *, is_here: bool) -> tuple[float | None, float | None]:
        """Return the overhead of a job, and the seconds that it waits in the queue. Each is None if nothing shows it.

        If jobs run on the user's machine, there is no queue. Otherwise the shortest time between two jobs is overhead.
        """
        if is_here:
            return max(0.0, median(gap.seconds for gap in self.gaps)) if self.gaps else None, 0.0
        if not self.gaps:
            return None, None
        overhead = max(0.0, min((gap.seconds for gap in self.gaps if gap.follows), default=0.0))
        return overhead, max(0.0, mean(gap.seconds for gap in self.gaps) - overhead)


def measured(directory: Path) -> Measured:
    """Return what the run in ``directory`` shows. Raises Refused if there is no run, or a damaged one."""
    run = Run(directory)
    times = {(part.path, step.name): dict(_times(part, step)) for part, step in run.steps()}
    submitted = read_record(directory).submitted
    gaps = tuple(_gaps(run, times, submitted)) if submitted else ()
    rows: dict[str, tuple[float, ...]] = {}
    for (_, name), found in times.items():
        rows[name] = rows.get(name, ()) + tuple(end - start or _SHORTEST for start, end in found.values())
    return Measured(
        run.manifest.backend,
        {name: seconds for name, seconds in rows.items() if seconds},
        gaps,
        expanded={name: _expanded(part, times) for name, part in run.compiled().items()},
        size=partial(_size, run),
    )


def _expanded(part: Run, times: _AllTimes) -> Expanded:
    steps = list(part.steps())
    found = [each for inner, step in steps for each in times[inner.path, step.name].values()]
    seconds = max(end for _, end in found) - min(start for start, _ in found) if found else 0.0
    return Expanded(sum(step.rows for _, step in steps), seconds, _core_seconds(part, times))


def _core_seconds(part: Run, times: _AllTimes) -> float | None:
    """Return the seconds of all CPUs that jobs of a part asked for. None if it is not complete."""
    total = 0.0
    for inner, step in part.steps():
        found = [end - start for start, end in times[inner.path, step.name].values()]
        if inner.open_expansions() or len(inner.records(step).states().done) < step.rows or (step.rows and not found):
            return None
        total += (step.asks.cpus or 1) * step.rows * mean(found) if found else 0.0
    return total


def _size(run: Run, path: str) -> int | None:
    """Return the bytes of a file, a folder or a pattern's files in the workspace. None if nothing is there."""
    found = list(patterns.find(run.directory / layout.WORKSPACE, path))
    return sum(facts.st_size for _, facts in found) if found else None


# --- rows ------------------------------------------------------------------------------------------


def _times(part: Run, step: StepEntry) -> Iterator[tuple[int, Times]]:
    """Yield rows of a step that are done, each with its times. Of many, it yields a thousand."""
    records = part.records(step)
    for row in spread(sorted(records.states().done)):
        times = _of_row(records, row)
        if times is not None:
            yield row, times


def _of_row(records: StepRecords, row: int) -> Times | None:
    """Return the times of a row, more precise than its record if the times of its files agree with that."""
    record, step = records.read(row, DONE), records.step
    if not record.has_times:
        return None
    end = _within(record.ended, records.path(row, DONE))
    start = None
    if row > step.chunk(step.chunk_of(row))[0]:
        start = _within(record.started, records.path(row - 1, DONE))
    elif step.chunk_size == 1 and step.commands == 1:  # otherwise a later row or command has written it too
        start = _within(record.started, records.path(row, STARTED))
    if start is None or end is None or end <= start:
        return float(record.started), float(record.ended)
    return start, end


def _within(second: int, path: Path) -> float | None:
    """Return when a file was written, if that was in this second."""
    with suppress(OSError):
        written = path.lstat().st_mtime
        return written if int(written) == second else None
    return None


# --- waiting ---------------------------------------------------------------------------------------


def _gaps(run: Run, times: _AllTimes, submitted: float) -> Iterator[Gap]:
    """Yield the gap before each step. Steps of an earlier submission, or with more rows than are looked at, are left out."""
    for part, step in run.steps():
        own = times[part.path, step.name]
        if not own or (part.path and not step.needs):
            continue
        row = min(own, key=lambda each: own[each])
        ends = list(_ends_before(part, step, row, times)) if step.needs else [submitted]
        if ends and submitted <= max(ends) and own[row][0] >= submitted:
            yield Gap(own[row][0] - max(ends), bool(step.needs))


def _ends_before(part: Run, step: StepEntry, row: int, times: _AllTimes) -> Iterator[float]:
    """Yield the ends of the rows that a row waits for. Yield nothing if one of them is not known."""
    steps, found = part.manifest.steps_by_name(), list[float]()
    for need, pattern in zip(step.needs, step.patterns or ("all",) * len(step.needs), strict=False):
        before = times.get((part.path, need), {})
        wanted: Iterable[int] = {"all": range(steps[need].rows), "each": (row,)}.get(pattern, (-1,))
        if need in part.compiled() or any(each not in before for each in wanted):
            return
        found += (before[each][1] for each in wanted)
    yield from found
