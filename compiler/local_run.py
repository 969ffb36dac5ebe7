"""Running a compiled workflow on this machine, in the foreground, by GNU make."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reana_batch import layout
from reana_batch.diagnostics import refuse
from reana_batch.runstate import Failure, Run, StepProgress, tail

# Reading the records may take a twentieth of the time at most.
_SHARE = 20
_SHORTEST_PAUSE = 0.1  # seconds

Report = Callable[[Sequence[StepProgress]], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    run: Run
    progress: tuple[StepProgress, ...]
    failures: tuple[Failure, ...]
    missing_outputs: tuple[str, ...]
    interrupted: bool
    engine_log: Path

    @property
    def finished(self) -> bool:
        """Whether every job is done."""
        return all(step.done == step.total for step in self.progress)

    def as_json(self) -> dict[str, Any]:
        """Return the record for ``--json``; states are REANA's words."""
        failure = self.failures[0] if self.failures else None
        return {
            "name": self.run.directory.name,
            "directory": str(self.run.directory),
            "status": "finished" if self.finished else "stopped" if self.interrupted else "failed",
            "steps": [{"name": s.name, "total": s.total, "done": s.done, "failed": s.failed} for s in self.progress],
            "missing_outputs": list(self.missing_outputs),
            "first_failure": failure
            and {
                "step": failure.label,
                "origin": failure.origin,
                "row": failure.row,
                "command": failure.command,
                "exit_code": failure.exit_code,
                "cause": failure.cause,
                "log": tail(failure.stderr, 20) or tail(failure.stdout, 20),
            },
        }


def check_tools() -> None:
    """Raise Refused if this machine lacks GNU make or bash."""
    for tool, package in (("make", "make"), ("bash", "bash")):
        if shutil.which(tool) is None:
            raise refuse("missing-tool", f"{tool} is not installed.", hint=f"install the package {package}.")


def run_by_make(directory: Path, jobs: int | None, report: Report) -> Outcome:
    """Run the workflow in ``directory`` and return how it ended; ``report`` is called while it runs.

    An interrupt ends the jobs that run and is an outcome, not an exception.
    """
    run = Run(directory)
    engine_log = directory / layout.LOGS / "make.log"
    command = ["make", f"-j{jobs or os.cpu_count() or 1}", "-f", f"{layout.BATCH}/Makefile"]
    interrupted = False
    with engine_log.open("ab") as log:
        # A session of its own: an interrupt reaches us alone, and we end the jobs in order.
        make = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _watch(make, run, report)
        except KeyboardInterrupt:
            interrupted = True
            _end(make)
    progress = run.progress()
    report(progress)
    missing = run.missing_outputs()
    return Outcome(run, tuple(progress), tuple(run.failures()), tuple(missing), interrupted, engine_log)


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


def _end(make: subprocess.Popen[bytes]) -> None:
    """End make and the jobs: each writes its record and ends its own processes."""
    os.killpg(make.pid, signal.SIGTERM)
    make.wait()
