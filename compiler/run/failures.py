"""Why a job of a run failed."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

# How our own command line ends that has shown faults.
REFUSED_EXIT = "3"


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed: whose it is, why, and where its output lies."""

    step: str
    label: str
    origin: str
    row: int
    rows: int
    command: str
    exit_code: int
    reason: str
    detail: str
    host: str
    scheduler_job: str
    started: int
    stdout: Path
    stderr: Path

    @property
    def cause(self) -> str:
        """One sentence on why the job failed."""
        sentence = _CAUSES.get(self.reason, "failed").format(code=self.exit_code, detail=self.detail)
        killer = _signal_name(self.exit_code - 128) if self.reason == "command" else ""
        return f"{sentence} (as if killed by {killer})" if killer else sentence


_CAUSES = {
    "command": "the command ended with exit code {code}",
    "data": "declared data could not be brought, as the log says (exit code {code})",
    "timeout": "the command was ended by its time limit, {detail}",
    "signal": "the job was ended from outside, by {detail}",
    "scheduler": "the job was {detail}",
    "output": "the command succeeded, but declared outputs are {detail}",
    "worker": "the job could not start its command: {detail}",
    "credential": "the job could not get its credentials, and its command was not started: {detail}",
    "expansion": "what follows from it was refused",
}


def _signal_name(number: int) -> str:
    """Return the name of a signal; empty if there is none of this number."""
    if number not in set(signal.Signals):
        return ""
    name = signal.Signals(number).name
    return name + (", mostly for memory" if name == "SIGKILL" else "")
