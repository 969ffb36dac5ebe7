"""GNU make: one machine, ``make -jN``, restartable by nature.

A chunk is done when its stamp ``state/<step>/<chunk>.chunk`` is there, and a step when ``complete``
is. Independent jobs go on when one fails (``--keep-going``); what depends on it is not started.
Where chunks wait for single rows of others, they wait for ``<chunk>.ended``, which never fails and is never made.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reana_batch import files, layout
from reana_batch.diagnostics import refuse
from reana_batch.ir import Pattern, Step, Workflow, chunk_pattern, followed_by_rows
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, Queue, QueuedJob, Submission, Trace
from reana_batch.run.small_files import tail
from reana_batch.target import Target
from reana_batch.writing.jobs import folders
from reana_batch.writing.render import File, stream

if TYPE_CHECKING:
    from reana_batch.site import Site

TARGET = Target(
    name="make",
    title="GNU make",
    compute_backends=frozenset(),
    hints={"runtime": ("kubernetes_job_timeout", "slurm_time", "htcondor_max_runtime")},
    container_runtimes=frozenset({"none", "apptainer"}),
    pulls_no_images=frozenset(),
    keeper="make",
    start_command="make -j4 -f batch/Makefile",
    sends_files=False,
    enforces_runtime=False,
)

# An argument of a process that runs a workflow: make's, and each job's.
_RUNS = re.compile(rf"(.*/)?{layout.BATCH}/(Makefile|steps/.*/job\.sh)")
# How long `stop` waits for the jobs to end.
_LAST_SECONDS = 20
# Bytes; with less on a disk, no record can be written.
_LEAST_FREE = 64 * 1024
_LOG_LINES = 20


def lower(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield the Makefile, to be run in the run directory: ``make -j4 -f batch/Makefile``."""
    folder_of = folders(workflow)
    steps = {step.name: step for step in workflow.steps}
    followed = followed_by_rows(workflow.steps)
    values = {
        "steps": [_step(step, folder_of, steps, followed) for step in workflow.steps],
        "expansions": [
            {"state": f"state/{folder_of[e.name]}", "directory": layout.expansion_folder(e.name)}
            for e in workflow.expansions
        ],
        "clean": not site.inherit_environment,
    }
    yield File(f"{layout.BATCH}/Makefile", stream("make/Makefile.j2", "make", **values))


def place(run: Run, last: Submission) -> Mapping[str, str]:
    """Refuse: make is a process of this machine, and runs in the foreground."""
    del last
    here = shlex.quote(str(run.directory))
    credentials = "bash batch/credentials.sh && " if (run.directory / "batch/credentials.sh").exists() else ""
    hint = f"to run it here: cd {here} && {credentials}{TARGET.start_command}"
    raise refuse("run-state", f"{run.directory.name} is compiled for make, which submits nothing.", hint=hint)


def submit(run: Run, place: Mapping[str, str]) -> list[str]:
    """Refuse, as :func:`place` did before."""
    raise refuse("run-state", f"{run.directory.name} is compiled for make, not for {place}.")


def trace(directory: Path) -> Trace:
    """Return whether a process of the run is alive here, or a make was started somewhere."""
    started = (directory / layout.MAKE_HOSTS).exists() or any(_engines(directory))
    return Trace.ACCEPTED if started else Trace.NONE


def query(directory: Path, last: Submission) -> Queue:
    """Return the processes of the run: make, its jobs, and what is left of their process groups.

    Refused if it was started on another machine, because nothing is known of the processes there.
    """
    _check_host(directory, last)
    groups = [QueuedJob(name, "", (), JobState.RUNNING) for name in last.ids if _is_alive(directory, name)]
    found = [QueuedJob(str(pid), "", (), JobState.RUNNING) for pid in _engines(directory)]
    return Queue((*groups, *found))


def cancel(directory: Path, last: Submission) -> None:
    """End make and its jobs, and wait until each has written its record."""
    _check_host(directory, last)
    for name in last.ids:
        if _is_alive(directory, name):
            with contextlib.suppress(ProcessLookupError):  # it has ended just now
                os.killpg(int(name.rpartition(":")[2]), signal.SIGTERM)
    end = time.monotonic() + _LAST_SECONDS
    while query(directory, last).jobs and time.monotonic() < end:
        if not any(_is_alive(directory, name) for name in last.ids):
            for pid in _engines(directory):  # started by hand, in a process group that holds others as well
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        time.sleep(0.1)


def release(directory: Path, last: Submission, held: list[QueuedJob]) -> list[str]:
    """Return nothing: make holds no jobs."""
    del directory, last, held
    return []


