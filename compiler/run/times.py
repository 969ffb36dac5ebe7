"""When the jobs of a run started and ended, from their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reana_batch import files, layout
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.records import DONE, FAILED, STARTED, RowRecord, read_record

_ENDINGS = tuple(f".{ending}" for ending in (STARTED, DONE, FAILED))


@dataclass(frozen=True, slots=True)
class Span:
    """The first start and the last end of some jobs, in seconds since 1970. Both are 0 if there is no record."""

    started: int = 0
    ended: int = 0

    @property
    def seconds(self) -> int:
        """The seconds between them."""
        return max(self.ended - self.started, 0)


def span(steps: Iterable[tuple[Run, StepEntry]]) -> Span:
    """Return when the first job of these steps started, and when the last one ended."""
    records = [record for part, step in steps for record in _records(part, step)]
    starts = [record.started for record in records if record.started]
    return Span(min(starts, default=0), max((record.ended for record in records), default=0))


def _records(part: Run, step: StepEntry) -> Iterator[RowRecord]:
    folder = part.directory / layout.STATE / step.folder
    for name, _ in files.walk(folder) if files.is_there(folder) else ():
        if name.endswith(_ENDINGS):
            yield read_record(folder / name)
