"""What the kernel says of processes on this machine."""

from __future__ import annotations

from pathlib import Path

_ENDED = ("Z", "X")  # zombies, and processes that are dead


def fields(process: Path) -> list[str]:
    """Return the fields of a process after its name: its state, parent, group and so on. ``process`` is its folder in /proc.

    Raises OSError if it has ended, or belongs to another user.
    """
    return (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def is_running(process: Path) -> bool:
    """Return whether a process is not a zombie. Raises as :func:`fields`."""
    return fields(process)[0] not in _ENDED


def started(pid: int) -> str:
    """Return when the kernel started a process, in its own unit. Empty if the process has ended."""
    try:
        words = fields(Path(f"/proc/{pid}"))
    except OSError:
        return ""
    return "" if words[0] in _ENDED else words[19]
