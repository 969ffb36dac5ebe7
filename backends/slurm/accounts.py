"""What Slurm's accounting wrote down of a run's jobs: when each was submitted and started, and what it used.

One call of sacct asks for all jobs. A site without accounting answers with nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from reana_batch.backends.slurm import tools
from reana_batch.backends.slurm.journal import jobs_of
from reana_batch.diagnostics import refuse
from reana_batch.run.parts import Run
from reana_batch.run.queue import Submission
from reana_batch.run.usage import Account

# A job has a line of its own, and a line for each of its steps, in which its memory is. Source: sacct(1).
_FIELDS = ("JobID", "Submit", "Start", "End", "TotalCPU", "MaxRSS", "NodeList")
_OPTIONS = ("--noheader", "--parsable2", f"--format={','.join(_FIELDS)}")
_CPU = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]?)")
_POWERS = {letter: 1024**power for power, letter in enumerate(("", "K", "M", "G", "T", "P"))}


def accounts(directory: Path, _last: Submission) -> Mapping[tuple[str, int], Account]:
    """Return what Slurm knows of the last job of each chunk, by the step's name in the whole run and the chunk."""
    jobs = {job: place for job, place in jobs_of(Run(directory)).items() if place[0]}
    if not jobs:
        return {}
    done = tools.run(["sacct", *_OPTIONS, f"--jobs={','.join(jobs)}"], tools.cluster_of(directory))
    if done.returncode != 0:
        raise refuse("scheduler", f"sacct failed: {' '.join(done.stderr.split())}")
    found: dict[tuple[str, int], Account] = {}
    for job, fields in _lines(done.stdout):
        array, _, element = job.partition("_")
        if array in jobs and (not element or element.isdecimal()):
            step, first = jobs[array]
            chunk = step, first + int(element or 0)
            found[chunk] = replace(_completed(found.get(chunk), *fields), job=job)
    return found


def _lines(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the job of each line, and its fields. A line of a step has the memory alone."""
    for line in text.splitlines():
        words = line.split("|")
        if len(words) == len(_FIELDS):
            job, is_step, _ = words[0].partition(".")
            yield job, ["", "", "", "", words[5], ""] if is_step else words[1:]


def _completed(known: Account | None, submit: str, start: str, end: str, cpu: str, memory: str, host: str) -> Account:
    if submit:
        return Account(
            _time(submit), _time(start), _time(end), _cpu(cpu), None, "" if host.startswith("None") else host
        )
    known = known or Account()
    sizes = [size for size in (known.memory, _size(memory)) if size]
    return replace(known, memory=max(sizes, default=None))


def _time(text: str) -> int:
    """Return a time, which sacct prints as local time. 0 for words such as Unknown."""
    try:
        return int(time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return 0


def _cpu(text: str) -> float | None:
    """Return the seconds of ``[DD-[HH:]]MM:SS``. None if Slurm did not count them: it prints 0 then."""
    found = _CPU.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds or None


def _size(text: str) -> int | None:
    found = _SIZE.fullmatch(text)
    return round(float(found[1]) * _POWERS[found[2]]) if found else None
