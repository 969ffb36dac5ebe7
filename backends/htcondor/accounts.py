"""What HTCondor wrote down of a run's jobs: when each was submitted and started, and what it used.

The source is DAGMan's log of its nodes. Its events are described in HTCondor's manual, "Job Event Log Codes".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from reana_batch.backends.htcondor.events import events
from reana_batch.backends.htcondor.nodes import DAG_FILE, step_and_chunk
from reana_batch.run.parts import Run
from reana_batch.run.queue import Submission
from reana_batch.run.usage import Account

_TIME = re.compile(r"\) (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")
_CPU = re.compile(r"Usr (\d+) (\d+):(\d+):(\d+), Sys (\d+) (\d+):(\d+):(\d+)\s+-\s+Run Remote Usage")
_MEMORY = re.compile(r"Memory \(MB\)\s*:\s*(\d+)")
_HOST = re.compile(r"Job executing on host: <.*?alias=([^&>]+)")
_UNITS = (86400, 3600, 60, 1)


def accounts(directory: Path, _last: Submission) -> Mapping[tuple[str, int], Account]:
    """Return what is known of the last job of each node, by the step's name in the whole run and the chunk."""
    found: dict[tuple[str, int], Account] = {}
    for part in Run(directory).parts():
        for (step, chunk), account in _accounts(part.directory / f"{DAG_FILE}.nodes.log").items():
            found[part.path + step, chunk] = account
    return found


def _accounts(log: Path) -> dict[tuple[str, int], Account]:
    node_of: dict[str, tuple[str, int]] = {}
    found: dict[tuple[str, int], Account] = {}
    for number, job, lines in events(log, heads=True):
        if number == "000":
            names = [line.removeprefix("DAG Node: ") for line in lines if line.startswith("DAG Node: ")]
            node = step_and_chunk(names[0]) if names else None
            if node:
                node_of[job] = node
                found[node] = Account(submitted=_seconds(lines[0]), job=_id(job))
        elif job in node_of and number in _EVENTS:
            found[node_of[job]] = _EVENTS[number](found[node_of[job]], lines)
    return found


def _id(job: str) -> str:
    """Return the id of a job as records have it: ``4.0`` for ``004.000.000``."""
    return ".".join(str(int(number)) for number in job.split(".")[:2])


def _seconds(head: str) -> int:
    """Return the time of an event. HTCondor writes the local time. 0 if the log has dates without a year."""
    stamp = _TIME.search(head)
    return int(time.mktime(time.strptime(f"{stamp[1]} {stamp[2]}", "%Y-%m-%d %H:%M:%S"))) if stamp else 0


def _queued(known: Account, lines: list[str]) -> Account:
    return replace(known, submitted=_seconds(lines[0]), started=0)


def _executed(known: Account, lines: list[str]) -> Account:
    host = _HOST.search(lines[0])
    return replace(known, started=_seconds(lines[0]), host=host[1] if host else "")


def _ended(known: Account, lines: list[str]) -> Account:
    text = "\n".join(lines)
    cpu, memory = _CPU.search(text), _MEMORY.search(text)
    seconds = sum(int(count) * unit for count, unit in zip(cpu.groups(), _UNITS * 2, strict=True)) if cpu else None
    size = int(memory[1]) * 1024**2 if memory and memory[1] != "0" else None
    return replace(known, ended=_seconds(lines[0]), cpu=seconds, memory=size)


_EVENTS: dict[str, Callable[[Account, list[str]], Account]] = {
    "001": _executed,  # also of a job that was evicted and starts again
    "004": _queued,  # evicted
    "005": _ended,
    "009": _ended,  # removed
    "013": _queued,  # released
}
