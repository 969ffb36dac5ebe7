"""Reading small files of a run: JSON, the end of a log, the names in a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from reana_batch import files
from reana_batch.diagnostics import Refused, refuse

# Bytes read from the end of a log.
_TAIL_BYTES = 8192


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of the run; Refused if it holds anything else."""
    try:
        value = json.loads(files.read_regular(path).decode())
    except (ValueError, RecursionError):
        raise damaged(path) from None
    if not isinstance(value, dict):
        raise damaged(path)
    return value


def damaged(path: Path) -> Refused:
    """Return the exception for a file of a run that cannot be read."""
    hint = "the workspace next to it is as it was; run the analysis again, or put a copy of the file there."
    return refuse("unknown-run", f"{path} is damaged.", hint=hint)


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder; none if it is not there."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a log, from its last kilobytes; empty if there is none."""
    try:
        with files.naming(path), open(path, "rb", opener=files.regular) as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
