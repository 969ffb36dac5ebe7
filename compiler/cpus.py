"""The number of CPUs that this process may use: those of its affinity, within the quota of its control group."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable(proc: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many CPUs the jobs that this process starts may use together."""
    return max(1, min(len(os.sched_getaffinity(0)), *_quotas(proc, mounted)))


def _quotas(proc: Path, mounted: Path) -> Iterator[int]:
    """Yield the machine's CPUs, and each quota of the control groups above this process."""
    yield os.cpu_count() or 1
    for line in _text(proc).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for group in (PurePosixPath(path), *PurePosixPath(path).parents):
            yield from _quota(mounted / (controllers and "cpu") / str(group).lstrip("/"))


def _quota(folder: Path) -> Iterator[int]:
    """Yield the quota of a control group. Version 2 has both numbers in cpu.max, version 1 has two files."""
    words = _text(folder / "cpu.max").split()
    words = words or [_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    if len(words) == 2 and all(word.isdecimal() and int(word) for word in words):
        yield math.ceil(int(words[0]) / int(words[1]))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
