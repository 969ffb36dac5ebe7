"""A shell in the place of a job's command, opened by the job's own script."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from reana_batch import backends, files, layout
from reana_batch.diagnostics import refuse
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.run_json import read_record
from reana_batch.run.steps import named, with_row
from reana_batch.writing.credential_files import ENVIRONMENT

# What jobs have of the user's environment if their batch system starts them with a clean one.
_KEPT = ("HOME", "USER", "TERM")
_TEMPORARY = "/tmp"  # noqa: S108  as the jobs of make have it
_PATH = "/usr/local/bin:/usr/bin:/bin"


def open_shell(run: Run, name: str, row: int | None, *, on_worker: bool) -> int:
    """Open a shell for a row of a step, by the step's name or label, and return its exit code.

    The row is the first that failed, or the first, if ``row`` is None. With ``on_worker``, a job of the batch system
    opens the shell. Raises Refused if the step or row does not exist, or if there is no way to such a job.
    """
    part, step, row = _place(run, name, row)
    words = _words(part, step, row)
    system = part.system_of(step)
    driver = backends.driver(system)
    if not on_worker:
        clean = driver.starts_clean(part.directory, step.folder)
        return _run_here(words, part.directory, _clean_environment() if clean else dict(os.environ))
    if driver.on_worker is None:
        message = f"{backends.lowering(system).TARGET.title} runs jobs on this machine, so there is no other worker."
        raise refuse("unsupported", message, hint="leave out --on-worker.")
    return driver.on_worker(part.directory, step.folder, words, read_record(run.directory).last_submission)


def _place(run: Run, name: str, row: int | None) -> tuple[Run, StepEntry, int]:
    found = named(list(run.steps()), name)
    if row is not None:
        return *with_row(found, name, row)[0], row
    for part, step in found:
        states = part.records(step).states()
        failed = states.failed - states.done
        if failed:
            return part, step, min(failed)
    return *found[0], 0


def _words(part: Run, step: StepEntry, row: int) -> list[str]:
    """Return the command with which the job script opens a shell."""
    if "\nopen_shell()" not in files.read_text(part.directory / layout.BATCH / "job-lib.sh"):
        message = f"The jobs of {part.directory.name} cannot open a shell, because an older reana-batch made it."
        raise refuse("unsupported", message, hint="compile the analysis again.")
    kept = [ENVIRONMENT] if (part.directory / ENVIRONMENT).exists() else []
    return ["/bin/bash", *kept, f"{layout.BATCH}/steps/{step.folder}/job.sh", str(row), "shell"]


def _clean_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "PATH": _PATH,
        "TMPDIR": os.environ.get("TMPDIR", _TEMPORARY),
    }


def _run_here(words: list[str], directory: Path, environment: dict[str, str]) -> int:
    """Run a command with this terminal, and return its exit code. Interrupts are for the command."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(words, cwd=directory, env=environment, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
