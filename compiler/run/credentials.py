"""Giving the jobs of a run their credentials before it is submitted, and taking them away.

The script of the run does the work; no secret passes through here.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

from reana_batch import layout
from reana_batch.diagnostics import refuse
from reana_batch.writing.credential_files import SCRIPT


def hand_on(directory: Path) -> None:
    """Give the jobs of a run what they need, if they need anything.

    Refused if a ticket or proxy cannot be made, or would not outlive the jobs; the script says why.
    """
    if not (directory / SCRIPT).exists():
        return
    done = subprocess.run(["bash", SCRIPT], cwd=directory, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().rpartition("\n")[2].removeprefix("reana-batch: ")
        message = f"{said[:1].upper()}{said[1:].rstrip('.!')}."
        raise refuse("credential", message, hint="nothing was submitted; reana-batch doctor looks at what is there.")


def withdraw(directory: Path) -> None:
    """Delete the credentials that the jobs of a run were given."""
    link = directory / layout.CREDENTIALS / ".folder"
    if not link.is_symlink():
        return
    folder = link.readlink()
    # The run may be somebody else's work, and lead anywhere.
    if folder.parent.name == "runs" and re.fullmatch("[0-9a-f]{40}", folder.name):
        with contextlib.suppress(FileNotFoundError):  # gone already
            shutil.rmtree(folder)  # links in it lead to the secrets, which stay
