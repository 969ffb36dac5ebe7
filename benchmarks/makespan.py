"""How long many trivial rows and a merge take on the real schedulers: ours and hand-written ones, in one run.

Needs the site in a box with the project installed (``tests/site/site install .``): ``python -m benchmarks.makespan``.

The peers are what an expert would write: an array of chunks with a merge after it, and a DAG of the same chunks. A
chunk keeps a log of each row and ends at the first that fails. The clock starts with the call that submits the finished
files, and stops at the complete merged file. Compile time is printed separately. Schedulers look at their queues about
once a second. So the runs begin at moments spread evenly over a second, the same for both.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

from benchmarks import cases
from tests.site.box import SITE, Box

FOLDER = "/shared/alice/makespan"
CHUNKS = 16
SETTLING = 6  # seconds in which finalisers end
TOIL = "/opt/venv/toil"
TOIL_PACKAGE = "toil[cwl,htcondor]==9.6.0"
LONGEST = 600  # seconds that a run may take
PYTHON = "/opt/venv/reana-batch/bin/python"


def chunk_of(rows: int) -> int:
    """Return the rows of a chunk."""
    return -(-rows // CHUNKS)


# --- ours ----------------------------------------------------------------------------------------


class Ours(NamedTuple):
    """A workflow that is measured. ``files`` are in the folder of the analysis, in which ``compile`` works."""

    files: Mapping[str, str]
    compile: tuple[str, ...]  # without the batch system and the run directory
    merged: str  # below the run directory


# One step of many rows and a merge, compiled in the box.
_COMPILE_SCRIPT = """
import sys
from pathlib import Path
from reana_batch import ir, pipeline, write_run
from reana_batch.backends import known_settings
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.reading import sites

count, chunk, backend, folder = sys.argv[1:]
place, found = Place("reana.yaml", 1), Diagnostics()
rows = ir.Rows(("row",), tuple((str(row),) for row in range(int(count))))
say = ir.Command(("echo ", ir.Column("row"), " > row.", ir.Column("row")), place)
scatter = ir.Step("rows", "rows", place, ir.Script((say,)), rows)
merge = ir.Step("merge", "merge", place, ir.Script((ir.literal("cat row.* | sort -n > merged", place),)), needs=(ir.Need("rows"),))
settings = ["container_runtime=none", f"rows_per_job={chunk}"]
site = sites.resolve(f"generic-{backend}", settings, None, found, known=known_settings()).site
workflow = ir.Workflow("makespan", "serial", (scatter, merge))
write_run(pipeline.lower(workflow, site, backend, found), Path(folder))
"""

_COMPILE_CWL = """
reana-batch compile --site "generic-$3" --set container_runtime=none --set "rows_per_job=$2" -f reana.yaml -o "$4"
"""


def script(rows: int) -> Ours:
    """Return a step whose command is a line of bash."""
    command = (PYTHON, "compile.py", str(rows), str(chunk_of(rows)))
    return Ours({"compile.py": _COMPILE_SCRIPT}, command, "workspace/merged")


def cwl(rows: int) -> Ours:
    """Return the scatter of CWL over ``echo``."""
    analysis = {
        "inputs": {"parameters": {"words": [str(row) for row in range(rows)]}},
        "workflow": {"type": "cwl", "file": "workflow.cwl"},
    }
    files = {"compile.sh": _COMPILE_CWL, "reana.yaml": json.dumps(analysis), "workflow.cwl": cases.cwl()}
    return Ours(files, ("bash", "compile.sh", str(rows), str(chunk_of(rows))), "workspace/outputs/cat.txt")


# --- the peers -----------------------------------------------------------------------------------


class Row(NamedTuple):
    """What a row of a peer does."""

    command: str
    made: str  # a pattern of the files of all rows


SIMPLE = Row("echo $row > row.$row", "row.*")

# CWL gives each command a directory, a temporary directory and an environment of its own.
APART = Row(
    "mkdir -p rows/$row temporary/$row && cd rows/$row && "
    "env -i HOME=\\$PWD TMPDIR=\\${PWD%/rows/*}/temporary/$row PATH=\\$PATH echo $row > echo.txt",
    "rows/*/echo.txt",
)


_CHUNK_SCRIPT = """#!/bin/bash
first=$(($1 * CHUNK))
for ((row = first; row < first + CHUNK && row < ROWS; row++)); do
  bash -c "COMMAND" </dev/null >log.$row 2>&1 || exit
