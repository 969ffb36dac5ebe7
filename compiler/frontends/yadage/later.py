"""Make expansions of the stages whose jobs only the run can know.

A part is the stages of one expansion. Stages that wait for the same are one part. A stage that waits only for stages
of the part, and for nothing else that takes time, belongs to it. A stage that waits for several parts, or for a part
and for other jobs, is a part after them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import networkx

from reana_batch import names
from reana_batch.frontends.yadage import environments
from reana_batch.frontends.yadage.definition import Definition
from reana_batch.frontends.yadage.initial import Initial
from reana_batch.frontends.yadage.process import Reading
from reana_batch.frontends.yadage.records import Past, PendingRecord
from reana_batch.frontends.yadage.steps import Folded
from reana_batch.ir import Expansion, Step
from reana_batch.reading import hints
from reana_batch.reading.document import DocumentPath
from reana_batch.reading.spec import Spec

# A stage in more scopes than this is in one part, because each part is compiled by a job of its own.
_MOST_PARTS = 20

# The most stages that a reason names.
_MOST_NAMED = 3

# What is known before an expansion. The results that earlier compilations read are not in it.
_NOTHING = Past([], [], [], {})


class Part(NamedTuple):
    """The stages of an expansion, and what it waits for. Stages and parts are numbers."""

    stages: list[int]
    nodes: frozenset[str]  # whose results it waits for, and which no earlier part waits for
    steps: frozenset[str]  # that must be done, and that no earlier part waits for
    after: frozenset[int]  # the parts that it waits for
    before: frozenset[int]  # these, and all parts that they wait for


def parts(pending: Sequence[PendingRecord], steps: Sequence[frozenset[str]]) -> list[Part]:
    """Return the parts, each after those that it waits for.

    ``steps`` has for each pending stage the steps that must be done before it.
    """
    found: list[Part] = []
    part_of: dict[int, int] = {}
    known: dict[tuple[object, ...], int] = {}
    for stages in _in_order(pending):
        waits = {part_of[each] for stage in stages for each in pending[stage].pending}
        earlier = frozenset(waits).union(*(found[part].before for part in waits))
        last = frozenset(waits).difference(*(found[part].before for part in waits))
        nodes = frozenset(node for stage in stages for node in pending[stage].nodes)
        nodes = nodes.difference(*(found[part].nodes for part in earlier))
        asked = frozenset[str]().union(*(steps[stage] for stage in stages))
        asked = asked.difference(*(found[part].steps for part in earlier))
        belongs = len(last) == 1 and not nodes and not asked
        number = next(iter(last)) if belongs else known.setdefault((nodes, asked, last), len(found))
        if number == len(found):
            found.append(Part([], nodes, asked, last, earlier))
        found[number].stages.extend(stages)
        part_of.update(dict.fromkeys(stages, number))
    return found


def _in_order(pending: Sequence[PendingRecord]) -> Iterator[list[int]]:
    """Yield the stages, each after those that it waits for. A stage in many scopes comes as one list."""
    scopes = Counter(tuple(record.path) for record in pending)
    first: dict[tuple[str | int, ...], int] = {}
    together: dict[int, list[int]] = {}
    leader: list[int] = []
    for number, record in enumerate(pending):
        path = tuple(record.path)
        leader.append(first.setdefault(path, number) if scopes[path] > _MOST_PARTS else number)
        together.setdefault(leader[-1], []).append(number)
    graph: networkx.DiGraph[int] = networkx.DiGraph()
    graph.add_nodes_from(together)
    graph.add_edges_from((leader[each], leader[n]) for n, record in enumerate(pending) for each in record.pending)
    for number in networkx.lexicographical_topological_sort(graph):
        yield together[number]


# --- expansions ----------------------------------------------------------------------------------


def past(results: Mapping[str, Any]) -> Past:
    """Return what is known before the expansion with these results of the compilations before it."""
    return Past(**results["state"]["past"], known=results["learned"])


def expansions(
    spec: Spec,
    definition: Definition,
    reading: Reading,
    folded: Folded,
    start: Initial,
    before: Past | None,
) -> tuple[Expansion, ...]:
    """Return the expansions. ``before`` is the past of the expansion in which they are."""
    maker = _Maker(spec, definition, reading, folded, before or _NOTHING)
    found = parts(reading.pending, [maker.steps_before(record) for record in reading.pending])
    named = list(names.rests(names.of_label(reading.pending[part.stages[0]].label) for part in found))
    return tuple(
        Expansion(
            name=name,
            label=reading.pending[part.stages[0]].label,
            origin=definition.place(_path(reading.pending[part.stages[0]])),
            reason=maker.reason(part),
            needs=(*maker.steps(part), *sorted(named[each] for each in part.after)),
            state={"start": start._asdict(), "past": maker.past(part, found)},
            credentials=maker.credentials(part),
        )
        for name, part in zip(named, found, strict=True)
    )


def _path(record: PendingRecord) -> DocumentPath:
    return tuple(record.path)


class _Maker:
    """Finds the facts of an expansion."""

    def __init__(self, spec: Spec, definition: Definition, reading: Reading, folded: Folded, before: Past) -> None:
        self._spec = spec
        self._definition = definition
        self._reading = reading
        self._folded = folded
        self._before = before
        self._above = _steps_above(folded.steps)
        self._members = {group.name: group.members for group in reading.groups}
        self._labels = {job.name: reading.stages[job.stage].label for job in reading.jobs}

    def steps_before(self, record: PendingRecord) -> frozenset[str]:
        """Return the steps with the jobs that a stage waits for, and all steps before these."""
        seen = {*record.nodes, *record.parents}
        left = list(seen)
        while left:
            inner = [each for each in self._members.get(left.pop(), ()) if each not in seen]
            seen.update(inner)
            left += inner
        named = {self._folded.step_of[each] for each in seen if each in self._folded.step_of}
        return frozenset(named.union(*(self._above[name] for name in named)))

    def steps(self, part: Part) -> Iterator[str]:
        """Yield the steps that a part waits for, in their order. A step before another one of them is left out."""
        implied = set[str]().union(*(self._above[name] for name in part.steps))
        yield from (step.name for step in self._folded.steps if step.name in part.steps - implied)

    def past(self, part: Part, found: Sequence[Part]) -> dict[str, Any]:
        """Return the past of the expansion as values of JSON."""
        nodes = part.nodes.union(*(found[number].nodes for number in part.before))
        finished = [stage for number in sorted(part.before) for stage in self._stages(found[number])]
        return {
            "stages": self._stages(part),
            "done": [*self._before.done, *sorted(nodes)],
            "finished": [*self._before.finished, *finished],
        }

    def _stages(self, part: Part) -> list[list[str]]:
        records = [self._reading.pending[stage] for stage in sorted(part.stages)]
        return [[record.scope, record.name] for record in records]

    def reason(self, part: Part) -> str:
        """Return what only the run can know."""
        if part.nodes:
            labels = sorted({self._labels.get(node, node) for node in part.nodes})
            return f"the files that {_listed(labels)} makes"
        pending = self._reading.pending
        waits = dict.fromkeys(pending[each].label for each in pending[part.stages[0]].pending)
        return f"the results of {_listed(list(waits))}"

    def credentials(self, part: Part) -> frozenset[str]:
        """Return the credentials that the stages may need."""
        found = hints.credentials(self._spec.default_hints)
        for path in sorted({_path(self._reading.pending[stage]) for stage in part.stages}, key=str):
            found |= environments.credentials(_value(self._definition.data, path))
        return found


def _steps_above(steps: Sequence[Step]) -> dict[str, frozenset[str]]:
    """Return for each step all steps that are done before it."""
    above: dict[str, frozenset[str]] = {}
    for step in steps:
        direct = frozenset(need.step for need in step.needs)
        above[step.name] = direct.union(*(above[name] for name in direct))
    return above


def _listed(labels: Sequence[str]) -> str:
    more = len(labels) - _MOST_NAMED
    return ", ".join(labels) if more <= 0 else f"{', '.join(labels[:_MOST_NAMED])} and {more} more"


def _value(data: Any, path: DocumentPath) -> Any:
    for key in path:
        data = data[key]
    return data
