"""Where things are in a run directory.

Every path is relative to the run directory, so that nothing generated depends on where it was
compiled. No directory grows past a thousand entries: AFS fails at 16,000 to 25,000
(https://batchdocs.web.cern.ch/troubleshooting/afs.html) and everyone on the server feels it earlier.
``templates/job/rows.sh`` and ``tables.sh`` follow the same rules with the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

WORKSPACE = "workspace"
BATCH = "batch"
LOGS = "logs"
STATE = "state"
# There if jobs that are done stay done at the next submission. What is ours in this folder has a dot in its name, and
# names of steps have none.
RESTARTED = f"{STATE}/run.restarted"
EXPANSIONS = "expansions"
# Links to what credentials.sh hands on to the jobs, which lies beside the user's secrets.
CREDENTIALS = "credentials"
# What the parts of a run have in common.
SHARED = (WORKSPACE, CREDENTIALS)
MANIFEST = f"{BATCH}/manifest.json"
DATA_SCRIPTS = f"{BATCH}/data"  # what stages declared data

# Rows per directory, of which each leaves up to three entries there, and steps per directory.
SHARD = 250
# Lines per file of a table.
TABLE_SHARD = 10_000


def step_folder(name: str, index: int, step_count: int) -> str:
    """Return the folder of a step below ``batch/steps``, ``logs`` and ``state``."""
    return name if step_count <= SHARD else f"{row_stem(index, step_count).rpartition('/')[0]}/{name}"


def expansion_folder(name: str) -> str:
    """Return the folder of what an expansion compiles, itself laid out as a run."""
    return f"{EXPANSIONS}/{name}"


def part_path(run: Path, directory: Path) -> str:
    """Return the names of the expansions that lead from ``run`` to what was compiled into ``directory``.

    A slash stands behind each; nothing for the run itself.
    """
    inner = directory.relative_to(run).parts if directory.is_relative_to(run) else ()
    return "".join(f"{name}/" for name in inner[1::2])


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