done
"""

_SLURM_CHUNK = """#!/bin/bash
exec bash chunk.sh "$SLURM_ARRAY_TASK_ID"
"""

_SLURM_SUBMIT = f"""set -e
array=$(sbatch --parsable --array=0-{CHUNKS - 1} -o chunk.%a.out chunk.sbatch)
sbatch --parsable --dependency=afterok:$array -o merge.out merge.sbatch >/dev/null
"""

_HTCONDOR_CHUNK = """executable = /bin/bash
transfer_executable = false
should_transfer_files = NO
arguments = "chunk.sh $(chunk)"
output = chunk.$(chunk).out
error = chunk.$(chunk).err
queue
"""

_HTCONDOR_MERGE = _HTCONDOR_CHUNK.replace("chunk.sh $(chunk)", "merge.sh").replace("chunk.$(chunk)", "merge")
_MERGE_SCRIPT = "#!/bin/bash\ncat MADE | sort -n > merging && mv merging merged\n"

_HTCONDOR_DAG = "".join(
    [
        *(f'JOB c{chunk} chunk.sub\nVARS c{chunk} chunk="{chunk}"\n' for chunk in range(CHUNKS)),
        "JOB merge merge.sub\n",
        f"PARENT {' '.join(f'c{chunk}' for chunk in range(CHUNKS))} CHILD merge\n",
    ]
)

# By batch system.
PEERS = {
    "slurm": {
        "chunk.sh": _CHUNK_SCRIPT,
        "chunk.sbatch": _SLURM_CHUNK,
        "merge.sbatch": _MERGE_SCRIPT,
        "submit.sh": _SLURM_SUBMIT,
    },
    "htcondor": {
        "chunk.sh": _CHUNK_SCRIPT,
        "merge.sh": _MERGE_SCRIPT,
        "chunk.sub": _HTCONDOR_CHUNK,
        "merge.sub": _HTCONDOR_MERGE,
        "peer.dag": _HTCONDOR_DAG,
        "submit.sh": "condor_submit_dag peer.dag >/dev/null\n",
    },
}


class Peer(NamedTuple):
    """What ours is compared with. ``submit.sh`` among its files starts it."""

    files: Callable[[int, str], dict[str, str]]  # of the number of rows and the batch system
    merged: str = "merged"


def by_hand(row: Row) -> Peer:
    """Return the hand-written peer."""
    return Peer(functools.partial(_by_hand, row))


def _by_hand(row: Row, rows: int, backend: str) -> dict[str, str]:
    words = {"CHUNK": str(chunk_of(rows)), "ROWS": str(rows), "COMMAND": row.command, "MADE": row.made}
    return {
        name: re.sub(rf"\b({'|'.join(words)})\b", lambda found: words[found[0]], text)
        for name, text in PEERS[backend].items()
    }


def _toil(rows: int, backend: str) -> dict[str, str]:
    """Return the files of Toil, which submits a job for each row and waits on the login node."""
    options = f"--batchSystem {backend} --no-container --jobStore store --outdir out --workDir ."
    return {
        "workflow.cwl": cases.cwl(),
        "job.json": json.dumps({"words": [str(row) for row in range(rows)]}),
        # Its jobs search the PATH for its worker.
        "submit.sh": f"PATH={TOIL}/bin:$PATH exec toil-cwl-runner {options} workflow.cwl job.json >toil.out 2>&1\n",
    }


class Pair(NamedTuple):
    """A workflow and its peer, and the upper limit of ours over the peer's."""

    ours: Callable[[int], Ours]
    peer: Peer
    at_most: float | None = None


WORKFLOWS: Mapping[str, Pair] = {
    "script": Pair(script, by_hand(SIMPLE), 1.3),
    "cwl": Pair(cwl, by_hand(APART), 1.2),
    "cwl-simple": Pair(cwl, by_hand(SIMPLE)),
    "cwl-toil": Pair(cwl, Peer(_toil, "out/cat.txt")),
}


# --- measuring -----------------------------------------------------------------------------------


def measure_ours(box: Box, workflow: Ours, backend: str, folder: str, rows: int, moment: float) -> tuple[float, float]:
    """Return the compile time and the makespan, in seconds."""
    analysis = f"{folder}-analysis"
    _write(box, analysis, workflow.files)
    begin = time.monotonic()
    box.alice(*workflow.compile, backend, folder, cwd=analysis)
    compiled = time.monotonic() - begin
    await_moment(moment)
    return compiled, makespan(box, ("reana-batch", "submit", folder), folder, f"{folder}/{workflow.merged}", rows)


