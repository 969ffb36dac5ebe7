"""Which jobs of a run failed, and why."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from reana_batch import files, layout
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.queue import EXITED
from reana_batch.run.reasons import CAUSES, REFUSED, lacks
from reana_batch.run.records import FAILED, NOTHING, STARTED, RowRecord, StepRecords


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed: whose it is, why, and where its output is."""

    step: str
    label: str
    origin: str
    row: int
    rows: int
    command: str
    exit_code: int
    reason: str
    detail: str
    host: str
    scheduler_job: str
    started: int
    stdout: Path
    stderr: Path

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

    ``endings`` stand for records that jobs could not write any more, and explain a signal.
    """
    found = (failure for part in run.parts() for failure in _own_failures(part, endings))
    return sorted(found, key=lambda failure: failure.started or sys.maxsize)


def _own_failures(part: Run, endings: Endings) -> Iterator[Failure]:
    for step in part.manifest.steps:
        if not part.was_complete(step):
            name = part.name_of(step)
            for row in _failed_rows(part.records(step), {chunk for ended, chunk in endings if ended == name}):
                yield _failure(part, step, row, endings.get((name, step.chunk_of(row)), ""))


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


def _failure(part: Run, step: StepEntry, row: int, ending: str) -> Failure:
    record = _with_cause(_record(part.records(step), row), part, step, ending)
    log = part.directory / layout.LOGS / step.stem(row)
    return Failure(
        step=part.name_of(step),
        label=step.row_label(row),
        origin=step.row_origin(row),
        row=row,
        rows=step.namesakes,
        command=_command(part.records(step), row, record.command),
        exit_code=record.exit_code,
        reason=record.reason,
        detail=record.detail,
        host=record.host,
        scheduler_job=record.scheduler_job,
        started=record.started,
        stdout=log.with_name(f"{log.name}.out"),
        stderr=log.with_name(f"{log.name}.err"),
    )


def _record(records: StepRecords, row: int) -> RowRecord:
    """Return what is known of a row: from its failed record, and from its chunk's start if that is at the row."""
    first = records.step.chunk(records.step.chunk_of(row))[0]
    started = records.read(first, STARTED)
    return records.read(row, FAILED, started if started.row == row else NOTHING)


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
