"""The events in HTCondor's logs of jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_EVENT = re.compile(r"(\d{3}) \(([\d.]+)\) ")


def events(log: Path, *, heads: bool = False) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the number, job and further lines of each event. ``heads`` includes its first line."""
    if not log.exists():
        return
    lines: list[str] = []
    with log.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line != "...\n":
                lines.append(line.strip())
            else:
                head = _EVENT.match(lines[0]) if lines else None
                if head:
                    yield head[1], head[2], lines if heads else lines[1:]
                lines = []
