"""GNU make: one machine, ``make -jN``, restartable by nature.

A chunk is done when its stamp ``state/<step>/<chunk>.chunk`` is there, and a step when ``complete``
is. Independent jobs go on when one fails (``--keep-going``); what depends on it is not started.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from reana_batch import layout
from reana_batch.diagnostics import refuse
from reana_batch.ir import Pattern, Step, Workflow, chunk_pattern
from reana_batch.jobqueue import JobState, Queue, QueuedJob
from reana_batch.jobs import folders
from reana_batch.render import File, stream
from reana_batch.runstate import Run
from reana_batch.sites import Site
from reana_batch.target import Target

TARGET = Target(
    name="make",
    title="GNU make",
    compute_backends=frozenset(),
    hints={"runtime": ("kubernetes_job_timeout", "slurm_time", "htcondor_max_runtime")},
    container_runtimes=frozenset({"none", "apptainer"}),
    pulls_no_images=frozenset(),
    start_command="make -j4 -f batch/Makefile",
    enforces_runtime=False,
)


def lower(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield the Makefile, to be run in the run directory: ``make -j4 -f batch/Makefile``."""
    folder_of = folders(workflow)
    steps = {step.name: step for step in workflow.steps}
    values = {
        "steps": [_step(step, folder_of, steps) for step in workflow.steps],
        "clean": not site.inherit_environment,
    }
    yield File(f"{layout.BATCH}/Makefile", stream("make/Makefile.j2", "make", **values))


def submit(run: Run) -> list[str]:
    """Refuse: make is a process of this machine, and runs in the foreground."""
    raise refuse("run-state", f"{run.directory.name} is compiled for make.", hint="reana-batch run runs it here.")


def query(directory: Path, ids: list[str]) -> Queue:
    """Return whether the make that runs the workflow is still alive, as far as this machine can see."""
    del directory
    alive = [QueuedJob(name, "", (), JobState.RUNNING) for name in ids if _is_alive(name)]
    return Queue(tuple(alive))


def cancel(directory: Path, ids: list[str]) -> None:
    """End make and its jobs."""
    del directory
    for name in ids:
        if _is_alive(name):
            os.killpg(int(name.rpartition(":")[2]), signal.SIGTERM)


def endings(directory: Path) -> dict[tuple[str, int], str]:
    """Return nothing: jobs leave a record of whatever ends them."""
    del directory
    return {}


def _is_alive(name: str) -> bool:
    """Return whether ``HOST:PID`` is a make of ours; of another host nothing is known, so it may be."""
    host, _, pid = name.rpartition(":")
    if host != socket.gethostname():
        return True
    try:
        return b"batch/Makefile" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _step(step: Step, folder_of: dict[str, str], steps: dict[str, Step]) -> dict[str, object]:
    """Return what the template needs to know of a step; lists are walked while it is written."""
    folder = folder_of[step.name]
    each: list[str] = []
    whole: list[str] = []
    explicit: list[Iterator[tuple[str, list[str]]]] = []
    for need in step.needs:
        parent = folder_of[need.step]
        pattern = chunk_pattern(need, step, steps[need.step])
        if pattern is Pattern.ALL:
            whole.append(f"state/{parent}/complete")
        elif pattern is Pattern.EACH:
            each.append(parent)
        else:
            explicit.append(_explicit(folder, step.chunks, parent, steps[need.step].chunks, pattern))
    return {
        "name": step.name,
        "folder": folder,
        "origin": step.origin.short,
        "stamps": (_stamp(folder, chunk, step.chunks) for chunk in range(step.chunks)),
        "each": each,
        "whole": whole,
        "explicit": explicit,
    }


def _explicit(
    folder: str, chunks: int, parent: str, parent_chunks: int, pattern: Callable[[int], tuple[int, ...]]
) -> Iterator[tuple[str, list[str]]]:
    """Yield each chunk's stamp with those of the parent's that it waits for."""
    for chunk in range(chunks):
        yield _stamp(folder, chunk, chunks), [_stamp(parent, each, parent_chunks) for each in pattern(chunk)]


def _stamp(folder: str, chunk: int, count: int) -> str:
    return f"state/{folder}/{layout.row_stem(chunk, count)}.chunk"
