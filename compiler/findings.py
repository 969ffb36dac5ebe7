"""The findings of `doctor`: a thing, whether the site needs it, and the advice. Also how to call a tool."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

TIMEOUT = 10  # seconds


@dataclass(frozen=True, slots=True)
class Finding:
    """A thing that was checked. ``state`` is ok, missing (the site needs it) or absent (the site does not)."""

    subject: str
    state: str
    note: str
    cure: str = ""


def finding(subject: str, good: bool, needed: bool, note: str, cure: str) -> Finding:
    """Return the finding about a thing. It is good or not, and the site needs it or not."""
    if good:
        return Finding(subject, "ok", note)
    return Finding(subject, "missing" if needed else "absent", note, cure if needed else "")


def output(*command: str) -> str | None:
    """Return what a tool prints, or None if it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def first_line(text: str | None) -> str:
    return text.splitlines()[0] if text else "not found"