def measure_peer(box: Box, peer: Peer, backend: str, folder: str, rows: int, moment: float) -> float:
    """Return the makespan of the peer."""
    _write(box, folder, peer.files(rows, backend))
    await_moment(moment)
    return makespan(box, ("bash", "submit.sh"), folder, f"{folder}/{peer.merged}", rows)


def _write(box: Box, folder: str, files: Mapping[str, str]) -> None:
    box.alice("mkdir", folder)
    for name, text in files.items():
        box.alice("tee", f"{folder}/{name}", input=text)


def await_moment(moment: float) -> None:
    """Wait until the last run has settled, and then for a given fraction of a second."""
    time.sleep(SETTLING)
    time.sleep((moment - time.time()) % 1)


def makespan(box: Box, submit: tuple[str, ...], folder: str, merged: str, rows: int) -> float:
    """Return the seconds from the call of ``submit`` to the complete merged file."""
    begin, path = time.monotonic(), box.path(merged)
    box.alice(*submit, cwd=folder, timeout=LONGEST)
    while not path.exists() or len(path.read_text("utf-8").splitlines()) < rows:
        if time.monotonic() - begin > LONGEST:
            raise SystemExit(f"{merged} is not complete after {LONGEST} s")
        time.sleep(0.02)
    return time.monotonic() - begin


def compare(box: Box, name: str, backend: str, rows: int, runs: int) -> dict[str, float | str]:
    """Return the medians of runs in turn: of both makespans, of their ratios, and of our compile time."""
    pair = WORKFLOWS[name]
    mine, theirs, compiling = [], [], []
    for number in range(runs):
        moment, folder = (number + 0.5) / runs, f"{FOLDER}/{name}-{rows}-{backend}-{number}"
        compiled, span = measure_ours(box, pair.ours(rows), backend, folder, rows, moment)
        compiling.append(compiled)
        mine.append(span)
        theirs.append(measure_peer(box, pair.peer, backend, f"{folder}-peer", rows, moment))
    ratio = median(a / b for a, b in zip(mine, theirs, strict=True))
    figures = {"ours_s": median(mine), "peer_s": median(theirs), "ratio": ratio, "compile_s": median(compiling)}
    rounded = {name: round(value, 2) for name, value in figures.items()}
    return {"workflow": name, "rows": rows, "backend": backend, **rounded, "at_most": pair.at_most or ""}


def _in_memory(box: Box) -> None:
    """Make the folder of the runs, in memory. ext4 makes files slowly for minutes after others were deleted."""
    box.root("bash", "-c", f"! mountpoint -q {FOLDER} || umount {FOLDER}")
    box.root("mkdir", "-p", FOLDER)
    box.root("mount", "-t", "tmpfs", "-o", "uid=alice,gid=alice,mode=700", "tmpfs", FOLDER)


# A box has no network. So this machine's network is used, in the root of the box.
_INSTALL = """
. "$1"
in_root python3 -m venv "$2"
pip_in_root "${2##*/}" -qq install "$3"
"""


def _install_toil(box: Box) -> None:
    """Install Toil in the box, from the registry that this machine uses."""
    words = ("bash", "-c", _INSTALL, "_", str(SITE.with_name("build") / "lib.sh"), TOIL, TOIL_PACKAGE)
    root = str(box.path("/")).rstrip("/")
    subprocess.run(words, env={**os.environ, "SITE_ROOT": root}, check=True)


def main() -> None:
    """Measure, print a line for each back end, and exit with 1 if a ratio is above the limit."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--backend", choices=[*PEERS, "both"], default="both")
    parser.add_argument("--workflow", choices=WORKFLOWS, default="script")
    options = parser.parse_args()
    box, slow = Box(), False
    box.up("slurm", "condor")
    _in_memory(box)
    if options.workflow == "cwl-toil":
        _install_toil(box)
    for backend in PEERS if options.backend == "both" else (options.backend,):
        figures = compare(box, options.workflow, backend, options.rows, options.runs)
        slow = slow or float(figures["ratio"]) > float(figures["at_most"] or math.inf)
        print(json.dumps(figures), flush=True)
    sys.exit(slow)


if __name__ == "__main__":
    main()
