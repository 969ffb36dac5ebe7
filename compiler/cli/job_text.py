"""The tables of a run's steps and jobs: where they are, how long they take, and what they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from reana_batch.amounts import duration, readable_size
from reana_batch.cli.terminal import Cell, Number, Table
from reana_batch.lifecycle.jobs import Job, Jobs
from reana_batch.lifecycle.status import RunStatus, time_text
from reana_batch.lifecycle.usage import StepUsage, idle
from reana_batch.run.times import StepTimes, remaining
from reana_batch.run.usage import Row

UNKNOWN = StepTimes()


def steps_table(current: RunStatus, now: int) -> Table:
    """Return how many jobs of each step are where, the time so far, that of a typical job, and the estimated end."""
    rows = []
    for step in current.progress:
        times = current.times.get(step.name, UNKNOWN)
        left = remaining(step, times, now) if current.state == "running" else None
        until = now if step.running and current.state == "running" else times.ended
        took = until - times.started if times.started and until >= times.started else None
        counts = (step.done, step.failed, step.running, step.waiting, step.total)
        typical = None if times.typical is None else round(times.typical)
        rows.append((step.name, *map(_count, counts), _time(took), _time(typical), _time(left)))
    return Table(("STEP", "DONE", "FAILED", "RUNNING", "WAITING", "JOBS", "TIME", "TYPICAL", "LEFT"), rows)


def _count(number: int) -> Cell:
    return Number(str(number), f"{number:,}")


def _time(seconds: float | None) -> Cell:
    """Return the cell of a time: in words on a terminal, in seconds for programs. Empty if unknown."""
    return "" if seconds is None else Number(f"{seconds:g}", duration(round(seconds)))


def _size(size: int | None) -> Cell:
    return "" if size is None else Number(str(size), readable_size(size))


def _share(share: float | None) -> Cell:
    return "" if share is None else Number(f"{share:.3f}", f"{share:.0%}")


# --- jobs ----------------------------------------------------------------------------------------

# The columns of a job, and those that are shown on request.
_COLUMNS: Mapping[str, Callable[[Job, int], Cell]] = {
    "STEP": lambda job, _: job.row.step_name,
    "ROW": lambda job, _: str(job.row.number),
    "STATE": lambda job, _: job.state,
    "ATTEMPT": lambda job, _: str(job.row.record.attempt or ""),
    "JOB": lambda job, _: job.scheduler_job,
    "HOST": lambda job, _: job.row.host,
    "STARTED": lambda job, _: time_text(job.row.record.started),
    "TIME": lambda job, now: _time(job.age(now)),
}
_MORE: Mapping[str, Callable[[Job, int], Cell]] = {
    "CPU": lambda job, _: _time(job.row.cpu),
    "MEMORY": lambda job, _: _size(job.row.memory),
    "EXIT": lambda job, _: str(job.row.record.exit_code) if job.state in ("finished", "failed") else "",
    "REASON": lambda job, _: job.reason or job.row.record.reason,
}


class _Rows(Sequence[Sequence[Cell]]):
    """The rows of a table of jobs, each made when it is looked at."""

    def __init__(self, jobs: Jobs, columns: Iterable[Callable[[Job, int], Cell]], now: int) -> None:
        self._jobs, self._columns, self._now = jobs, tuple(columns), now

    def __len__(self) -> int:
        return len(self._jobs)

    @overload
    def __getitem__(self, index: int) -> Sequence[Cell]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[Cell]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return _Rows(self._jobs[index], self._columns, self._now)
        job = self._jobs[index]
        return tuple(cell(job, self._now) for cell in self._columns)


def jobs_table(jobs: Jobs, now: int, *, verbose: bool = False) -> Table:
    """Return the table of some jobs."""
    columns = {**_COLUMNS, **(_MORE if verbose else {})}
    return Table(tuple(columns), _Rows(jobs, columns.values(), now))


# --- usage ---------------------------------------------------------------------------------------


def usage_tables(found: Sequence[StepUsage], worst: Sequence[Row]) -> Iterator[Table]:
    """Yield what each step asked for and used, and the jobs with the most idle CPU time."""
    header = (
        "STEP",
        "JOBS",
        "TIME",
        "CPU",
        "CPU_USED",
        "QUEUED",
        "MEMORY",
        "OF",
        "ASKED",
        "MEMORY_USED",
        "LONGEST",
        "LIMIT",
    )
    rows = [
        (
            *(each.step, _count(each.jobs), _time(each.wall), _time(each.cpu), _share(each.cpu_efficiency)),
            *(_time(each.queued), _size(each.memory), each.memory_of, _size(each.asks.memory)),
            *(_share(each.memory_efficiency), _time(each.longest), _time(each.asks.runtime)),
        )
        for each in found
    ]
    yield Table(header, rows)
    if worst:
        yield Table(
            ("WORST", "ROW", "TIME", "CPU", "IDLE", "MEMORY", "OF", "HOST"),
            [
                (
                    *(row.step_name, str(row.number), _time(row.wall), _time(row.cpu), _time(idle(row))),
                    *(_size(row.memory), row.memory_of, row.host),
                )
                for row in worst
            ],
        )
