"""How long 1,000 trivial rows and a merge take on the real schedulers, ours beside hand-written ones, in one run.

Needs the site in a box, up, with the project installed: ``python -m benchmarks.makespan``. The hand-written peers
are what an expert would write: an array of chunks with a merge behind it, and a DAG of the same chunks.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from statistics import median

from tests.site.box import Box

ROWS, CHUNK = 1000, 63
FOLDER = "/shared/alice/makespan"
LIMIT = 1.3  # ours over the peer's, at the most
PYTHON = "/opt/venv/reana-batch/bin/python"

# One step of many rows and a merge, compiled in the box.
COMPILE = f"""
import sys
from pathlib import Path
from reana_batch import ir, pipeline, sites
from reana_batch.diagnostics import Diagnostics, Place

place, found = Place("reana.yaml", 1), Diagnostics()
rows = ir.Table(("row",), {ROWS}, lambda: ((str(row),) for row in range({ROWS})))
scatter = ir.Step("rows", "rows", place, (ir.Command(("echo ", ir.Column("row"), " > row.", ir.Column("row")), place),), table=rows)
merge = ir.Step("merge", "merge", place, (ir.literal("cat row.* | sort -n > merged", place),), needs=(ir.Need("rows"),))
settings = ["container_runtime=none", "rows_per_job={CHUNK}"]
site = sites.resolve(f"generic-{{sys.argv[1]}}", settings, None, found).site
workflow = ir.Workflow("makespan", "serial", (scatter, merge))
pipeline.write(pipeline.lower(workflow, site, sys.argv[1], found), Path(sys.argv[2]))
"""

CHUNK_SCRIPT = f"""#!/bin/bash
first=$(($1 * {CHUNK}))
for ((row = first; row < first + {CHUNK} && row < {ROWS}; row++)); do
  bash -c "echo $row > row.$row" </dev/null >log.$row 2>&1 || exit
done
"""

SLURM_PEER = f"""set -e
cat >chunk.sbatch <<'END'
#!/bin/bash
exec bash chunk.sh "$SLURM_ARRAY_TASK_ID"
END
array=$(sbatch --parsable --array=0-{(ROWS - 1) // CHUNK} -o /dev/null chunk.sbatch)
sbatch --parsable --dependency=afterok:$array -o /dev/null --wrap 'cat row.* | sort -n > merging && mv merging merged' >/dev/null
"""

HTCONDOR_PEER = f"""set -e
cat >chunk.sub <<'END'
executable = /bin/bash
transfer_executable = false
should_transfer_files = NO
arguments = "chunk.sh $(chunk)"
queue
END
cat >merge.sh <<'END'
cat row.* | sort -n > merging && mv merging merged
END
sed 's/chunk.sh .*"/merge.sh"/' chunk.sub >merge.sub
for ((i = 0; i <= {(ROWS - 1) // CHUNK}; i++)); do
  echo "JOB c$i chunk.sub"; echo "VARS c$i chunk=\\"$i\\""; names+=" c$i"
done >peer.dag
echo "JOB merge merge.sub" >>peer.dag
echo "PARENT$names CHILD merge" >>peer.dag
condor_submit_dag peer.dag >/dev/null
"""
PEERS = {"slurm": SLURM_PEER, "htcondor": HTCONDOR_PEER}


def ours(box: Box, backend: str, folder: str) -> str:
    """Start our run and return the file that it ends with."""
    box.alice(PYTHON, "-", backend, folder, input=COMPILE)
    box.alice("reana-batch", "submit", folder)
    return f"{folder}/workspace/merged"


def peer(box: Box, backend: str, folder: str) -> str:
    """Start the hand-written one and return the file that it ends with."""
    box.alice("mkdir", "-p", folder)
    box.alice("tee", f"{folder}/chunk.sh", input=CHUNK_SCRIPT)
    box.alice("bash", "-c", PEERS[backend], cwd=folder)
    return f"{folder}/merged"


def seconds(box: Box, start: Callable[[Box, str, str], str], backend: str, number: int) -> float:
    """Return the time from before the start to the complete merged file."""
    folder = f"{FOLDER}/{start.__name__}-{backend}-{number}"
    begin = time.monotonic()
    merged = box.path(start(box, backend, folder))
    while not merged.exists() or len(merged.read_text("utf-8").splitlines()) < ROWS:
        if time.monotonic() - begin > 600:
            raise SystemExit(f"{merged} is not complete after 600 s")
        time.sleep(0.1)
    return time.monotonic() - begin


def main() -> None:
    """Measure in turns, print the medians and the ratios, and exit with 1 if one is above the limit."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--backend", choices=[*PEERS, "both"], default="both")
    options = parser.parse_args()
    box, slow = Box(), False
    box.up("slurm", "condor")
    box.root("rm", "-rf", FOLDER)
    box.alice("mkdir", "-p", FOLDER)
    for backend in PEERS if options.backend == "both" else (options.backend,):
        pairs = [
            (seconds(box, ours, backend, number), seconds(box, peer, backend, number)) for number in range(options.runs)
        ]
        mine, theirs = (median(values) for values in zip(*pairs, strict=True))
        ratio = median(a / b for a, b in pairs)
        slow = slow or ratio > LIMIT
        print(json.dumps({"backend": backend, "ours_s": mine, "peer_s": theirs, "ratio": ratio, "at_most": LIMIT}))
    sys.exit(slow)


if __name__ == "__main__":
    main()
