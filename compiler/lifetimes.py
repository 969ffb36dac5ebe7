"""The latest times at which the jobs of a workflow may start and end, from the time limits of earlier jobs.

It is assumed that all jobs of a step run at the same time, and that each waits for the queue time. The jobs that an
expansion adds are unknown. So a step that waits for them may start later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reana_batch.ir import Step, Workflow


@dataclass(frozen=True, slots=True)
class Latest:
    """Seconds after submission. ``unlimited`` names a step without a time limit, which makes them a guess."""

    start: int
    end: int
    unlimited: str = ""


def latest(workflow: Workflow, queue_time: int, tries: Callable[[Step], int]) -> dict[str, Latest]:
    """Return the latest start and end of each step, under its name.

    Each job waits ``queue_time`` seconds and uses its time limit up to ``tries`` times.
    """
    import networkx

    steps = {step.name: step for step in workflow.steps}
    found: dict[str, Latest] = {}
    for name in networkx.topological_sort(workflow.graph()):
        step = steps[name]
        before = [found[need.step] for need in step.needs]
        start = max((each.end for each in before), default=0) + queue_time
        unlimited = step.label if step.job_runtime is None else next((e.unlimited for e in before if e.unlimited), "")
        found[name] = Latest(start, start + (step.job_runtime or 0) * tries(step), unlimited)
    return found
