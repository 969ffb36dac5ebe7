"""The logs of a run's jobs: finding them, reading them, following them while they grow."""

from __future__ import annotations

import codecs
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reana_batch import layout
from reana_batch.files import naming, read_regular, regular
from reana_batch.run.failures import failures
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.steps import Steps, matching, named, with_row

_PAUSE = 1.0  # seconds between two looks at growing files
_SHARE = 20  # looking may take a twentieth of the time at most
_STATE_EVERY = 15  # looks between two questions whether the run has ended, at the most


@dataclass(frozen=True, slots=True)
class JobLog:
    """The output of one job."""

    step: str
    label: str
    origin: str
    row: int
    rows: int
    stdout: Path
    stderr: Path
    cause: str = ""  # why the job failed, if it did

    @property
    def title(self) -> str:
        row = f", job {self.row} of {self.rows:,}" if self.rows > 1 else ""
        status = f"==> Status: failed: {self.cause}\n" if self.cause else ""
        return f"==> Step: {self.label}{row} ({self.origin})\n{status}"


def select(
    run: Run, step: str | None, row: int | None, *, all_jobs: bool = False, failed_alone: bool = True
) -> list[JobLog]:
    """Return the logs of a step, by its name or label, or of one of its rows.

    Without a step: of all jobs that failed, and if none did, or not ``failed_alone``, of all that have started. With
    ``all_jobs`` too, but without the causes of failures.
    """
    steps = list(run.steps())
    causes = {} if all_jobs else {(each.step, each.row): each.cause for each in failures(run)}
    if step is None:
        some, failed = bool(causes) and failed_alone, {name for name, _ in causes}
        chosen: Steps = [(part, each) for part, each in steps if not some or part.name_of(each) in failed]
        found = [log for part, each in chosen for log in _logs(part, each, causes, failed_alone=some)]
        return [log for log in found if row in (None, log.row)]
    rows = [(part, each) for part, each in steps if step in (label for label, _ in each.row_names)]
    if rows and not matching(steps, step):
        return [log for part, each in rows for log in _logs(part, each, causes) if log.label == step]
    chosen = named(steps, step) if row is None else with_row(named(steps, step), step, row)
    return [log for part, each in chosen for log in _logs(part, each, causes) if row in (None, log.row)]


def _logs(
    part: Run, step: StepEntry, causes: dict[tuple[str, int], str], *, failed_alone: bool = False
) -> Iterator[JobLog]:
    name = part.name_of(step)
    for row in sorted(row for failed, row in causes if failed == name) if failed_alone else range(step.rows):
        base = part.directory / layout.LOGS / step.stem(row)
        out, err = base.with_name(f"{base.name}.out"), base.with_name(f"{base.name}.err")
        if out.exists() or err.exists():
            cause = causes.get((name, row), "")
            yield JobLog(name, step.row_label(row), step.row_origin(row), row, step.namesakes, out, err, cause)


def as_record(log: JobLog) -> dict[str, Any]:
    """Return the log for ``--json``."""
    texts = {name: _text(path, "replace") for name, path in (("stdout", log.stdout), ("stderr", log.stderr))}
    return {"step": log.label, "origin": log.origin, "row": log.row, "cause": log.cause or None, **texts}


def read(logs: Iterable[JobLog]) -> Iterator[str]:
    """Yield the logs, each under its title; bytes that are not UTF-8 as Python's surrogates for them."""
    unended = ""
    for log in logs:
        yield unended + log.title
        unended = ""
        for path in (log.stdout, log.stderr):
            text = _text(path, "surrogateescape")
            if text:
                yield unended + text
                unended = "" if text.endswith("\n") else "\n"


def _text(path: Path, errors: str) -> str:
    return read_regular(path).decode("utf-8", errors) if path.exists() else ""


def follow(find: Callable[[], Sequence[JobLog]], state: Callable[[], str]) -> Iterator[str]:
    """Yield the logs that ``find()`` gives, and what is added, until ``state()`` is that of an ended run."""
    tails: dict[Path, _Tail] = {}
    next_question = 0
    for look in itertools.count():
        ended = False
        if look == next_question:
            next_question += min(look + 1, _STATE_EVERY)
            ended = state() not in ("queued", "running", "unknown")
        # What was written before the end is there now.
        before = time.monotonic()
        for log in find():
            added = "".join(tails.setdefault(path, _Tail(path)).read(final=ended) for path in (log.stdout, log.stderr))
            if added:
                yield log.title + added
        if ended:
            return
        time.sleep(max(_PAUSE, _SHARE * (time.monotonic() - before)))


class _Tail:
    """What is added to a growing file, in whole characters; bytes that are not UTF-8 as surrogates."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def read(self, *, final: bool) -> str:
        """Return what was added since the last call; the final one holds nothing back."""
        if not self._path.exists():
            return ""
        with naming(self._path), open(self._path, "rb", opener=regular) as stream:
            stream.seek(self._position)
            added = stream.read()
        self._position += len(added)
        return self._decoder.decode(added, final)
