"""Running a compiled workflow on this machine, in the foreground, by GNU make."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from reana_batch import cpus, layout
from reana_batch.diagnostics import refuse
from reana_batch.files import no_follow
from reana_batch.lifecycle.ending import cancel
from reana_batch.run import credentials
from reana_batch.run.lock import locked
from reana_batch.run.parts import Run, StepProgress
from reana_batch.run.run_json import note, note_intent, note_submission

# Reading the records may take a twentieth of the time at most.
_SHARE = 20
_SHORTEST_PAUSE = 0.1  # seconds

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Report = Callable[[Sequence[StepProgress]], None]


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
    (run.directory / layout.MAKE_HOSTS).unlink(missing_ok=True)
    for number in _INTERRUPTS:  # from now on there is a make, which must not go on without us
        signal.signal(number, _keep)
    command = ["make", f"-j{jobs or cpus.usable()}", "-f", f"{layout.BATCH}/Makefile"]
    with open(run.directory / layout.MAKE_LOG, "ab", opener=no_follow) as log:
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


def _keep(number: int, frame: object) -> None:
    """Remember a signal until :func:`watch` is called."""
    del frame
    _kept.append(number)


def _interrupt(number: int, frame: object) -> None:
    """Take the end of this process like an interrupt: make and its jobs do not go on without it."""
    del number, frame
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
    cancel(run)
