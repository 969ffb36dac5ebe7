"""Remove steps without rows, such as a scatter over an empty list."""

from __future__ import annotations

from dataclasses import replace

from reana_batch.ir import Need, Workflow
from reana_batch.passes.context import Context


def drop_empty_steps(workflow: Workflow, _context: Context) -> Workflow:
    """Return ``workflow`` without its empty steps. Steps that waited for one now wait for its parents.

    >>> empty = step("fit", table=Repeated(0), needs=(Need("select"),))
    >>> dropped = drop_empty_steps(workflow(step("select"), empty, step("plot", needs=(Need("fit"),))), context())
    >>> [(each.name, [need.step for need in each.needs]) for each in dropped.steps]
    [('select', []), ('plot', ['select'])]
    """
    if all(step.table.count for step in workflow.steps):
        return workflow
    instead: dict[str, tuple[Need, ...]] = {}  # what to wait for in place of an empty step
    kept = []
    for step in workflow.steps:
        needs = tuple(dict.fromkeys(new for need in step.needs for new in instead.get(need.step, (need,))))
        if step.table.count:
            kept.append(step._replace(needs=needs))
        else:
            instead[step.name] = tuple(dict.fromkeys(Need(need.step) for need in needs))
    return replace(workflow, steps=tuple(kept))
