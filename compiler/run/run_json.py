"""The record of a run, ``state/run.json``: when it was made and submitted, and under which ids."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, Unpack

from reana_batch import files, layout
from reana_batch.diagnostics import refuse
from reana_batch.run.queue import Submission
from reana_batch.run.small_files import damaged, read_json

RECORD = f"{layout.STATE}/run.json"
_LAST_TIME = 253402300800  # the year 10000, in seconds
# The fields of a record, by the kind of their values.
_TIMES = ("created", "submitted", "stopped", "deleted")
_TEXTS = ("spec", "restarts", "reuses", "site", "backend", "host")


@dataclass(frozen=True, slots=True)
class Intent:
    """That a batch system is asked to take the run: on which machine, and which scheduler, as its back end names it."""

    host: str = ""
    place: Mapping[str, str] = field(default_factory=dict)
    backend: str = ""

    def as_json(self) -> dict[str, object]:
        """Return what the record holds of it, with the time of now."""
        said = {"host": self.host, "backend": self.backend}
        return {"time": time.time(), **{name: value for name, value in said.items() if value}, **self.place}


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What was written down of a run. Times are seconds since 1970; what has not happened has none."""

    created: float | None = None
    submitted: float | None = None
    stopped: float | None = None
    deleted: float | None = None  # in part
    spec: str = ""  # the path of the analysis
    restarts: str = ""  # the name of the run that it goes on with
    ids: tuple[str, ...] = ()  # that the batch system gave
    host: str = ""  # where it was submitted
    intent: Intent | None = None
    reuses: str = ""  # the name of the run whose jobs it took over, with another analysis
    site: str = ""  # for which it was compiled
    backend: str = ""  # that the user asked for
    settings: tuple[str, ...] = ()  # of the site, by the user

    @property
    def last_submission(self) -> Submission:
        """What the record says of where the run was submitted."""
        if self.intent is None:
            return Submission(self.ids, self.host)
        return Submission(self.ids, self.intent.host, self.intent.place)


class Facts(TypedDict, total=False):
    """What can be written down of a run, as in :class:`RunRecord`. None takes back what was written before."""

    created: float
    submitted: float
    stopped: float | None
    deleted: float
    spec: str
    restarts: str
    reuses: str
    site: str
    backend: str
    settings: list[str]
    ids: list[str]
    host: str
    intent: Intent


def read_record(directory: Path) -> RunRecord:
    """Return what was written down when the run was made and submitted. Refused if that is damaged."""
    record = _read(directory)
    known = {name: record[name] for name in (*_TIMES, *_TEXTS) if record.get(name)}
    ids, settings = (tuple(record.get(name, ())) for name in ("ids", "settings"))
    return RunRecord(**known, ids=ids, settings=settings, intent=_intent(record.get("intent")))


def _intent(said: Mapping[str, Any] | None) -> Intent | None:
    if not said:
        return None
    place = {name: str(value) for name, value in said.items() if name not in ("time", "host", "backend")}
    return Intent(str(said.get("host", "")), place, str(said.get("backend", "")))


def _read(directory: Path) -> dict[str, Any]:
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
    times = (record.get(name) or 0 for name in _TIMES)
    lists = (ids, record.get("settings", []))
    return (
        all(isinstance(each, list) and all(isinstance(text, str) for text in each) for each in lists)
        and all(type(each) in (int, float) and 0 <= each < _LAST_TIME for each in times)
        and isinstance(record.get("intent") or {}, dict)
        and all(isinstance(record.get(name) or "", str) for name in _TEXTS)
    )


def note(directory: Path, **facts: Unpack[Facts]) -> None:
    """Add facts to the record of a run; the file is complete or as it was."""
    known = {name: fact.as_json() if isinstance(fact, Intent) else fact for name, fact in facts.items()}
    record = _read(directory) | known
    try:
        files.write_whole(directory / RECORD, f"{json.dumps(record, indent=1)}\n".encode())
    except OSError as error:
        raise refuse("cannot-write", f"{directory / RECORD} cannot be written: {error.strerror}.") from error


def note_intent(directory: Path, backend: str, place: Mapping[str, str]) -> None:
    """Write down that a batch system is about to be asked to take the run, and which."""
    note(directory, intent=Intent(os.uname().nodename, place, backend), stopped=None)


def note_submission(directory: Path, ids: list[str]) -> None:
    """Write down what the batch system accepted."""
    note(directory, submitted=time.time(), ids=ids, host=os.uname().nodename)