def endings(directory: Path) -> dict[tuple[str, int], str]:
    """Return, by step and chunk, the jobs that were started and left no record: they could not write one."""
    run = Run(directory)
    full = shutil.disk_usage(directory).free < _LEAST_FREE
    why = f"the disk of {directory} is full" if full else "its disk was full, or its machine or make was ended by force"
    return {
        (step.name, step.chunk_of(row)): f"lost: it left no record; {why}"
        for step in run.manifest.steps
        for row in run.records(step).states().lost
    }


def last_words(directory: Path) -> str:
    """Return the end of make's log."""
    return tail(directory / layout.MAKE_LOG, _LOG_LINES)


def _check_host(directory: Path, last: Submission) -> None:
    """Raise Refused if the run was started on another machine, or jobs of it are at work there."""
    here = socket.gethostname()
    hosts = {name.rpartition(":")[0] for name in last.ids} or {last.host or here}
    with contextlib.suppress(FileNotFoundError):  # each make has noted it, also one that was started by hand
        hosts = set(files.read_text(directory / layout.MAKE_HOSTS).split())
    if hosts != {here}:
        hint = "stop it there, or with --force if that machine is no more."
        raise refuse("scheduler", f"{directory.name} runs on {', '.join(sorted(hosts - {here}))}.", hint=hint)


def _is_alive(directory: Path, name: str) -> bool:
    """Return whether ``HOST:GROUP`` of this host has a process of this run.

    A signal ends make at once, and its jobs when they have ended what they run: so the group is looked at.
    """
    group = name.rpartition(":")[2]
    return any(_belongs(process, group, directory) for process in Path("/proc").glob("[0-9]*"))


def _belongs(process: Path, group: str, directory: Path) -> bool:
    """Return whether a process is of this group, and works in the run: numbers are given out again."""
    try:
        _, _, its_group, *_ = (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return its_group == group and (process / "cwd").resolve().is_relative_to(directory.resolve())
    except OSError:  # it has ended, or is somebody else's
        return False


def _engines(directory: Path) -> Iterator[int]:
    """Yield the processes of this machine that run the workflow, whoever started them: make, and jobs."""
    run = directory.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            works_here = any(_RUNS.fullmatch(word) for word in words[1:])
            if works_here and (process / "cwd").resolve().is_relative_to(run) and _is_running(process):
                yield int(process.name)
        except OSError:  # it has ended, or is somebody else's
            continue


def _is_running(process: Path) -> bool:
    """Return whether a process is more than the entry that its parent has not read yet."""
    return (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] not in ("Z", "X")


def _step(step: Step, folder_of: dict[str, str], steps: dict[str, Step], followed: set[str]) -> dict[str, object]:
    """Return what the template needs to know of a step; lists are walked while it is written."""
    folder = folder_of[step.name]
    each: list[tuple[str, str]] = []
    whole: list[str] = []
    explicit: list[Iterator[tuple[str, list[str]]]] = []
    for need in step.needs:
        parent, ending = folder_of[need.step], _ending(need.step, followed)
        pattern = chunk_pattern(need, step, steps[need.step])
        if pattern is Pattern.ALL:
            whole.append(f"state/{parent}/{'ended' if step.name in followed else 'complete'}")
        elif pattern is Pattern.EACH:
            each.append((parent, ending))
        else:
            before = partial(_stamp, parent, count=steps[need.step].chunks, ending=ending)
            own = partial(_stamp, folder, count=step.chunks, ending=_ending(step.name, followed))
            explicit.append(_explicit(step.chunks, own, before, pattern))
    return {
        "name": step.name,
        "folder": folder,
        "origin": step.origin.short,
        "stamps": (_stamp(folder, chunk, step.chunks, ".chunk") for chunk in range(step.chunks)),
        "followed": step.name in followed,
        "ended": (_stamp(folder, chunk, step.chunks, ".ended") for chunk in range(step.chunks)),
        "each": each,
        "whole": whole,
        "explicit": explicit,
    }


def _explicit(
    chunks: int, own: Callable[[int], str], before: Callable[[int], str], pattern: Callable[[int], tuple[int, ...]]
) -> Iterator[tuple[str, list[str]]]:
    """Yield each chunk's target with those of the parent's that it waits for."""
    for chunk in range(chunks):
        yield own(chunk), list(map(before, pattern(chunk)))


def _ending(name: str, followed: set[str]) -> str:
    """Return the ending of the targets that run the chunks of a step."""
    return ".ended" if name in followed else ".chunk"


def _stamp(folder: str, chunk: int, count: int, ending: str) -> str:
    return f"state/{folder}/{layout.row_stem(chunk, count)}{ending}"
