"""Running a compiled workflow on this machine, in the foreground, by GNU make."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from reana_batch import cpus, files, layout
from reana_batch.backends.drivers import Driver, Here, Report
from reana_batch.diagnostics import refuse
from reana_batch.files import no_follow
from reana_batch.findings import Finding, finding, first_line, output
from reana_batch.run import credentials
from reana_batch.run.lock import locked
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, Queue, QueuedJob, Submission, Trace
from reana_batch.run.run_json import note, note_intent, note_submission, read_record
from reana_batch.run.small_files import tail

if TYPE_CHECKING:
    from reana_batch.site import Site

# The machines on which a make of this run was started; its Makefile notes them.
_HOSTS = f"{layout.STATE}/make.hosts"
_LOG = f"{layout.LOGS}/make.log"  # what make itself has to say

# Reading the records may take a twentieth of the time at most.
_SHARE = 20
_SHORTEST_PAUSE = 0.1  # seconds

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# An argument of a process that runs a workflow: make's, and each job's.
_RUNS = re.compile(rf"(.*/)?{layout.BATCH}/(Makefile|steps/.*/job\.sh)")
# How long `stop` waits for the jobs to end.
_LAST_SECONDS = 20
# Bytes; with less on a disk, no record can be written.
_LEAST_FREE = 64 * 1024
_LOG_LINES = 20


def check_tools() -> None:
    """Raise Refused if this machine lacks GNU make or bash."""
    for tool, package in (("make", "make"), ("bash", "bash")):
        if shutil.which(tool) is None:
            raise refuse("missing-tool", f"{tool} is not installed.", hint=f"install the package {package}.")


def start(run: Run, jobs: int | None) -> subprocess.Popen[bytes]:
    """Start make for a run. The caller holds the lock, and has seen that nothing of the run is alive."""
    check_tools()
    credentials.hand_on(run.directory)
    note_intent(run.directory, "make", {})
    (run.directory / _HOSTS).unlink(missing_ok=True)
    for number in _INTERRUPTS:  # from now on there is a make, which must not go on without us
        signal.signal(number, _keep)
    command = ["make", f"-j{jobs or cpus.usable()}", "-f", f"{layout.BATCH}/Makefile"]
    with open(run.directory / _LOG, "ab", opener=no_follow) as log:
        # A session of its own: an interrupt reaches us alone, and we end the jobs in order.
        make = subprocess.Popen(
            command, cwd=run.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    note_submission(run.directory, [f"{socket.gethostname()}:{make.pid}"])
    return make


def watch(directory: Path, make: subprocess.Popen[bytes], report: Report) -> None:
    """Stay with a make until it ends; ``report`` is called meanwhile.

    An interrupt ends the jobs that run and is noted with the run; it is no exception.
    """
    run = Run(directory)
    try:
        for number in _INTERRUPTS:
            signal.signal(number, _interrupt)
        for early in _kept:
            _interrupt(early, None)
        _watch(make, run, report)
    except KeyboardInterrupt:
        try:
            note(directory, stopped=time.time())
        finally:  # also on a full disk
            _end(make, run)
    with locked(directory, disk_may_be_full=True):  # a stop from another terminal has been written down
        report(run.progress())


# Signals that came before there was anything to watch.
_kept: list[int] = []


def _keep(number: int, _frame: object) -> None:
    """Remember a signal until :func:`watch` is called."""
    _kept.append(number)


def _interrupt(_number: int, _frame: object) -> None:
    """Take the end of this process like an interrupt: make and its jobs do not go on without it."""
    raise KeyboardInterrupt


def _watch(make: subprocess.Popen[bytes], run: Run, report: Report) -> None:
    pause = _SHORTEST_PAUSE
    while True:
        try:
            make.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            before = time.monotonic()
            report(run.progress())
            pause = max(_SHORTEST_PAUSE, _SHARE * (time.monotonic() - before))
        else:
            return


def _end(make: subprocess.Popen[bytes], run: Run) -> None:
    """End make and wait for the jobs: each writes its record and ends its own processes after make has ended."""
    with contextlib.suppress(ProcessLookupError):  # all of them have ended just now
        os.killpg(make.pid, signal.SIGTERM)  # also where the run cannot be read any more
    make.wait()
    cancel(run.directory, read_record(run.directory).last_submission)


# --- asking -------------------------------------------------------------------------------------


def trace(directory: Path) -> Trace:
    """Return whether a process of the run is alive here, or a make was started somewhere."""
    started = (directory / _HOSTS).exists() or any(_engines(directory))
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
    return tail(directory / _LOG, _LOG_LINES)


def _check_host(directory: Path, last: Submission) -> None:
    """Raise Refused if the run was started on another machine, or jobs of it are at work there."""
    here = socket.gethostname()
    hosts = {name.rpartition(":")[0] for name in last.ids} or {last.host or here}
    with contextlib.suppress(FileNotFoundError):  # each make has noted it, also one that was started by hand
        hosts = set(files.read_text(directory / _HOSTS).split())
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


def forget(directory: Path) -> None:
    """Remove the note of the machines on which a make was started."""
    (directory / _HOSTS).unlink(missing_ok=True)


def examine(_site: Site, needed: bool) -> Iterator[Finding]:
    """Yield whether there is GNU make."""
    version = output("make", "--version")
    good = version is not None and version.startswith("GNU Make")
    yield finding("GNU make", good, needed, first_line(version), "install make.")


DRIVER = Driver(
    here=Here(check_tools, start, watch),
    trace=trace,
    query=query,
    cancel=cancel,
    endings=endings,
    last_words=last_words,
    forget=forget,
    examine=examine,
    logs=(_LOG,),
)
