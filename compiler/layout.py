"""The paths in a run directory.

Each path is relative to the run directory, so that no generated file depends on the place of compilation.
No directory has more than 1,000 entries: AFS fails at 16,000 to 25,000
(https://batchdocs.web.cern.ch/troubleshooting/afs.html), and slows down for all users before.
``templates/job/rows.sh`` and ``tables.sh`` use the same rules and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

WORKSPACE = "workspace"
BATCH = "batch"
LOGS = "logs"
STATE = "state"
# Exists if jobs that are done stay done at the next submission. Our own files in this folder have a dot in their names,
# and names of steps have none.
RESTARTED = f"{STATE}/run.restarted"
EXPANSIONS = "expansions"
SESSIONS = "sessions"  # one folder for each kind of session
# Links to the credentials that credentials.sh issues for the jobs. They are stored next to the user's secrets.
CREDENTIALS = "credentials"
# Files that all parts of a run share.
SHARED = (WORKSPACE, CREDENTIALS)
MANIFEST = f"{BATCH}/manifest.json"
# The steps of an expansion's part, with which jobs check that all of it is done.
STEP_LIST = f"{BATCH}/steps.txt"
# The facts that the compilation of a part leaves for others.
LEARNED = f"{BATCH}/learned.json"
DATA_SCRIPTS = f"{BATCH}/data"  # the scripts that stage declared data

# The most rows in a directory, with up to three entries each, and the most steps in a directory.
SHARD = 250
ENTRIES_OF_ROW = 3
# The rows of a shard.
TABLE_SHARD = 10_000


def step_folder(name: str, index: int, step_count: int) -> str:
    """Return the folder of a step below ``batch/steps``, ``logs`` and ``state``."""
    return name if step_count <= SHARD else f"{row_stem(index, step_count).rpartition('/')[0]}/{name}"


def expansion_folder(name: str) -> str:
    """Return the folder of an expansion's part, which has the layout of a run."""
    return f"{EXPANSIONS}/{name}"


def part_path(run: Path, directory: Path) -> str:
    """Return the names of the expansions from ``run`` to the part in ``directory``.

    Each name is followed by a slash. For the run itself, the text is empty.
    """
    inner = directory.relative_to(run).parts if directory.is_relative_to(run) else ()
    return "".join(f"{name}/" for name in inner[1::2])


def row_stem(row: int, row_count: int) -> str:
    """Return the path of a row or chunk below its step's folder, without an ending."""
    if row_count <= SHARD:
        return str(row)
    if row_count <= SHARD * 1000:
        return f"{row // SHARD}/{row}"
    return f"{row // SHARD // 1000}/{row // SHARD}/{row}"


def most_entries(count: int, each: int) -> int:
    """Return the most entries of a folder with the stems of ``count`` rows or steps, which have ``each`` entries."""
    folders = -(-count // SHARD)
    return min(count, SHARD) * each if folders == 1 else max(SHARD * each, min(folders, 1000))


def row_folders(row_count: int) -> Iterator[str]:
    """Yield the folders of the stems of all rows, relative to the step's folder."""
    for row in range(0, row_count, SHARD):
        yield row_stem(row, row_count).rpartition("/")[0]
