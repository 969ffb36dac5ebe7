"""The names and folders of runs: ``NAME.N``, counted up as REANA does."""

from __future__ import annotations

import os
import re
from pathlib import Path

from reana_batch.diagnostics import refuse

DEFAULT_NAME = "workflow"  # reana-client's
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def default_root() -> Path:
    """Return the directory of all runs: ``REANA_BATCH_RUNS``, or one in the user's data directory."""
    import platformdirs

    given = os.environ.get("REANA_BATCH_RUNS")
    return Path(given) if given else Path(platformdirs.user_data_dir("reana-batch"))


def check_name(name: str) -> None:
    """Raise Refused if a run cannot have this name (the rules of reana-client, and of file names)."""
    if "." in name:
        raise refuse("run-name", f'A workflow name cannot hold ".", as "{name}" does.')
    if _UUID4.fullmatch(name):
        raise refuse("run-name", "A workflow name cannot be a UUIDv4.")
    if not name or "/" in name or not name.isprintable() or name.startswith("-") or len(name) > 100:
        hint = "use up to 100 letters, digits, blanks, - and _."
        raise refuse("run-name", f'A workflow name cannot be "{name[:110]}".', hint=hint)


def new_run(root: Path, name: str) -> Path:
    """Return a new, empty directory ``NAME.N`` below ``root``; two calls at once get two numbers."""
    check_name(name)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max((_number(path.name, name) for path in root.iterdir()), default=0)
        while True:
            number += 1
            try:
                (root / f"{name}.{number}").mkdir(mode=0o700)
            except FileExistsError:
                continue
            return root / f"{name}.{number}"
    except OSError as error:
        message = f"No run can be made in {root}: {error.strerror}."
        raise refuse("cannot-write", message, hint="choose another directory with --runs.") from error


def _number(folder: str, name: str) -> int:
    """Return N of ``NAME.N`` and of its restarts ``NAME.N.M``; 0 for anything else."""
    match = re.fullmatch(re.escape(name) + r"\.([0-9]+)(\.[0-9]+)?", folder)
    return int(match[1]) if match else 0
