"""The records of sessions: what ``open`` asked for, and what the session's job wrote down.

A session is a server on the workspace of a run. It has one user and a time limit. Its folder is private.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from reana_batch import files, layout
from reana_batch.diagnostics import Refused, refuse
from reana_batch.run.small_files import names_in, read_json
from reana_batch.writing.sessions import KINDS, RECORD, TOKEN

_ASKED = "session.json"


@dataclass(frozen=True, slots=True)
class Session:
    """A session: what was asked for, then what its job wrote. Times are seconds since 1970; 0 is not yet."""

    folder: Path
    kind: str
    backend: str  # the back end that started its job
    asked: float
    seconds: int  # its time limit
    place: Mapping[str, str] | None = None  # its scheduler, in the words of the back end
    job: str = ""  # its id there
    state: str = ""  # starting, open, ended, failed
    reason: str = ""
    host: str = ""
    port: int = 0
    page: str = ""
    started: int = 0

    @property
    def url(self) -> str:
        """The address with the token. Only the user can read it."""
        token = files.read_text(self.folder / TOKEN).strip()
        return f"http://127.0.0.1:{self.port}/{KINDS[self.kind].pages.get(self.page, '')}?token={token}"


def folder_of(run: Path, kind: str) -> Path:
    """Return the folder of a run's session of a kind."""
    return run / layout.SESSIONS / kind


def note_session(session: Session) -> None:
    """Write what was asked for."""
    names = ("kind", "backend", "asked", "seconds", "place", "job")
    known = {name: value for name, value in asdict(session).items() if name in names}
    files.write_whole(session.folder / _ASKED, f"{json.dumps(known, indent=1)}\n".encode())


def read_session(run: Path, kind: str) -> Session | None:
    """Return a run's session of a kind. None if there is none. Raises Refused if its record is damaged."""
    folder = folder_of(run, kind)
    if _ASKED not in names_in(folder):  # which makes a network file system ask its server again
        return None
    try:
        session = Session(folder=folder, **read_json(folder / _ASKED))
        heard = _heard(folder / RECORD)
        if session.job:
            heard.pop("job", None)
        return replace(session, **heard)
    except (Refused, TypeError, ValueError):
        hint = f"if its job still runs, cancel it; then delete the folder {folder}."
        raise refuse("unknown-run", f"{folder / _ASKED} is damaged.", hint=hint) from None


def read_sessions(run: Path) -> Iterator[Session]:
    """Yield the sessions of a run."""
    for kind in KINDS if layout.SESSIONS in names_in(run) else ():
        session = read_session(run, kind)
        if session is not None:
            yield session


_NUMBERS = ("port", "started")
_TEXTS = ("state", "reason", "host", "page", "job")


def _heard(path: Path) -> dict[str, Any]:
    """Return what the job of a session wrote. Nothing if it has not started."""
    try:
        lines = files.read_text(path).splitlines()
    except FileNotFoundError:
        return {}
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    numbers = {name: int(said[name]) for name in _NUMBERS if said.get(name, "").isdecimal()}
    return numbers | {name: said[name] for name in _TEXTS if name in said}
