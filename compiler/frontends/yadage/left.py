"""The stages that Yadage has not applied: those that wait for the run, and those that would never start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import networkx

from reana_batch.frontends.yadage.answer import Parents
from reana_batch.frontends.yadage.expansion import Expansion, Origin
from reana_batch.frontends.yadage.places import Path, Problem
from reana_batch.frontends.yadage.records import PendingRecord
from reana_batch.frontends.yadage.waiting import Waits


@dataclass(slots=True)
class _Left:
    """A stage that Yadage has not applied."""

    rule: Any
    origin: Origin
    waits: Waits
    faulty: bool = False
    out: str = ""  # the name of the stage because of which it has no jobs


@dataclass
class Left:
    """The stages that are left, with what they wait for."""

    expansion: Expansion
    parents: Parents
    stages: dict[int, _Left] = field(default_factory=dict)  # by the id of the rule

    def __post_init__(self) -> None:
        for rule in self.expansion.workflow.rules:
            origin = self.expansion.place_of(rule)
            if self.parents.reported(origin):
                waits = self.expansion.waiting.condition(rule)
                waits.add(self.expansion.waiting.parameters(rule))
                self.stages[id(rule)] = _Left(rule, origin, waits)
        for stage in self.stages.values():
            self._examine(stage)
        self._spread()
        self._circles()
        self._unused()

    # --- faults ----------------------------------------------------------------------------------

    def _examine(self, stage: _Left) -> None:
        """Record the dependencies of a stage that nothing can fulfil."""
        spec, problems = stage.rule.rule.depspec, self.expansion.problems
        view = self.expansion.workflow.view(stage.rule.offset)
        if spec["dependency_type"] != "jsonpath_ready":
            if not stage.waits:
                stage.out = stage.origin.name
                problems.add("condition", (*stage.origin.path, "dependencies"), stage.origin.name)
            return
        for index, expression in enumerate(spec["expressions"]):
            waits = self.expansion.waiting.dependency(view, expression)
            if not waits and not view.query(expression, view.steps):
                path = self.expansion.places.dependency(stage.origin.path, index)
                self._missing(stage, path, self.expansion.missing(view.offset, expression, stage.origin.name))

    def _missing(self, stage: _Left, path: Path, problem: Problem) -> None:
        kind = "unknown-stage" if problem.kind == "no-step" else problem.kind
        self.expansion.problems.add(kind, path, *problem.words)
        if kind == "left-out":
            stage.out = problem.words[1]
        else:
            stage.faulty = True

    def _spread(self) -> None:
        """Mark the stages that wait for a stage with a fault, or for one that is left out."""
        broken = self.expansion.broken
        for stage in self.stages.values():
            stage.faulty = stage.faulty or not broken.isdisjoint(stage.waits.rules)
        waiting: dict[int, list[_Left]] = {}
        for stage in self.stages.values():
            for rule in stage.waits.rules:
                waiting.setdefault(rule, []).append(stage)
        todo = [stage for stage in self.stages.values() if stage.faulty or stage.out]
        while todo:
            cause = todo.pop()
            for stage in waiting.get(id(cause.rule), ()):
                if stage.faulty or stage.out:
                    continue
                stage.faulty, stage.out = cause.faulty, "" if cause.faulty else cause.origin.name
                if stage.out:
                    path = (*stage.origin.path, "dependencies")
                    self.expansion.problems.add("left-out", path, stage.origin.name, stage.out)
                todo.append(stage)

    def _circles(self) -> None:
        """Record the stages that wait for each other."""
        graph: Any = networkx.DiGraph()
        open_ = {key: stage for key, stage in self.stages.items() if not (stage.faulty or stage.out)}
        graph.add_nodes_from(open_)
        graph.add_edges_from((key, rule) for key, stage in open_.items() for rule in stage.waits.rules if rule in open_)
        for found in networkx.strongly_connected_components(graph):
            members = [stage for key, stage in open_.items() if key in found]
            if len(members) == 1 and not graph.has_edge(id(members[0].rule), id(members[0].rule)):
                continue
            names = [stage.origin.name for stage in members]
            self.expansion.problems.add("circle", (*members[0].origin.path, "dependencies"), *names)
            for stage in members:
                stage.faulty = True

    def _unused(self) -> None:
        """Warn of stages without jobs."""
        for (offset, name), why in self.expansion.empty.items():
            rule = self.expansion.applied.get(offset, {}).get(name)
            if rule is None or not self.parents.reported(self.expansion.place_of(rule)):
                continue
            scheduler = (*self.expansion.path_of(rule), "scheduler")
            if why == "cases":
                self.expansion.problems.add("no-case", (*scheduler, "cases"), name)
            elif (offset, name) not in self.expansion.depended:
                self.expansion.problems.add("unused-scatter", (*scheduler, "scatter"), name)

    # --- records ---------------------------------------------------------------------------------

    def records(self) -> Iterator[PendingRecord]:
        """Yield the stages that wait for the run."""
        pending = [stage for stage in self.stages.values() if not (stage.faulty or stage.out)]
        numbers = {id(stage.rule): number for number, stage in enumerate(pending)}
        for stage in pending:
            nodes = [self._name(each) for each in stage.waits.nodes]
            yield PendingRecord(
                path=list(stage.origin.path),
                scope=stage.origin.scope,
                name=stage.origin.name,
                label=stage.origin.label,
                nodes=nodes,
                pending=sorted(numbers[each] for each in stage.waits.rules if each in numbers),
                parents=[each for each in self._parents(stage) if each not in nodes],
            )

    def _name(self, identifier: str) -> str:
        return self.expansion.step_name(self.expansion.workflow.dag.getNode(identifier))

    def _parents(self, stage: _Left) -> list[str]:
        """Return the jobs and groups that a stage names, and those that the stages around it wait for."""
        view = self.expansion.workflow.view(stage.rule.offset)
        spec = stage.rule.rule.depspec
        found: dict[str, None] = {}
        named: set[str] = set()
        if spec["dependency_type"] == "jsonpath_ready":
            for expression in spec["expressions"]:
                for group in self.expansion.groups(view, expression):
                    found.update(dict.fromkeys(self.parents.group(group)))
                    named.update(group.steps)
        rest = [each for each in stage.waits.found if each not in named]
        found.update(dict.fromkeys(self.parents.together(f"named by {stage.origin.label}", rest)))
        maker = self.expansion.scopes[stage.origin.scope].maker
        while maker is not None:
            for group in maker.groups:
                found.update(dict.fromkeys(self.parents.group(group)))
            maker = self.expansion.scopes[maker.scope].maker
        return list(found)
