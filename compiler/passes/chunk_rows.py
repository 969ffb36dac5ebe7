"""Let one scheduler job run several rows, where the user or the site asks for it."""

from __future__ import annotations

from dataclasses import replace

from reana_batch.ir import Pattern, Step, Workflow
from reana_batch.passes.context import Context

# The length of a scheduler job with "auto": it takes much longer than the scheduler needs to start it.
_WORTHWHILE_SECONDS = 600
# The jobs of a step whose rows have an unknown duration: enough for any user's share of the site.
_UNKNOWN_CHUNKS = 1000


def chunk_rows(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with a chunk size for each step of many rows.

    Steps that wait for each other row by row get equal chunks, so that chunk can wait for chunk.

    >>> scan = step("scan", table=Repeated(25))
    >>> [(each.placed.chunk_size, each.chunks) for each in chunk_rows(workflow(scan), context(Site(rows_per_job=10))).steps]
    [(10, 3)]
    """
    wanted = context.site.rows_per_job
    if isinstance(wanted, int):
        sizes = {step.name: wanted for step in workflow.steps}
    else:
        limit = context.site.limits.runtime
        sizes = _equal_if_tied(workflow, {step.name: _automatic(step, limit) for step in workflow.steps})
    steps = tuple(
        step.with_placed(chunk_size=max(1, min(sizes[step.name], step.table.count))) for step in workflow.steps
    )
    for step in steps:
        _check_runtime(step, context)
    return replace(workflow, steps=steps)


def _equal_if_tied(workflow: Workflow, sizes: dict[str, int]) -> dict[str, int]:
    """Return the sizes. Steps that EACH edges tie together get the smallest of their sizes."""
    import networkx

    pairs: networkx.Graph[str] = networkx.Graph()
    pairs.add_nodes_from(sizes)
    for step in workflow.steps:
        pairs.add_edges_from((need.step, step.name) for need in step.needs if need.pattern is Pattern.EACH)
    return {name: min(sizes[each] for each in tied) for tied in networkx.connected_components(pairs) for name in tied}


def _check_runtime(step: Step, context: Context) -> None:
    limit, runtime = context.site.limits.runtime, step.job_runtime
    asked = step.placed.resources.runtime
    if limit is not None and runtime is not None and asked is not None and asked <= limit < runtime:
        message = (
            f"{runtime // asked} commands of {asked:,} s in one job are {runtime:,} s;"
            f" {context.site.name} allows {limit:,} s."
        )
        hint = "choose a smaller --rows-per-job, or leave out --fuse."
        context.diagnostics.error("over-limit", message, step.origin, hint)


def _automatic(step: Step, runtime_limit: int | None) -> int:
    """Return how many rows make one job. Measured durations count before the runtime asked for."""
    runtime = step.placed.resources.runtime
    duration = step.placed.duration if step.placed.duration is not None else runtime
    if duration is None:
        size = -(-step.table.count // _UNKNOWN_CHUNKS)
    else:
        size = int(_WORTHWHILE_SECONDS // max(duration, 0.001)) or 1
    if runtime_limit is not None and runtime is not None:
        size = min(size, runtime_limit // runtime)
    return max(size, 1)
