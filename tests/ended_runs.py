"""What ended runs have left: how long they took, and how many files they have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# A program that notes its name in the file CALLS, and starts the program of this name behind it in PATH.
COUNTING = """\
#!/bin/bash
echo "${0##*/}" >>"$CALLS"
PATH=${PATH#*:} exec "${0##*/}" "$@"
"""


def seconds_of(run: Path) -> float:
    """Return the seconds from the submission of a run to the end of its last job."""
    submitted = json.loads((run / "state/run.json").read_text("utf-8"))["submitted"]
    return float(max(path.stat().st_mtime for path in (run / "state").rglob("*.done")) - submitted)


def counts(run: Path) -> dict[str, int]:
    """Return the numbers of a run's files and folders outside of its workspace, as an estimate names them."""
    paths = [path for path in run.rglob("*") if run / "workspace" not in path.parents]
    files = [path for path in paths if not path.is_dir()]
    batch = sum(path.is_relative_to(run / "batch") for path in files)
    return {"batch": batch, "records": len(files) - batch, "folders": 1 + len(paths) - len(files)}


def counted(run: Path, inputs: Iterable[str], calls: Path) -> dict[str, Any]:
    """Return what a run has asked for and left, under the names of an estimate.

    ``inputs`` are the paths of its inputs, and ``calls`` is the file that programs of ``COUNTING`` wrote.
    """
    workspace, state = run / "workspace", run / "state"
    paths = [Path(each) for each in inputs]
    folders = {folder for path in paths for folder in path.parents} - {Path()}
    outputs = json.loads((run / "batch/manifest.json").read_text("utf-8"))["outputs"]["files"]
    return {
        "jobs": len(list(state.rglob("*.done"))),
        "scheduler_jobs": len(list(state.rglob("*.started"))),
        "calls": dict(Counter(calls.read_text("utf-8").split())),
        "inodes": sum(counts(run).values()) + len(paths) + len(folders),
        "bytes_in": sum((workspace / path).stat().st_size for path in paths),
        "bytes_out": sum((workspace / path).stat().st_size for path in outputs),
    }


def told(found: dict[str, Any]) -> dict[str, Any]:
    """Return what an estimate says of the same."""
    assert found["bytes_in"]["unknown"] == found["bytes_out"]["unknown"] == []
    figures = {name: found[name] for name in ("jobs", "scheduler_jobs", "calls")}
    sizes = {name: found[name]["known"] for name in ("bytes_in", "bytes_out")}
    return {**figures, **sizes, "inodes": found["files"]["inodes"]}
