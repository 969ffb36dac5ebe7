"""Which jobs of a run failed, and why."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from reana_batch import files, layout
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.queue import EXITED
from reana_batch.run.reasons import CAUSES, REFUSED, lacks
from reana_batch.run.records import FAILED, STARTED, RowRecord, StepRecords
from reana_batch.run.sampling import MOST, spread


@dataclass(frozen=True)
class Failure:
    """A job that failed: whose it is, why, and where its output is. Its record is read when it is first used."""

    part: Run
    entry: StepEntry
    row: int
    ending: str = ""  # what its batch system says of its end

    @property
    def step(self) -> str:
        """The name of its step in the whole run."""
        return self.part.name_of(self.entry)

    @property
    def label(self) -> str:
        return self.entry.row_label(self.row)

    @property
    def origin(self) -> str:
        """Its place in the analysis."""
        return self.entry.row_origin(self.row)

    @property
    def rows(self) -> int:
        """How many rows of the step have its label."""
        return self.entry.namesakes

    @cached_property
    def record(self) -> RowRecord:
        """What its job wrote down, with what the batch system and the kind of the step say of the cause."""
        return _with_cause(_record(self.part.records(self.entry), self.row), self.part, self.entry, self.ending)

    @cached_property
    def command(self) -> str:
        """The script that failed."""
        return _command(self.part.records(self.entry), self.row, self.record.command)

    @property
    def exit_code(self) -> int:
        return self.record.exit_code

    @property
    def reason(self) -> str:
        return self.record.reason

    @property
    def detail(self) -> str:
        return self.record.detail

    @property
    def host(self) -> str:
        return self.record.host

    @property
    def scheduler_job(self) -> str:
        return self.record.scheduler_job

    @property
    def started(self) -> int:
        """When it started, in seconds since 1970. 0 if unknown."""
        return self.record.started

    @property
    def stdout(self) -> Path:
        return self._log("out")

    @property
    def stderr(self) -> Path:
        return self._log("err")

    def _log(self, ending: str) -> Path:
        return self.part.directory / f"{layout.LOGS}/{self.entry.stem(self.row)}.{ending}"

    @property
    def lacks(self) -> str:
        """The request of the job that was too small: ``memory`` or ``runtime``. Empty for other causes."""
        return lacks(self.reason, self.detail, self.exit_code)

    @property
    def cause(self) -> str:
        """One sentence on why the job failed."""
        sentence = CAUSES.get(self.reason, "failed").format(code=self.exit_code, detail=self.detail)
        killer = _signal_name(self.exit_code - 128) if self.reason == "command" else ""
        return f"{sentence} (as if killed by {killer})" if killer else sentence


def _signal_name(number: int) -> str:
    """Return the name of a signal; empty if there is none of this number."""
    if number not in set(signal.Signals):
        return ""
    name = signal.Signals(number).name
    return name + (", mostly for memory" if name == "SIGKILL" else "")


Endings = Mapping[tuple[str, int], str]
"""Why the scheduler ended jobs, by the step's name in the whole run and the chunk."""


def failures(run: Run, endings: Endings = MappingProxyType({})) -> list[Failure]:
    """Return the failed jobs of a run, the one that started first in front.

    ``endings`` stand for records that jobs could not write any more, and explain a signal. If more than ``MOST``
    jobs failed, so many of them, spread over all, are sorted by their starts. The others follow in the order of the run.
    """
    found = [failure for part in run.parts() for failure in _own_failures(part, endings)]
    some = spread(range(len(found)))
    others = sorted(set(range(len(found))).difference(some)) if len(found) > MOST else ()
    first = sorted((found[place] for place in some), key=lambda failure: failure.started or sys.maxsize)
    return [*first, *(found[place] for place in others)]


def causes(found: Iterable[Failure]) -> Counter[tuple[str, str]]:
    """Return how many of these jobs failed, by the label of the step and the cause."""
    return Counter((each.label, each.cause) for each in found)


def _own_failures(part: Run, endings: Endings) -> Iterator[Failure]:
    for step in part.manifest.steps:
        if not part.was_complete(step):
            name = part.name_of(step)
            for row in _failed_rows(part.records(step), {chunk for ended, chunk in endings if ended == name}):
                yield Failure(part, step, row, endings.get((name, step.chunk_of(row)), ""))


def _failed_rows(records: StepRecords, ended: set[int]) -> list[int]:
    """Return the rows with a failed record, and of each chunk that was ended without one the row it was at."""
    states = records.states()
    failed = set(states.failed)
    for chunk in ended:
        rows = records.step.chunk(chunk)
        open_rows = {row for row in {*rows} - states.done - failed if not records.is_skipped(row)}
        if open_rows and not failed.intersection(rows):
            failed.add(max(open_rows & states.started, default=min(open_rows)))
    return sorted(failed - states.done)


def _record(records: StepRecords, row: int) -> RowRecord:
    """Return what is known of a row: from its failed record, completed by its chunk's start if that is at the row."""
    record = records.read(row, FAILED)
    if record.started:
        return record
    started = records.read(records.step.chunk(records.step.chunk_of(row))[0], STARTED)
    return records.read(row, FAILED, started) if started.row == row else record


def _with_cause(record: RowRecord, part: Run, step: StepEntry, ending: str) -> RowRecord:
    """Return the record with what the scheduler and the kind of the step say of the cause."""
    if ending and (not record.reason or (record.reason == "signal" and not ending.startswith(EXITED))):
        return replace(record, reason="scheduler", detail=ending)
    if record.reason != "command":
        return record
    if step.stages_data:
        return replace(record, reason="data")
    expands = any(expansion.name == step.name for expansion in part.manifest.expansions)
    return replace(record, reason="expansion") if expands and record.exit_code == REFUSED else record


_EMPTY_REQUEST = "{}"


def _command(records: StepRecords, row: int, number: int) -> str:
    """Return the script that failed: of a step with a table it was kept next to the record.

    A request to a server that has no values of its own says nothing.
    """
    kept = records.path(row, "command")
    folder = records.directory / layout.BATCH / "steps" / records.step.folder
    path = kept if kept.exists() else folder / f"command.{number}"
    text = files.read_text(path) if path.exists() else ""
    return "" if text == _EMPTY_REQUEST else text
