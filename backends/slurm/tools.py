"""Calls of Slurm's tools, which ask the cluster of a run."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from reana_batch.diagnostics import refuse

_CLUSTER = "state/slurm.cluster"
# After the configuration, scontrol asks whether slurmctld is there. It fails if a limit of calls refuses this question.
CONFIG = ["scontrol", "show", "config"]
_TIMEOUT = 120  # seconds for a query; slurmctld answers in milliseconds, or is down


def run(command: list[str], cluster: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one of Slurm's tools. Raises Refused if it is missing or gets no answer.

    ``cluster`` has the variables that name a cluster.
    """
    # Variables such as SQUEUE_USERS would change the query. SLURM_BITSTR_LEN=0 shows long lists of elements in full.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SQUEUE_", "SCANCEL_"))}
    environment = kept | {"SLURM_BITSTR_LEN": "0"} | dict(cluster)
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False, env=environment)
    except FileNotFoundError:
        hint = "run this on a machine that submits to Slurm."
        raise refuse("missing-tool", f"{command[0]} is not installed here.", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise refuse("scheduler", f"{command[0]} got no answer from slurmctld in {_TIMEOUT} s.") from None


def cluster_of(directory: Path) -> Mapping[str, str]:
    """Return the variables that make Slurm's tools ask the cluster of the run. Empty if it is their default."""
    try:
        cluster = (directory / _CLUSTER).read_text("utf-8").strip()
    except FileNotFoundError:
        cluster = ""
    if not cluster:
        return {}
    done = run(CONFIG, {})
    found = re.search(r"^ClusterName *= *(\S+)", done.stdout, re.MULTILINE)
    if found is None and done.returncode != 0:
        raise refuse("scheduler", f"scontrol failed: {' '.join(done.stderr.split())}")
    return {} if found is None or found[1] == cluster else {"SLURM_CLUSTERS": cluster}
