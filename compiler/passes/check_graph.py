"""Refuse graphs that no scheduler can run, and put the steps of others in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from reana_batch.ir import Pattern, Step, Workflow
from reana_batch.passes.context import Context

if TYPE_CHECKING:
    import networkx


def check_graph(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with each step behind those that it waits for; raises Refused for a circle.

    A front end that makes two steps of one name, needs a step that is not there, or joins tables of
    different lengths row by row has a bug; that is an AssertionError.

    >>> fit, select = step("fit", needs=(Need("select"),)), step("select")
    >>> [each.name for each in check_graph(workflow(fit, select), context()).steps]
    ['select', 'fit']
    """
    steps = {step.name: step for step in workflow.steps}
    names = [*steps, *(expansion.name for expansion in workflow.expansions)]
    assert len(set(names)) == len(workflow.steps) + len(workflow.expansions), "step names must be unique"
    for step in workflow.steps:
        _check_needs(step, steps)
    for expansion in workflow.expansions:
        unknown = set(expansion.needs) - steps.keys()
        assert not unknown, f"{expansion.name} needs the unknown steps {sorted(unknown)}"
    if _is_in_order(workflow.steps):
        return workflow
    import networkx  # takes longer than all the rest, and most graphs are in order

    graph = workflow.graph()
    if not networkx.is_directed_acyclic_graph(graph):
        circle = [edge[0] for edge in networkx.find_cycle(graph)]
        place = steps[circle[0]].origin
        path = " -> ".join([*circle, circle[0]])
        context.diagnostics.error("cycle", f"Steps wait for each other in a circle: {path}.", place)
        context.diagnostics.stop_if_errors()
    return replace(workflow, steps=tuple(_in_order(workflow, graph, steps)))


def _is_in_order(steps: Iterable[Step]) -> bool:
    """Return whether each step stands behind those that it waits for, as most front ends make them."""
    seen: set[str] = set()
    for step in steps:
        if not all(need.step in seen for need in step.needs):
            return False
        seen.add(step.name)
    return True


def _in_order(workflow: Workflow, graph: networkx.DiGraph[str], steps: dict[str, Step]) -> Iterator[Step]:
    """Yield the steps, each behind those that it waits for, and in the author's order as far as that goes."""
    import networkx

    position = {step.name: index for index, step in enumerate(workflow.steps)}
    for name in networkx.lexicographical_topological_sort(graph, key=position.__getitem__):
        yield steps[name]


def _check_needs(step: Step, steps: dict[str, Step]) -> None:
    for need in step.needs:
        assert need.step in steps, f"{step.name} needs the unknown step {need.step}"
        if need.pattern is Pattern.EACH:
            same = steps[need.step].table.count == step.table.count
            assert same, f"{step.name} and {need.step} must have as many rows"
