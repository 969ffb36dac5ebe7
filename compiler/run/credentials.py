"""Issuing the credentials of a run before it is submitted, and deleting them.

The script of the run issues them; this module sees no secret.
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


def issue(directory: Path) -> None:
    """Issue the credentials that the run's jobs need. Does nothing if they need none.

    Raises Refused, with the script's reason, if a credential cannot be made or would expire before the jobs end.
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
