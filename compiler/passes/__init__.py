"""The passes, in order: each takes a workflow and gives back a changed copy.

A pass lives in the module of its name. It asks ``context.target`` what the batch system can do and
never which one it is; what cannot be done is recorded in ``context.diagnostics``.
"""

from __future__ import annotations

from collections.abc import Callable

from reana_batch.ir import Workflow
from reana_batch.passes.check_graph import check_graph
from reana_batch.passes.chunk_rows import chunk_rows
from reana_batch.passes.context import Context
from reana_batch.passes.drop_empty_steps import drop_empty_steps
from reana_batch.passes.fuse_commands import fuse_commands
from reana_batch.passes.locate_images import locate_images
from reana_batch.passes.map_resources import map_resources
from reana_batch.passes.plan_credentials import plan_credentials
from reana_batch.passes.plan_expansions import plan_expansions
from reana_batch.passes.require_outputs import require_outputs
from reana_batch.passes.stage_data import stage_data

PASSES: tuple[Callable[[Workflow, Context], Workflow], ...] = (
    check_graph,
    plan_expansions,
    drop_empty_steps,
    fuse_commands,
    require_outputs,
    stage_data,
    map_resources,
    locate_images,
    chunk_rows,
    plan_credentials,
)


def run_passes(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` after all passes."""
    for a_pass in PASSES:
        workflow = a_pass(workflow, context)
    return workflow
