"""Let one scheduler job run several rows, where the user or the site asks for it."""

from __future__ import annotations

from dataclasses import replace

from reana_batch.ir import Step, Workflow
from reana_batch.passes.context import Context

# What "auto" aims at: a scheduler job of about ten minutes is worth its start.
_WORTHWHILE_SECONDS = 600
# A step whose rows' duration nobody knows is cut into this many jobs: enough for any user's share.
_UNKNOWN_CHUNKS = 1000


def chunk_rows(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with a chunk size for each step of many rows."""
    return replace(workflow, steps=tuple(_chunked(step, context) for step in workflow.steps))


def _chunked(step: Step, context: Context) -> Step:
    wanted = context.site.rows_per_job
    size = wanted if isinstance(wanted, int) else _automatic(step, context.site.limits.runtime)
    chunked = replace(step, chunk_size=max(1, min(size, step.table.count)))
    limit, runtime = context.site.limits.runtime, chunked.job_runtime
    if chunked.chunk_size > 1 and limit is not None and runtime is not None and runtime > limit:
        message = (
            f"{chunked.chunk_size} rows of {step.resources.runtime:,} s in one job are {runtime:,} s;"
            f" {context.site.name} allows {limit:,} s."
        )
        context.diagnostics.error("over-limit", message, step.origin, "choose a smaller --rows-per-job.")
    return chunked


def _automatic(step: Step, runtime_limit: int | None) -> int:
    if step.duration is None:
        size = -(-step.table.count // _UNKNOWN_CHUNKS)
    else:
        size = int(_WORTHWHILE_SECONDS // max(step.duration, 0.001)) or 1
    if runtime_limit is not None and step.resources.runtime is not None:
        size = min(size, runtime_limit // step.resources.runtime)
    return size
