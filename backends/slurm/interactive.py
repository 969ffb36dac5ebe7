"""An interactive job of Slurm, which asks for what the jobs of a step ask for."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from reana_batch import files, layout
from reana_batch.diagnostics import refuse

_DIRECTIVE = "#SBATCH "
_CLEAN = "--export=NIL"
# Options of sbatch that srun lacks or that are only for jobs without a terminal, and those of several tasks.
_WITHOUT = ("--open-mode", "--requeue", "--export", "--nodes", "--ntasks")


def starts_clean(directory: Path, folder: str) -> bool:
    """Return whether the jobs of a step start without the environment of the user who submits."""
    return _CLEAN in _options(directory, folder)


def run(directory: Path, folder: str, words: Sequence[str], cluster: Mapping[str, str]) -> int:
    """Run a command in a job like those of a step, and return its exit code. srun waits until the job starts.

    ``cluster`` has the variables that name the cluster of the run.
    """
    options = _options(directory, folder)
    asked = [option for option in options if option.partition("=")[0] not in _WITHOUT]
    environment = "TERM" if _CLEAN in options else "ALL"
    terminal = ["--pty"] if sys.stdin.isatty() else []
    command = [
        "srun",
        "--quiet",
        *terminal,
        *asked,
        f"--export={environment}",
        "--ntasks=1",
        f"--chdir={directory.resolve()}",
    ]
    # Variables such as SRUN_CPUS_PER_TASK, and those of a job around this process, would change the call.
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SRUN_")) or name in _PLACE
    }
    try:
        return subprocess.run([*command, *words], env=kept | dict(cluster), check=False).returncode
    except FileNotFoundError:
        hint = "run this on a machine that submits to Slurm."
        raise refuse("missing-tool", "srun is not installed here.", hint=hint) from None


_PLACE = ("SLURM_CONF", "SLURM_CLUSTERS")


def _options(directory: Path, folder: str) -> list[str]:
    """Return the options in the sbatch script of a step. The user may have changed them by hand."""
    script = files.read_text(directory / layout.BATCH / "steps" / folder / "job.sbatch")
    return [
        word
        for line in script.splitlines()
        if line.startswith(_DIRECTIVE)
        for word in shlex.split(line.removeprefix(_DIRECTIVE), comments=True)
    ]
