"""How long 1,000 trivial rows and a merge take on the real schedulers: ours and hand-written ones, in one run.

Needs the site in a box with the project installed (``tests/site/site install .``): ``python -m benchmarks.makespan``.

The peers are what an expert would write: an array of chunks with a merge after it, and a DAG of the same chunks. A
chunk keeps a log of each row and ends at the first that fails. The clock starts with the call that submits the finished
files, and stops at the complete merged file. Compile time is printed separately. Schedulers look at their queues about
once a second. So the runs begin at moments spread evenly over a second, the same for both.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from statistics import median

from tests.site.box import Box

ROWS, CHUNK = 1000, 63
FOLDER = "/shared/alice/makespan"
LIMIT = 1.3  # upper limit of ours over the peer's
SETTLING = 6  # seconds in which finalisers end; ext4 is slow to make files after many were deleted
PYTHON = "/opt/venv/reana-batch/bin/python"

# One step of many rows and a merge, compiled in the box.
COMPILE = f"""
import sys
from pathlib import Path
from reana_batch import ir, pipeline, write_run
from reana_batch.backends import known_settings
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.reading import sites

place, found = Place("reana.yaml", 1), Diagnostics()
rows = ir.Rows(("row",), tuple((str(row),) for row in range({ROWS})))
scatter = ir.Step("rows", "rows", place, ir.Script((ir.Command(("echo ", ir.Column("row"), " > row.", ir.Column("row")), place),)), rows)
merge = ir.Step("merge", "merge", place, ir.Script((ir.literal("cat row.* | sort -n > merged", place),)), needs=(ir.Need("rows"),))
settings = ["container_runtime=none", "rows_per_job={CHUNK}"]
site = sites.resolve(f"generic-{{sys.argv[1]}}", settings, None, found, known=known_settings()).site
workflow = ir.Workflow("makespan", "serial", (scatter, merge))
write_run(pipeline.lower(workflow, site, sys.argv[1], found), Path(sys.argv[2]))
"""

CHUNK_SCRIPT = f"""#!/bin/bash
first=$(($1 * {CHUNK}))
for ((row = first; row < first + {CHUNK} && row < {ROWS}; row++)); do
  bash -c "echo $row > row.$row" </dev/null >log.$row 2>&1 || exit
done
"""

SLURM_CHUNK = """#!/bin/bash
exec bash chunk.sh "$SLURM_ARRAY_TASK_ID"
"""

SLURM_SUBMIT = f"""set -e
array=$(sbatch --parsable --array=0-{(ROWS - 1) // CHUNK} -o chunk.%a.out chunk.sbatch)
sbatch --parsable --dependency=afterok:$array -o merge.out --wrap 'cat row.* | sort -n > merging && mv merging merged' >/dev/null
"""

HTCONDOR_CHUNK = """executable = /bin/bash
transfer_executable = false
should_transfer_files = NO
arguments = "chunk.sh $(chunk)"
output = chunk.$(chunk).out
error = chunk.$(chunk).err
queue
"""

HTCONDOR_MERGE = HTCONDOR_CHUNK.replace("chunk.sh $(chunk)", "merge.sh").replace("chunk.$(chunk)", "merge")
MERGE_SCRIPT = "cat row.* | sort -n > merging && mv merging merged\n"

CHUNKS = range(-(-ROWS // CHUNK))
HTCONDOR_DAG = "".join(
    [
        *(f'JOB c{chunk} chunk.sub\nVARS c{chunk} chunk="{chunk}"\n' for chunk in CHUNKS),
        "JOB merge merge.sub\n",
        f"PARENT {' '.join(f'c{chunk}' for chunk in CHUNKS)} CHILD merge\n",
    ]
)

# The hand-written peers, by back end.
PEERS = {
    "slurm": {"chunk.sh": CHUNK_SCRIPT, "chunk.sbatch": SLURM_CHUNK, "submit.sh": SLURM_SUBMIT},
    "htcondor": {
        "chunk.sh": CHUNK_SCRIPT,
        "merge.sh": MERGE_SCRIPT,
        "chunk.sub": HTCONDOR_CHUNK,
        "merge.sub": HTCONDOR_MERGE,
        "peer.dag": HTCONDOR_DAG,
        "submit.sh": "condor_submit_dag peer.dag >/dev/null\n",
    },
}


def ours(box: Box, backend: str, folder: str, moment: float) -> tuple[float, float]:
    """Return the compile time and the makespan, in seconds."""
    begin = time.monotonic()
    box.alice(PYTHON, "-", backend, folder, input=COMPILE)
    compiled = time.monotonic() - begin
    await_moment(moment)
    return compiled, makespan(box, ("reana-batch", "submit", folder), folder, f"{folder}/workspace/merged")


def peer(box: Box, backend: str, folder: str, moment: float) -> float:
    """Return the makespan of the hand-written one."""
    box.alice("mkdir", folder)
    for name, text in PEERS[backend].items():
        box.alice("tee", f"{folder}/{name}", input=text)
    await_moment(moment)
    return makespan(box, ("bash", "submit.sh"), folder, f"{folder}/merged")


def await_moment(moment: float) -> None:
    """Wait until the last run has settled, and then for a given fraction of a second."""
    time.sleep(SETTLING)
    time.sleep((moment - time.time()) % 1)


def makespan(box: Box, submit: tuple[str, ...], folder: str, merged: str) -> float:
    """Return the seconds from the call of ``submit`` to the complete merged file."""
    begin, path = time.monotonic(), box.path(merged)
    box.alice(*submit, cwd=folder)
    while not path.exists() or len(path.read_text("utf-8").splitlines()) < ROWS:
        if time.monotonic() - begin > 600:
            raise SystemExit(f"{merged} is not complete after 600 s")
        time.sleep(0.02)
    return time.monotonic() - begin


def compare(box: Box, backend: str, runs: int) -> dict[str, float | str]:
    """Return the medians of runs in turn: of both makespans, of their ratios, and of our compile time."""
    mine, theirs, compiling = [], [], []
    for number in range(runs):
        moment = (number + 0.5) / runs
        compiled, span = ours(box, backend, f"{FOLDER}/ours-{backend}-{number}", moment)
        compiling.append(compiled)
        mine.append(span)
        theirs.append(peer(box, backend, f"{FOLDER}/peer-{backend}-{number}", moment))
    ratio = median(a / b for a, b in zip(mine, theirs, strict=True))
    figures = {"ours_s": median(mine), "peer_s": median(theirs), "ratio": ratio, "compile_s": median(compiling)}
    return {"backend": backend, **{name: round(value, 2) for name, value in figures.items()}, "at_most": LIMIT}


def main() -> None:
    """Measure, print a line for each back end, and exit with 1 if a ratio is above the limit."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--backend", choices=[*PEERS, "both"], default="both")
    options = parser.parse_args()
    box, slow = Box(), False
    box.up("slurm", "condor")
    box.root("rm", "-rf", FOLDER)
    box.alice("mkdir", "-p", FOLDER)
    for backend in PEERS if options.backend == "both" else (options.backend,):
        figures = compare(box, backend, options.runs)
        slow = slow or float(figures["ratio"]) > LIMIT
        print(json.dumps(figures), flush=True)
    sys.exit(slow)


if __name__ == "__main__":
    main()
