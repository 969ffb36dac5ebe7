"""Refuse graphs that no scheduler can run, and sort the steps of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from reana_batch.ir import Pattern, Step, Workflow
from reana_batch.passes.context import Context

if TYPE_CHECKING:
    import networkx


def check_graph(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with each step after the steps that it waits for. A circle raises Refused.

    An AssertionError is a bug of a front end. Two steps have the same name, a needed step is missing, tables
    of different lengths are joined row by row, or a step does not wait for all of an expansion.

    >>> fit, select = step("fit", needs=(Need("select"),)), step("select")
    >>> [each.name for each in check_graph(workflow(fit, select), context()).steps]
    ['select', 'fit']
    """
    steps = {step.name: step for step in workflow.steps}
    assert len(steps) == len(workflow.steps), "step names must be unique"
    for step in workflow.steps:
        _check_needs(step, steps, workflow.expansion_names)
    if _is_in_order(workflow.steps):
        return workflow
    import networkx  # the import takes longer than the whole pass, and most graphs are sorted already

    graph = workflow.graph()
    if not networkx.is_directed_acyclic_graph(graph):
        circle = [edge[0] for edge in networkx.find_cycle(graph)]
        place = steps[circle[0]].origin
        path = " -> ".join([*circle, circle[0]])
        context.diagnostics.error("cycle", f"Steps wait for each other in a circle: {path}.", place)
        context.diagnostics.stop_if_errors()
    return replace(workflow, steps=tuple(_in_order(workflow, graph, steps)))


def _is_in_order(steps: Iterable[Step]) -> bool:
    """Return whether each step comes after the steps that it waits for. Most front ends sort them so."""
    seen: set[str] = set()
    for step in steps:
        if not all(need.step in seen for need in step.needs):
            return False
        seen.add(step.name)
    return True


def _in_order(workflow: Workflow, graph: networkx.DiGraph[str], steps: dict[str, Step]) -> Iterator[Step]:
    """Yield the steps, each after the steps that it waits for. Otherwise the author's order is kept."""
    import networkx

    position = {step.name: index for index, step in enumerate(workflow.steps)}
    for name in networkx.lexicographical_topological_sort(graph, key=position.__getitem__):
        yield steps[name]


def _check_needs(step: Step, steps: dict[str, Step], expansions: frozenset[str]) -> None:
    for need in step.needs:
        assert need.step in steps, f"{step.name} needs the unknown step {need.step}"
        whole = need.pattern is Pattern.ALL or need.step not in expansions
        assert whole, f"{step.name} waits for rows of the expansion {need.step}"
        if need.pattern is Pattern.EACH:
            same = steps[need.step].table.count == step.table.count
            assert same, f"{step.name} and {need.step} must have as many rows"
