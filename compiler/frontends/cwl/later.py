"""Make expansions of the steps whose jobs only the run can know, and read their inputs when it knows them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.frontends.cwl.asked import credentials_in
from reana_batch.frontends.cwl.graph import Graph, Node, within
from reana_batch.frontends.cwl.process import Reading
from reana_batch.frontends.cwl.records import Part
from reana_batch.frontends.cwl.results import Missing, Results
from reana_batch.frontends.cwl.values import BadPick, Json
from reana_batch.ir import Expansion
from reana_batch.reading import hints
from reana_batch.reading.spec import Spec

# The most reasons that are named.
_MOST_NAMED = 3


def expansions(spec: Spec, reading: Reading, graph: Graph, part: str) -> tuple[Expansion, ...]:
    """Return the expansions of a graph. ``part`` is the path of the expansion in which they are."""
    return tuple(_expansion(spec, reading, graph, node, part) for node in graph.nodes if node.pending)


def _expansion(spec: Spec, reading: Reading, graph: Graph, node: Node, part: str) -> Expansion:
    first = node.pending[0]
    folder = os.path.join(os.path.dirname(spec.document.file), "")  # a planner shows places in the analysis as it was
    tasks = _Numbers()
    inputs = _Numbers()
    found = [
        [
            each.name,
            each.label,
            [each.place[0].removeprefix(folder), *each.place[1:]],
            tasks.of(each.task),
            {port: inputs.of(value) for port, value in each.inputs.items()},
        ]
        for each in node.pending
    ]
    frozen = [reading.tasks[number].task for number in tasks.items]
    return Expansion(
        name=node.name,
        label=first.label,
        origin=Place(*first.place),
        reason=_listed(list(dict.fromkeys(each.reason for each in node.pending))),
        needs=tuple(need.step for need in node.needs),
        state={
            "part": within(part, node.name),
            "parts": found,
            "tasks": frozen,
            "values": [json.loads(graph.texts[number]) for number in inputs.items],
        },
        credentials=hints.credentials(spec.default_hints).union(*map(credentials_in, frozen)),
    )


class _Numbers:
    """Gives numbers to items in the order in which they are first used."""

    def __init__(self) -> None:
        self.items: dict[int, int] = {}

    def of(self, item: int) -> int:
        """Return the number of an item."""
        return self.items.setdefault(item, len(self.items))


def _listed(reasons: Sequence[str]) -> str:
    more = len(reasons) - _MOST_NAMED
    named = "; ".join(reasons[:_MOST_NAMED])
    return named if more <= 0 else f"{named}; and {more} more"


# --- in the run ----------------------------------------------------------------------------------


def learned(reading: Reading, graph: Graph, part: str) -> dict[str, Json]:
    """Return what an expansion has found: the values by port of each of its parts, under the path of the expansion."""
    ends = reading.end.outputs.items()
    return {part: {name: {port: graph.written(value) for port, value in ports.items()} for name, ports in ends}}


def parts(results: Mapping[str, Any], diagnostics: Diagnostics) -> list[Part]:
    """Return the parts of an expansion with their inputs, which are known now.

    A result that is not there is recorded at the step, and values of which ``pickValue`` cannot choose.
    """
    state = results["state"]
    made = Results(results["workspace"])
    known: dict[int, Json] = {}
    found = []
    for name, label, place, task, inputs in state["parts"]:
        try:
            for number in inputs.values():
                if number not in known:
                    known[number] = made.resolved(state["values"][number])
        except (BadPick, Missing) as error:
            diagnostics.error("bad-workflow", str(error), Place(*place))
            continue
        found.append(Part(name, label, state["tasks"][task], {port: known[n] for port, n in inputs.items()}))
    return found
