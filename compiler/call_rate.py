"""The rule on the calls of a submission: a batch system may take some at once, and then so many a second.

Slurm counts so if ``rl_enable`` is set: each user has a bucket of tokens, and each call takes one. A call without a
token is told to wait and tries again by itself, so a submission is complete in any case. Source: slurm.conf(5).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import replace

from reana_batch.amounts import counted
from reana_batch.compilation import Compilation
from reana_batch.footprint import Footprint
from reana_batch.ir import Workflow
from reana_batch.laws import warn_of_limit
from reana_batch.site import Limits

BURST, RATE = "limits.call_burst", "limits.calls_per_second"


def seconds_of_calls(footprint: Footprint, limits: Limits) -> float:
    """Return how long the calls of a submission take at least because of the limits. 0 if they have not to wait."""
    if limits.call_burst is None or limits.calls_per_second is None:
        return 0.0
    return max(0, footprint.all_calls - limits.call_burst) / limits.calls_per_second


def effects(compilation: Compilation, footprint: Footprint) -> Mapping[str, str]:
    """Return what the limits do to the submission, as a sentence under the setting. Empty if they do nothing."""
    seconds = seconds_of_calls(footprint, compilation.site.limits)
    title, calls = compilation.target.title, counted(footprint.all_calls, "call")
    text = f"Where {title} limits calls, the {calls} of the submission take {seconds:,.0f} s or more."
    return {RATE: text} if seconds else {}


def check_calls(compilation: Compilation, fused: Callable[[Workflow], Workflow]) -> None:
    """Warn at the step that causes most of the calls, if a submission has more than the site takes at once.

    ``fused`` returns a workflow as ``--fuse`` changes it.
    """
    limits, site = compilation.site.limits, compilation.site
    if limits.call_burst is None:
        return
    footprint = compilation.footprint()
    if footprint.all_calls <= limits.call_burst:
        return
    steps = {step.name: step for step in compilation.workflow.steps}
    most = max(
        footprint.calls_of, key=lambda name: footprint.calls_of[name], default=compilation.workflow.steps[0].name
    )
    takes = f"takes {limits.call_burst:,} at once"
    if limits.calls_per_second is not None:
        takes += f" and then {limits.calls_per_second:g} a second"
    message = (
        f"The submission makes {footprint.all_calls:,} calls of {' and '.join(footprint.calls)}. Where calls are limited,"
        f" {site.name} {takes}."
    )
    hint = f"{_cure(compilation, fused)}calls that are too many wait, and try again by themselves."
    warn_of_limit(compilation.diagnostics, site, BURST, message, steps[most].origin, hint)


def _cure(compilation: Compilation, fused: Callable[[Workflow], Workflow]) -> str:
    """Return the option that brings the calls below the limit. Empty if there is none."""
    workflow, burst = compilation.workflow, compilation.site.limits.call_burst or 0

    def fits(changed: Workflow) -> bool:
        return replace(compilation, workflow=changed).footprint().all_calls <= burst

    if fits(fused(workflow)):
        return "join the commands of steps, with --fuse; "
    most = max(step.table.count for step in workflow.steps)
    if len(workflow.steps) > burst or not fits(_joined(workflow, most)):
        return ""
    return f"join rows, with --rows-per-job {_least(lambda rows: fits(_joined(workflow, rows)), most):,} or more; "


def _joined(workflow: Workflow, rows: int) -> Workflow:
    """Return the workflow with as many rows in each job, or more."""
    steps = (step.with_placed(chunk_size=max(rows, step.placed.chunk_size)) for step in workflow.steps)
    return replace(workflow, steps=tuple(steps))


def _least(fits: Callable[[int], bool], most: int) -> int:
    """Return the least number up to ``most`` that fits. All above it fit too.

    >>> _least(lambda number: number >= 37, 1000)
    37
    """
    return bisect_left(range(most), True, key=fits)
