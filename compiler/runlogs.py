"""The logs of a run's jobs: finding them, reading them, following them while they grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reana_batch import layout
from reana_batch.diagnostics import refuse
from reana_batch.runstate import Run
from reana_batch.schema import closest

_PAUSE = 1.0  # seconds between two looks at growing files
_STATE_EVERY = 15  # looks between two questions whether the run has ended


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

    @property
    def title(self) -> str:
        row = f", job {self.row} of {self.rows:,}" if self.rows > 1 else ""
        return f"==> Step: {self.label}{row} ({self.origin})\n"


def select(directory: Path, step: str | None, row: int | None) -> list[JobLog]:
    """Return the logs of a step, by its name or label, or of one of its rows.

    Without a step: of all jobs that failed, and if none did, of all that have started.
    """
    run = Run(directory)
    steps = run.manifest["steps"]
    if step is None:
        failed = [(each.step, each.row) for each in run.failures()]
        chosen = [each for each in steps if not failed or each["name"] in {name for name, _ in failed}]
        found = [log for each in chosen for log in _logs(directory, each)]
        return [log for log in found if not failed or (log.step, log.row) in failed]
    chosen = [each for each in steps if step in (each["name"], each["label"])]
    if not chosen:
        names = [each["label"] for each in steps]
        meant = closest(step, names)
        hint = f"did you mean {meant}?" if meant else f"known: {', '.join(names[:20])}."
        raise refuse("unknown-step", f'There is no step "{step}".', hint=hint)
    return [log for each in chosen for log in _logs(directory, each) if row is None or log.row == row]


def _logs(directory: Path, step: dict[str, Any]) -> Iterator[JobLog]:
    for row in range(step["rows"]):
        base = directory / layout.LOGS / step["folder"] / layout.row_stem(row, step["rows"])
        out, err = base.with_name(f"{base.name}.out"), base.with_name(f"{base.name}.err")
        if out.exists() or err.exists():
            yield JobLog(step["name"], step["label"], step["origin"], row, step["rows"], out, err)


def as_record(log: JobLog) -> dict[str, Any]:
    """Return the log for ``--json``."""
    texts = {name: _text(path) for name, path in (("stdout", log.stdout), ("stderr", log.stderr))}
    return {"step": log.label, "origin": log.origin, "row": log.row, **texts}


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""


def read(logs: Sequence[JobLog]) -> Iterator[str]:
    """Yield the logs, each under its title."""
    for log in logs:
        yield log.title
        for path in (log.stdout, log.stderr):
            text = _text(path)
            if text:
                yield text if text.endswith("\n") else f"{text}\n"


def follow(logs: Sequence[JobLog], state: Callable[[], str]) -> Iterator[str]:
    """Yield the logs, and then what is added to them, until ``state()`` is that of an ended run."""
    positions: dict[Path, int] = {}
    for look in range(1_000_000_000):
        for log in logs:
            added = "".join(_added(path, positions) for path in (log.stdout, log.stderr))
            if added:
                yield log.title + added
        if look % _STATE_EVERY == 0 and state() not in ("queued", "running"):
            return
        time.sleep(_PAUSE)


def _added(path: Path, positions: dict[Path, int]) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        stream.seek(positions.get(path, 0))
        added = stream.read()
        positions[path] = stream.tell()
    return added.decode("utf-8", "replace")
