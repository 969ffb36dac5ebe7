"""What ended runs have left: how long they took, and how many files they have."""

from __future__ import annotations

import json
from pathlib import Path


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
