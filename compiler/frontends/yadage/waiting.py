"""What a stage of Yadage waits for: steps without a result, and stages whose steps are not known."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reana_batch.frontends.yadage.selection import Names, Unreadable, names_by_depth
from reana_batch.frontends.yadage.values import JqError, compiled


@dataclass(slots=True)
class Waits:
    """What an expression needs. The keys keep the order."""

    rules: dict[int, Any] = field(default_factory=dict)  # by id: the stages that Yadage has not applied
    nodes: dict[str, None] = field(default_factory=dict)  # the steps that have no result
    found: dict[str, None] = field(default_factory=dict)  # all steps that it names

    def __bool__(self) -> bool:
        return bool(self.rules or self.nodes)

    def add(self, other: Waits) -> None:
        """Add what another expression needs."""
        self.rules.update(other.rules)
        self.nodes.update(other.nodes)
        self.found.update(other.found)


class Waiting:
    """Finds what expressions wait for, in the present state of a workflow."""

    def __init__(self, workflow: Any) -> None:
        self.workflow = workflow
        self.left: dict[str, dict[str, Any]] = {}  # by scope and name: the stages that Yadage has not applied

    def note(self, rule: Any) -> None:
        """Remember a stage that Yadage has not applied."""
        self.left.setdefault(rule.offset, {})[rule.rule.name] = rule

    def forget(self, rule: Any) -> None:
        """Remember that Yadage has applied a stage."""
        self.left[rule.offset].pop(rule.rule.name, None)

    # --- of a stage ------------------------------------------------------------------------------

    def dependency(self, view: Any, expression: str) -> Waits:
        """Return what a JSONPath in ``dependencies`` waits for: all that is in the scopes that it names, too."""
        waits = Waits()
        self._unapplied(waits, view.offset, view.steps, names_by_depth(expression))
        for match in view.query(expression, view.steps):
            self._below(waits, view.offset, match.value)
        return waits

    def condition(self, rule: Any) -> Waits:
        """Return what the dependencies of a stage wait for."""
        view = self.workflow.view(rule.offset)
        spec = rule.rule.depspec or {}
        waits = Waits()
        for expression in spec.get("expressions", ()):
            ready = spec["dependency_type"] == "jsonpath_ready"
            waits.add(self.dependency(view, expression) if ready else self._expression(view, expression))
        return waits

    def parameters(self, rule: Any) -> Waits:
        """Return what the parameters of a stage wait for."""
        view = self.workflow.view(rule.offset)
        waits = Waits()
        spec = rule.rule.stagespec
        if spec["scheduler_type"] in {"singlestep-stage", "multistep-stage"}:
            for parameter in spec["parameters"]:
                with contextlib.suppress(Unreadable):  # is reported when the stage is applied
                    waits.add(self._expression(view, parameter["value"]))
        elif spec["scheduler_type"] == "jq-stage":
            for selector in _selectors(spec["bindings"]):
                waits.add(self._selector(view, selector, rule))
        return waits

    # --- of an expression ------------------------------------------------------------------------

    def _expression(self, view: Any, value: Any, depth: int = 0) -> Waits:
        waits = Waits()
        kind = value.get("expression_type") if isinstance(value, dict) else None
        if depth > 100:
            return waits
        if kind == "fromvalue":
            scopes = [""]
            if "scope" in value:
                self._unapplied(waits, view.offset, view.steps, names_by_depth(value["scope"]))
                scopes = view.getScopes(value["scope"])
            for scope in scopes:
                waits.add(self._registered(view.view(scope), value["key"], depth))
        elif kind == "stage-output-selector":
            query = value.get("stages") or value.get("steps") or value.get("step")
            self._unapplied(waits, view.offset, view.steps, names_by_depth(query))
            for match in view.query(query, view.steps):
                for item in match.value if isinstance(match.value, list) else [match.value]:
                    self._selected(waits, view, item, value.get("output"), depth)
        return waits

    def _selected(self, waits: Waits, view: Any, item: Any, output: Any, depth: int) -> None:
        if isinstance(item, dict) and "_nodeid" in item:
            self._node(waits, item["_nodeid"])
        elif isinstance(item, dict) and "_offset" in item:
            waits.add(self._registered(view.view(item["_offset"]), output, depth))

    def _registered(self, view: Any, key: Any, depth: int) -> Waits:
        """Return what the value waits for that a stage of a scope registers."""
        value = view.getValue(key)
        if value is not None:
            return self._expression(view, value, depth + 1)
        rules = self.left.get(view.offset, {}).values()
        return Waits({id(each): each for each in rules if key in (each.rule.stagespec.get("register_values") or {})})

    def _selector(self, view: Any, selector: str, rule: Any) -> Waits:
        """Return what a jq program that selects steps waits for: the stages that it names, or all."""
        waits = Waits()
        words = set(re.findall(r"[\w-]+", selector))
        others = {name: each for name, each in self.left.get(view.offset, {}).items() if each is not rule}
        if not words & {*others, *view.steps}:
            words = set(others)
        waits.rules.update((id(each), each) for name, each in others.items() if name in words)
        try:
            found = compiled(selector).transform(view.steps, multiple_output=True)
        except JqError:  # is reported when the stage is applied
            return waits
        for node in _node_ids(found):
            self._node(waits, node)
        return waits

    # --- in the workflow -------------------------------------------------------------------------

    def _node(self, waits: Waits, identifier: str) -> None:
        waits.found[identifier] = None
        if not self.workflow.dag.getNode(identifier).has_result():
            waits.nodes[identifier] = None

    def _below(self, waits: Waits, offset: str, value: Any) -> None:
        """Add all that is in a step, a scope, or a list of them."""
        if isinstance(value, list):
            for each in value:
                self._below(waits, offset, each)
        elif isinstance(value, dict) and "_nodeid" in value:
            self._node(waits, value["_nodeid"])
        elif isinstance(value, dict):
            inner = offset + value.get("_offset", "")
            waits.rules.update((id(each), each) for each in self.left.get(inner, {}).values())
            for key, each in value.items():
                if key != "_offset":
                    self._below(waits, inner, each)

    def below(self, offset: str, value: Any) -> list[str]:
        """Return the identifiers of all steps in a step, a scope, or a list of them."""
        waits = Waits()
        self._below(waits, offset, value)
        return list(waits.found)

    def done(self, offset: str, value: Any) -> bool:
        """Return whether all that is in a scope is applied and has results."""
        waits = Waits()
        self._below(waits, offset, value)
        return not waits

    def _unapplied(self, waits: Waits, offset: str, steps: Mapping[str, Any], names: list[Names]) -> None:
        """Add the stages of a scope whose name is the first of ``names``, and those below with the next ones."""
        if not names:
            return
        first, rest = names[0], names[1:]
        if first is not None:
            here = self.left.get(offset, {})
            waits.rules.update((id(here[name]), here[name]) for name in sorted(first & here.keys()))
        if rest:
            for name, items in steps.items():
                if isinstance(items, list) and (first is None or name in first):
                    for item in items:
                        if "_offset" in item:
                            self._unapplied(waits, offset + item["_offset"], item, rest)


def _selectors(bindings: Any) -> Iterator[str]:
    if isinstance(bindings, dict) and "$wflowref" in bindings:
        yield bindings["$wflowref"][0]
    elif isinstance(bindings, dict | list):
        for each in bindings.values() if isinstance(bindings, dict) else bindings:
            yield from _selectors(each)


def _node_ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "_nodeid" in value:
        yield value["_nodeid"]
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _node_ids(each)
