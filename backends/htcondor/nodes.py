"""What the DAG of a run and what talks to its schedd have in common: files, and names of nodes."""

from __future__ import annotations

from reana_batch import layout

DAG_FILE = f"{layout.BATCH}/workflow.dag"
# Of runs whose files HTCondor sends along: what each job starts with.
SHIP = f"{layout.BATCH}/ship.sh"
# What says whether the steps are done whose jobs count as done in the DAG whatever became of their rows.
VERDICT = f"{layout.BATCH}/verdict.sh"


def expansion_node(name: str) -> str:
    """Return the name of the node that is a DAG; those of jobs end in a number."""
    return f"{name}.dag"
