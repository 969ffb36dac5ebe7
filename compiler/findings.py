"""The findings of `doctor`: a thing, whether the site needs it, and the advice. Also how to call a tool."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import NamedTuple

TIMEOUT = 10  # seconds
# A directory with less room is full. Bytes.
LITTLE_SPACE = 1024**3
# The seconds by which a clock may differ. Some schedulers and file systems tell whole seconds.
_SKEW = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A thing that was checked.

    ``state`` is ok, missing (the site needs it), absent (the site does not need it) or unknown (it could not be checked).
    """

    subject: str
    state: str
    note: str
    cure: str = ""


def finding(subject: str, good: bool | None, needed: bool, note: str, cure: str) -> Finding:
    """Return the finding about a thing. It is good or not, and the site needs it or not. None is not known."""
    if good:
        return Finding(subject, "ok", note)
    if good is None:
        return Finding(subject, "unknown", note, cure)
    return Finding(subject, "missing" if needed else "absent", note, cure if needed else "")


class Told(NamedTuple):
    """What a tool printed on both its outputs, and whether it ended with success. That is not known if it took too long."""

    good: bool | None
    text: str
    out: str = ""  # on the output alone


def told(*command: str) -> Told | None:
    """Return what a tool says, or None if it is missing. It and its children are ended if they take too long."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError:
        return None
    with process:
        try:
            out, errors = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return Told(None, f"{command[0]} did not answer within {TIMEOUT} s")
    text = "\n".join(filter(None, (out.strip(), errors.strip())))
    return Told(process.returncode == 0, text, out.strip())


def output(*command: str) -> str | None:
    """Return what a tool prints, or None if it is missing, fails or takes too long."""
    answer = told(*command)
    return answer.out if answer and answer.good else None


def judged(answer: Told | None, good: str, bad: str) -> tuple[bool | None, str]:
    """Return whether a tool ended with success, and the note for that. A missing tool did not, and a slow one may have.

    >>> judged(Told(True, ""), "valid", "none"), judged(None, "valid", "none")
    ((True, 'valid'), (False, 'none'))
    >>> judged(Told(None, "klist did not answer"), "valid", "none")
    (None, 'klist did not answer')
    """
    if answer is not None and answer.good is None:
        return None, answer.text
    return (True, good) if answer is not None and answer.good else (False, bad)


def tool(subject: str, needed: bool, cure: str, *command: str) -> Finding:
    """Return whether a tool is there. Its command prints its version."""
    answer = told(*command)
    if answer is None or answer.good is False:
        return finding(
            subject, False, needed, "not found" if answer is None else first_line(answer.text or "it fails"), cure
        )
    return finding(subject, answer.good, needed, first_line(answer.out or answer.text), "")


def first_line(text: str | None) -> str:
    return text.splitlines()[0] if text else "not found"


def clock(subject: str, shown: float, since: float, until: float) -> Finding:
    """Return the finding about a clock that showed ``shown`` between two times of this machine's clock."""
    behind, ahead = since - shown, shown - until
    if max(behind, ahead) > _SKEW:
        note = f"{max(behind, ahead):,.0f} s {'behind' if behind > ahead else 'ahead of'} the clock of this machine"
        return finding(
            subject, False, True, note, "ask the administrator of the machine: tickets and times depend on it."
        )
    return finding(subject, True, True, f"agrees with this machine within {max(until - since, _SKEW):,.0f} s", "")
