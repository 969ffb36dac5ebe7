"""Run all commands of a step in one job."""

from __future__ import annotations

from dataclasses import replace

from reana_batch.ir import Step, Workflow
from reana_batch.passes.context import Context


def fuse_commands(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with neighbouring steps of a group joined, if the user asked for it.

    Each command still has a bash process of its own. The first that fails ends the job.
    Only a chain is joined: steps of one row that each wait only for the step before, and whose commands run the same way.

    >>> steps = step("a", group=1), step("b", group=1, needs=(Need("a"),))
    >>> [len(each.action.commands) for each in fuse_commands(workflow(*steps), context(fuse=True)).steps]
    [2]
    """
    if not context.fuse:
        return workflow
    fused: list[Step] = []
    renamed: dict[str, str] = {}
    for original in workflow.steps:
        needs = tuple(need._replace(step=renamed.get(need.step, need.step)) for need in original.needs)
        step = original._replace(needs=needs)
        if fused and _joins(fused[-1], step):
            renamed[step.name] = fused[-1].name
            first = fused[-1]
            action = first.action._replace(commands=first.action.commands + step.action.commands)
            fused[-1] = first._replace(action=action, outputs=first.outputs + step.outputs)
        else:
            fused.append(step)
    return replace(workflow, steps=tuple(fused))


def _joins(previous: Step, step: Step) -> bool:
    in_line = [need.step for need in step.needs] == [previous.name]
    return (
        previous.group is not None
        and previous.group == step.group
        and previous.table.count == step.table.count == 1
        and in_line
        and previous.action._replace(commands=()) == step.action._replace(commands=())
    )
