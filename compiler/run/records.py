"""The records that a row's job leaves: ``.started``, then ``.done`` or ``.failed``, or ``.skipped``.

Only this module knows their form, on this side; the job script writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reana_batch import files, layout
from reana_batch.run.manifest import StepEntry
from reana_batch.run.small_files import names_in

STARTED, DONE, FAILED, SKIPPED = "started", "done", "failed", "skipped"
# No number of a record has more digits; Python refuses to read thousands of them.
_MOST_DIGITS = 20
# The end of the year 9999, after which Python has no dates.
_LAST_MOMENT = 253_402_300_799


@dataclass(frozen=True, slots=True)
class RowRecord:
    """What a job wrote down of a row. What it did not write, or not as a number, has the default."""

    row: int | None = None  # that a job of several rows is at
    started: int = 0  # seconds since 1970
    ended: int = 0
    host: str = ""
    scheduler_job: str = ""
    exit_code: int = 0
    reason: str = ""
    detail: str = ""
    command: int = 1  # the number of the command that failed
    attempt: int = 0  # 1 for the first; 0 if unknown
    cpu: float | None = None  # seconds of CPU time, of the row and of the job script for it
    memory: int | None = None  # the most bytes
    memory_of: str = ""  # "job" if it is the memory of all processes of the job until then, "process" of the largest

    @property
    def has_times(self) -> bool:
        """Whether it says when the row started and ended. It lacks a time if the job was killed while it wrote.

        If the clock went back meanwhile, the times say nothing.
        """
        return 0 < self.started <= self.ended

    @property
    def duration(self) -> int:
        """The seconds that the row took, if it has these times."""
        return self.ended - self.started


def _number(text: str) -> int:
    return _whole(text) or 0


def _moment(text: str) -> int:
    return found if (found := _number(text)) <= _LAST_MOMENT else 0


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _seconds(text: str) -> float | None:
    whole, _, part = text.partition(".")
    return float(text) if len(text) <= _MOST_DIGITS and whole.isdecimal() and (part or "0").isdecimal() else None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "row": _whole,
    "started": _moment,
    "ended": _moment,
    "host": str,
    "scheduler_job": str,
    "exit_code": _number,
    "reason": str,
    "detail": str,
    "command": _number,
    "attempt": _number,
    "cpu": _seconds,
    "memory": _whole,
    "memory_of": str,
}
NOTHING = RowRecord()


def read_record(path: Path, known: RowRecord = NOTHING) -> RowRecord:
    """Return ``known`` with what a record says; as it is if there is no record (any more)."""
    try:
        lines = files.read_text(path).splitlines()
    except FileNotFoundError:  # the job has just been started again
        return known
    said = (line.partition("=") for line in lines if "=" in line)
    return replace(known, **{key: _READERS[key](value) for key, _, value in said if key in _READERS})


@dataclass(frozen=True, slots=True)
class RowStates:
    """Which rows of a step are done, which failed, and which a job is at, or was at last."""

    done: set[int]
    failed: set[int]
    started: set[int]

    @property
    def lost(self) -> set[int]:
        """The rows that a job was at last, and that have no record of their end."""
        return self.started - self.done - self.failed


@dataclass(frozen=True, slots=True)
class StepRecords:
    """The records of one step's rows, in the directory of its part of the run."""

    directory: Path
    step: StepEntry

    def path(self, row: int, ending: str) -> Path:
        """Return the path of a row's record, or of what was kept with it."""
        return self.directory / f"{layout.STATE}/{self.step.stem(row)}.{ending}"

    def read(self, row: int, ending: str, known: RowRecord = NOTHING) -> RowRecord:
        """Return ``known`` with what a record of a row says."""
        return read_record(self.path(row, ending), known)

    def is_skipped(self, row: int) -> bool:
        """Return whether a row's job did not start because of what it waits for."""
        return self.path(row, SKIPPED).exists()

    def states(self) -> RowStates:
        """Return where the rows are."""
        found: dict[str, set[int]] = {DONE: set(), FAILED: set(), STARTED: set()}
        for shard in layout.row_folders(self.step.rows):
            for name in names_in(self.directory / layout.STATE / self.step.folder / shard):
                stem, _, ending = name.rpartition(".")
                if ending in found and stem.isdecimal() and int(stem) < self.step.rows:
                    found[ending].add(int(stem))
        return RowStates(found[DONE], found[FAILED], self._rows_at(found[STARTED], found[DONE] | found[FAILED]))

    def _rows_at(self, firsts: set[int], ended: set[int]) -> set[int]:
        """Return the rows that the chunks are at which begin with these rows."""
        return firsts if self.step.chunk_size == 1 else {self._row_at(first, ended) for first in firsts}

    def _row_at(self, first: int, ended: set[int]) -> int:
        """Return the row that the chunk is at which begins with the row ``first``; its last if they have all ended."""
        rows = self.step.chunk(self.step.chunk_of(first))
        if ended.issuperset(rows):
            return rows[-1]
        return self.read(first, STARTED).row or first

    def done_chunks(self) -> Iterator[int]:
        """Yield the chunks whose rows are all done."""
        done = self.states().done
        return (chunk for chunk in range(self.step.chunks) if done.issuperset(self.step.chunk(chunk)))
