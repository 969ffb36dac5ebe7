"""The record of a run, ``state/run.json``: when it was made and submitted, and under which ids."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reana_batch import files, layout
from reana_batch.diagnostics import refuse
from reana_batch.run.queue import Submission
from reana_batch.run.records import damaged, read_json

if TYPE_CHECKING:
    pass


RECORD = f"{layout.STATE}/run.json"


_LAST_TIME = 253402300800  # the year 10000, in seconds


def read_record(directory: Path) -> dict[str, Any]:
    """Return what was written down when the run was made and submitted."""
    try:
        record = read_json(directory / RECORD)
    except FileNotFoundError:
        return {}
    if not _is_record(record):
        raise damaged(directory / RECORD)
    return record


def _is_record(record: Mapping[str, Any]) -> bool:
    """Return whether a record has the form that the commands count on."""
    ids = record.get("ids", None if record.get("submitted") else [])
    times = (record.get(name) or 0 for name in ("created", "submitted", "stopped", "deleted"))
    return (
        isinstance(ids, list)
        and all(isinstance(each, str) for each in ids)
        and all(type(each) in (int, float) and 0 <= each < _LAST_TIME for each in times)
        and isinstance(record.get("intent") or {}, dict)
        and all(isinstance(record.get(name) or "", str) for name in ("spec", "restarts", "host"))
    )


def note(directory: Path, **facts: Any) -> None:
    """Add facts to the record of a run; the file is complete or as it was."""
    record = read_record(directory) | facts
    try:
        files.write_whole(directory / RECORD, f"{json.dumps(record, indent=1)}\n".encode())
    except OSError as error:
        raise refuse("cannot-write", f"{directory / RECORD} cannot be written: {error.strerror}.") from error


def note_intent(directory: Path, backend: str, place: Mapping[str, str]) -> None:
    """Write down that a batch system is about to be asked to take the run, and which."""
    intent = {"time": time.time(), "host": os.uname().nodename, "backend": backend, **place}
    note(directory, intent=intent, stopped=None)


def note_submission(directory: Path, ids: list[str]) -> None:
    """Write down what the batch system accepted."""
    note(directory, submitted=time.time(), ids=ids, host=os.uname().nodename)


def last_submission(record: Mapping[str, Any]) -> Submission:
    """Return what a run's record says of where it was submitted."""
    intent: dict[str, Any] | None = record.get("intent")
    place = None
    if intent is not None:
        place = {name: str(value) for name, value in intent.items() if name not in ("time", "host", "backend")}
    host = str((intent or record).get("host", ""))
    return Submission(tuple(record.get("ids", ())), host, place)
