"""The driver of GNU make: it runs a compiled workflow on this machine, in the foreground."""

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
from reana_batch.backends.make import processes
from reana_batch.backends.make.single import SINGLE
from reana_batch.diagnostics import refuse
from reana_batch.files import no_follow
from reana_batch.findings import Finding, finding, tool
from reana_batch.run import credentials
from reana_batch.run.lock import locked
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, Queue, QueuedJob, Submission, Trace
from reana_batch.run.run_json import note, note_intent, note_submission, read_record
from reana_batch.run.small_files import tail

if TYPE_CHECKING:
    from reana_batch.site import Site

# The machines on which make was started for this run. The Makefile writes them.
_HOSTS = f"{layout.STATE}/make.hosts"
_LOG = f"{layout.LOGS}/make.log"  # the output of make itself

# The records are read for at most a twentieth of the time.
_SHARE = 20
_SHORTEST_PAUSE = 0.1  # seconds

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# An argument of every process that runs a workflow, make or job.
_RUNS = re.compile(rf"(.*/)?{layout.BATCH}/(Makefile|steps/.*/job\.sh)")
# How many seconds `stop` waits for the jobs to end.
_LAST_SECONDS = 20
# Bytes. If a disk has less, jobs cannot write records.
_LEAST_FREE = 64 * 1024
_LOG_LINES = 20


def check_tools() -> None:
    """Raise Refused if this machine lacks GNU make or bash."""
    for program, package in (("make", "make"), ("bash", "bash")):
        if shutil.which(program) is None:
            raise refuse("missing-tool", f"{program} is not installed.", hint=f"install the package {package}.")


