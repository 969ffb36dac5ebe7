"""Sessions in words: how to reach an open one, and where the others are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from reana_batch.amounts import duration
from reana_batch.cli.terminal import Line, Table, line
from reana_batch.lifecycle.sessions import OPEN, STARTING, UNKNOWN, WAITING, SessionStatus

_STATES = {
    WAITING: "waits in the queue",
    STARTING: "is starting",
    OPEN: "is open",
    UNKNOWN: "cannot be seen, because its batch system or machine does not answer",
}


def opened_lines(current: SessionStatus, is_new: bool, login: str) -> Iterator[Line]:
    """Yield the address of an open session, and the command that leads to it from another machine."""
    session = current.session
    how = "is open" if is_new else "was open already"
    yield line(f"==> SUCCESS: {_named(current)} {how} on {session.host}, {_time_of(current)}.", "green")
    yield line(f"  {session.url}")
    # Some machines are a login node and a worker. ssh does not jump from a machine to itself.
    way = login if current.is_here or session.host == login else f"-J {login} {session.host}"
    where = "From your own machine" if current.is_here else "The address works after this command"
    yield line(f"{where}: ssh -N -L {session.port}:127.0.0.1:{session.port} {way}")
    yield line(f"To end it: reana-batch close -w {shlex.quote(str(current.run))}")


def session_lines(found: Sequence[SessionStatus]) -> Iterator[Line]:
    """Yield a line for each session that has not ended."""
    for each in found:
        verb = "show its address" if each.state == OPEN else "wait for it"
        yield line(f"{session_text(each)} To {verb}: reana-batch open -w {shlex.quote(str(each.run))}")


def session_text(current: SessionStatus) -> str:
    """Return the sentence about a session: its state, host, age and time limit, or why it is not open."""
    session = current.session
    place = f" on {session.host}" if session.host else ""
    why = f" ({current.reason})" if current.reason else ""
    job = f", as job {session.job}" if session.job and not current.is_here else ""
    return f"==> {_named(current)} {_STATES[current.state]}{place}{job}, {_time_of(current)}{why}."


def sessions_table(found: Sequence[SessionStatus]) -> Table:
    """Return the table of sessions."""
    rows = []
    for each in found:
        label, _, number = each.run.name.partition(".")
        session = each.session
        times = (duration(each.seconds), duration(session.seconds))
        rows.append((label, number, session.kind, each.state, session.host, *times))
    return Table(("NAME", "RUN_NUMBER", "SESSION_TYPE", "SESSION_STATUS", "HOST", "AGE", "LIMIT"), rows)


def _named(current: SessionStatus) -> str:
    return f"{current.session.kind} of {current.run.name}"


def _time_of(current: SessionStatus) -> str:
    return f"for {duration(current.seconds)} of {duration(current.session.seconds)}"
