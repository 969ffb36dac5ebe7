"""File names and node names that both the lowering and the driver of HTCondor use."""

from __future__ import annotations

from reana_batch import layout

DAG_FILE = f"{layout.BATCH}/workflow.dag"
# The script that each job starts with if HTCondor transfers the files of the run.
SHIP = f"{layout.BATCH}/ship.sh"
# The script of verdict nodes. It checks the rows of steps whose nodes end with success even if rows fail.
VERDICT = f"{layout.BATCH}/verdict.sh"


def expansion_node(name: str) -> str:
    """Return the name of an expansion's node, which is a DAG. Names of other nodes end with a number."""
    return f"{name}.dag"


def step_and_chunk(name: str) -> tuple[str, int] | None:
    """Return the step and chunk of a node. None if the node is itself a DAG."""
    step, _, chunk = name.rpartition(".")
    return (step, int(chunk)) if chunk.isdecimal() else None