def start(run: Run, jobs: int | None) -> subprocess.Popen[bytes]:
    """Start make for a run. The caller holds the lock, and has checked that no process of the run is alive."""
    check_tools()
    credentials.issue(run.directory)
    note_intent(run.directory, "make", {})
    (run.directory / _HOSTS).unlink(missing_ok=True)
    for number in _INTERRUPTS:  # from here on a make exists, which must not continue without us
        signal.signal(number, _keep)
    command = ["make", f"-j{jobs or cpus.usable()}", "-f", f"{layout.BATCH}/Makefile"]
    with open(run.directory / _LOG, "ab", opener=no_follow) as log:
        # In its own session, make does not get an interrupt of the terminal. We get it, and end the jobs in order.
        make = subprocess.Popen(
            command, cwd=run.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    note_submission(run.directory, [f"{socket.gethostname()}:{make.pid}"])
    return make


def watch(directory: Path, make: subprocess.Popen[bytes], report: Report) -> None:
    """Wait until make ends, and call ``report`` meanwhile.

    An interrupt ends the running jobs. It is recorded with the run and not raised.
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
        finally:  # even if the disk is full
            _end(make, run)
    with locked(directory, disk_may_be_full=True):  # wait until a stop from another terminal has been recorded
        report(run.progress())


# Signals that arrived before `watch` was called.
_kept: list[int] = []


def _keep(number: int, _frame: object) -> None:
    """Save a signal until :func:`watch` is called."""
    _kept.append(number)


def _interrupt(_number: int, _frame: object) -> None:
    """Treat every signal that ends this process as an interrupt.

    Make and its jobs must end together with this process.
    """
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
    """End make and wait for the jobs.

    After make has ended, each job writes its record and ends its own processes.
    """
    with contextlib.suppress(ProcessLookupError):  # all have just ended
        os.killpg(make.pid, signal.SIGTERM)  # works even if the run cannot be read any more
    make.wait()
    cancel(run.directory, read_record(run.directory).last_submission)


# --- asking -------------------------------------------------------------------------------------


def trace(directory: Path) -> Trace:
    """Return whether the run is alive here, or make was started on any machine."""
    started = (directory / _HOSTS).exists() or any(_engines(directory))
    return Trace.ACCEPTED if started else Trace.NONE


def query(directory: Path, last: Submission) -> Queue:
    """Return make, its jobs, and the rest of their process groups.

    Raises Refused if the run was started on another machine, because the processes there are unknown.
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
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(int(name.rpartition(":")[2]), signal.SIGTERM)
    end = time.monotonic() + _LAST_SECONDS
    while query(directory, last).jobs and time.monotonic() < end:
        if not any(_is_alive(directory, name) for name in last.ids):
            for pid in _engines(directory):  # started by hand, in a process group with other processes
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        time.sleep(0.1)


def endings(directory: Path) -> dict[tuple[str, int], str]:
    """Return why started jobs could not write their last record, by step and chunk."""
    run = Run(directory)
    full = shutil.disk_usage(directory).free < _LEAST_FREE
    why = f"the disk of {directory} is full" if full else "its disk was full, or its machine or make was killed"
    return {
        (step.name, step.chunk_of(row)): f"lost: it left no record; {why}"
        for step in run.manifest.steps
        for row in run.records(step).states().lost
    }


def last_words(directory: Path) -> str:
    """Return the end of make's log."""
    return tail(directory / _LOG, _LOG_LINES)


def _check_host(directory: Path, last: Submission) -> None:
    """Raise Refused if the run was started, or has jobs, on another machine."""
    here = socket.gethostname()
    hosts = {name.rpartition(":")[0] for name in last.ids} or {last.host or here}
    with contextlib.suppress(FileNotFoundError):  # every make writes it, even if the user started it by hand
        hosts = set(files.read_text(directory / _HOSTS).split()) or hosts  # make may have ended before its first word
    if hosts != {here}:
        hint = "stop it there, or use --force if that machine no longer exists."
        raise refuse("scheduler", f"{directory.name} runs on {', '.join(sorted(hosts - {here}))}.", hint=hint)


def _is_alive(directory: Path, name: str) -> bool:
    """Return whether the process group ``HOST:GROUP`` on this host has a process of this run.

    The whole group counts, because jobs outlive make: on a signal they first end the processes that they run.
    """
    group = name.rpartition(":")[2]
    return any(_belongs(process, group, directory) for process in Path("/proc").glob("[0-9]*"))


def _belongs(process: Path, group: str, directory: Path) -> bool:
    """Return whether a process is in this group and works in the run. The kernel reuses numbers of groups."""
    try:
        _, _, its_group, *_ = processes.fields(process)
        return its_group == group and (process / "cwd").resolve().is_relative_to(directory.resolve())
    except OSError:  # it has ended, or belongs to another user
        return False


def _engines(directory: Path) -> Iterator[int]:
    """Yield make and its jobs on this machine, even if the user started them by hand."""
    run = directory.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            works_here = any(_RUNS.fullmatch(word) for word in words[1:])
            if works_here and (process / "cwd").resolve().is_relative_to(run) and processes.is_running(process):
                yield int(process.name)
        except OSError:  # it has ended, or belongs to another user
            continue


def _starts_clean(directory: Path, _folder: str) -> bool:
    """Return whether the Makefile starts jobs without the environment of its caller."""
    return "\nenvironment := env -i " in files.read_text(directory / layout.BATCH / "Makefile")


def forget(directory: Path) -> None:
    """Delete the note of the machines on which make was started."""
    (directory / _HOSTS).unlink(missing_ok=True)


def examine(_site: Site, needed: bool) -> Iterator[Finding]:
    """Yield whether GNU make is installed here."""
    cure = "install make."
    found = tool("GNU make", needed, cure, "make", "--version")
    another = found.state == "ok" and not found.note.startswith("GNU Make")
    yield finding("GNU make", False, needed, found.note, cure) if another else found


DRIVER = Driver(
    here=Here(check_tools, start, watch),
    trace=trace,
    query=query,
    cancel=cancel,
    endings=endings,
    last_words=last_words,
    forget=forget,
    starts_clean=_starts_clean,
    examine=examine,
    single=SINGLE,
    logs=(_LOG,),
)
