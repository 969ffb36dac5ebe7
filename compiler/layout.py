"""Where things are in a run directory.

Every path is relative to the run directory, so that nothing generated depends on where it was
compiled. No directory grows past a thousand entries: AFS fails at 16,000 to 25,000
(https://batchdocs.web.cern.ch/troubleshooting/afs.html) and everyone on the server feels it earlier.
``templates/job-lib.sh`` follows the same rules with the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

WORKSPACE = "workspace"
BATCH = "batch"
LOGS = "logs"
STATE = "state"
MANIFEST = f"{BATCH}/manifest.json"
JOB_LIBRARY = f"{BATCH}/job-lib.sh"
DATA_SCRIPTS = f"{BATCH}/data"  # what stages declared data

# Rows per directory; each leaves up to three entries there.
SHARD = 250
# Lines per file of a table.
TABLE_SHARD = 10_000
# Steps per directory.
STEP_SHARD = 1000


def step_folder(name: str, index: int, step_count: int) -> str:
    """Return the folder of a step below ``batch/steps``, ``logs`` and ``state``."""
    return name if step_count <= STEP_SHARD else f"{index // STEP_SHARD}/{name}"


def row_stem(row: int, row_count: int) -> str:
    """Return a row's (or chunk's) path below its step's folder, without an ending."""
    if row_count <= SHARD:
        return str(row)
    if row_count <= SHARD * 1000:
        return f"{row // SHARD}/{row}"
    return f"{row // SHARD // 1000}/{row // SHARD}/{row}"


def row_folders(row_count: int) -> Iterator[str]:
    """Yield the folders, relative to the step's, that the stems of all rows lie in."""
    for row in range(0, row_count, SHARD):
        yield row_stem(row, row_count).rpartition("/")[0]
