"""The passes, in order: each takes a workflow and returns a changed copy.

A pass is in the module of its name. It asks ``context.target`` what the batch system can do, and
never which one it is. It records what the batch system cannot do in ``context.diagnostics``.

Each docstring has an example that the tests run. In it ``step``, ``workflow`` and ``context`` make the parts of the
graph, and ``at(1)`` is a place in reana.yaml. The other names are from :mod:`reana_batch.ir`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reana_batch.ir import Workflow
from reana_batch.passes.check_graph import check_graph
from reana_batch.passes.check_laws import check_laws
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
    plan_expansions,  # first, because its jobs are steps, which other steps may wait for
    check_graph,  # before all others, because they rely on a graph whose steps are in order
    drop_empty_steps,  # before fuse_commands, so that steps around an empty one can be neighbours
    fuse_commands,  # before require_outputs and stage_data, which look for the last steps, because it joins steps
    require_outputs,  # before stage_data, so that missing outputs are found before the upload
    stage_data,  # after the passes that change the first and last steps; before map_resources, because it adds steps
    map_resources,  # before chunk_rows, which needs the runtime of a row
    locate_images,  # before plan_credentials, which asks whether a step has an image
    chunk_rows,  # before plan_credentials, because a job of several rows lasts longer
    plan_credentials,  # after the passes before, because lifetimes depend on all of them
    check_laws,  # last, because it counts what all other passes have made
)


def run_passes(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` after all passes."""
    for a_pass in PASSES:
        workflow = a_pass(workflow, context)
    return workflow


def fused(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` as ``--fuse`` changes it."""
    return fuse_commands(workflow, replace(context, fuse=True))
