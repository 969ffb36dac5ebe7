"""Check the grammar of a Yadage workflow: its form, its names, and what its stages refer to.

REANA's engine leaves out a stage whose dependency does not exist, and ends with success. Here this is an error.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reana_batch.diagnostics import Diagnostics, Note, Where, suggestion
from reana_batch.frontends.yadage import packtivities
from reana_batch.frontends.yadage.cycles import circles
from reana_batch.frontends.yadage.definition import Definition
from reana_batch.frontends.yadage.packtivities import Texts
from reana_batch.frontends.yadage.selection import Found, Scope, Stage, Unreadable, find, first_names
from reana_batch.reading import schema

_Path = tuple[str | int, ...]

# The most circles of stages that are searched.
_MOST_CIRCLES = 20

_MANY = ("multistep-stage", "jq-stage")
_SELECTORS = ("step", "steps", "stages")
_NEVER = "so this stage would never start, and REANA would end with success without it."
_JSONPATH_HINT = "write the name of a stage, such as fit, fit[0] or sub[*].fit."

# Keys that belong to another place of the workflow.
_ELSEWHERE = {
    **dict.fromkeys(("scatter", "batchsize", "partitionsize"), "it belongs to a multistep-stage."),
    **dict.fromkeys(("bindings", "stepscript", "postscript"), "it belongs to a jq-stage."),
    **dict.fromkeys(("parameters", "step", "workflow", "cases"), "it belongs to the scheduler of a stage."),
    **dict.fromkeys(("cmd", "script", "interpreter"), "it belongs to a process."),
    **dict.fromkeys(("image", "imagetag", "resources", "envscript"), "it belongs to an environment."),
}


def check(definition: Definition, parameters: Mapping[str, Any] | None, diagnostics: Diagnostics) -> None:
    """Record the faults of a workflow that gets these parameters. With None they are unknown."""
    found = Diagnostics(diagnostics.ignored_codes)
    schema.check_value(definition, [], definition.data, _grammar(), found, advise=_advise)
    diagnostics.add(found)
    if any(each.code != "unknown-key" for each in found.errors):
        return
    scope = _scope(definition.data, (), None if parameters is None else set(parameters), parameters != {})
    _Checker(definition, diagnostics).check(scope)


@functools.cache
def _grammar() -> dict[str, Any]:
    return schema.load_schema("grammar.json", __package__)


def _advise(path: list[str | int], key: str, known: list[str]) -> str:
    return _ELSEWHERE[key] if key in _ELSEWHERE and key not in known else schema.nearest(path, key, known)


# --- the stages -----------------------------------------------------------------------------------


def _scope(data: Mapping[str, Any], path: _Path, parameters: set[str] | None, has_init: bool) -> Scope:
    """Return the stages of a workflow. ``parameters`` are the outputs of its init."""
    scope = Scope()
    if has_init:
        scope.stages["init"] = Stage("init", path, {}, outputs=[parameters])
    for index, each in enumerate(data["stages"]):
        stage = Stage(each["name"], (*path, "stages", index), each)
        given = _parameters(stage)
        for where, body in _bodies(stage):
            if "workflow" in body:
                names = None if given is None else set(given)
                stage.inner.append(_scope(body["workflow"], (*where, "workflow"), names, True))
            else:
                stage.outputs.append(packtivities.outputs(body["step"]))
        scope.listed.append(stage)
        scope.stages.setdefault(stage.name, stage)
    return scope


def _bodies(stage: Stage) -> Iterator[tuple[_Path, dict[str, Any]]]:
    """Yield the mappings with step or workflow: the scheduler itself, or its cases."""
    path = (*stage.path, "scheduler")
    if "cases" not in stage.scheduler:
        yield path, stage.scheduler
    for index, case in enumerate(stage.scheduler.get("cases", ())):
        yield (*path, "cases", index), case


def _parameters(stage: Stage) -> dict[str, tuple[_Path, Any]] | None:
    """Return the parameters of a stage with their paths. Those of a jq-stage only the run can know: None."""
    given, path = stage.scheduler.get("parameters"), (*stage.path, "scheduler", "parameters")
    if stage.scheduler.get("scheduler_type") == "jq-stage":
        return None
    if isinstance(given, dict):
        return {key: ((*path, key), value) for key, value in given.items()}
    return {item["key"]: ((*path, index, "value"), item["value"]) for index, item in enumerate(given or ())}


def _is_reference(stage: Stage, value: Any) -> bool:
    """Return whether the value of a parameter is looked up. In a list only expression_type says so."""
    in_mapping = isinstance(stage.scheduler.get("parameters"), dict)
    keys = ("expression_type", *(_SELECTORS if in_mapping else ()))
    return isinstance(value, dict) and any(key in value for key in keys)


def _width(stage: Stage) -> int | None:
    """Return the number of steps of a stage, or None if only the run can know it."""
    scheduler = stage.scheduler
    if "cases" in scheduler or scheduler.get("scheduler_type") not in ("singlestep-stage", "multistep-stage"):
        return None
    if scheduler["scheduler_type"] == "singlestep-stage":
        return 1
    given = _parameters(stage) or {}
    lengths = []
    for name in scheduler["scatter"]["parameters"]:
        value = given[name][1] if name in given else None
        if not isinstance(value, list):
            return None
        size, most = scheduler.get("batchsize"), scheduler.get("partitionsize")
        lengths.append(-(-len(value) // size) if size else min(len(value), most) if most else len(value))
    return math.prod(lengths) if scheduler["scatter"]["method"] == "cartesian" else min(lengths, default=None)


def _waited(text: str, stage: Stage, scope: Scope) -> Iterator[str]:
    """Yield the stage of a scope that has to be there before a JSONPath finds ``stage``, which may be below it."""
    if scope.stages.get(stage.name) is stage:
        yield stage.name
    else:
        names = first_names(text) or ()
        yield from names if len(names) == 1 else ()


# --- the checks -----------------------------------------------------------------------------------


class _Checker:
    """Checks the stages of a workflow and of its sub-workflows."""

    def __init__(self, definition: Definition, diagnostics: Diagnostics) -> None:
        self._definition = definition
        self._diagnostics = diagnostics

    def _at(self, *path: str | int) -> Where:
        return functools.partial(self._definition.place, path)

    def check(self, scope: Scope) -> None:
        """Record the faults of a scope and of those in it."""
        self._check_names(scope)
        self._check_registered(scope)
        edges: dict[str, list[str]] = {}
        for stage in scope.listed:
            edges[stage.name] = [*self._dependencies(stage, scope), *self._references(stage, scope)]
            self._check_parameters(stage)
            self._check_scatter(stage)
            self._check_bodies(stage)
        for circle in itertools.islice(circles(edges), _MOST_CIRCLES):
            first = scope.stages[circle[0]]
            message = f"These stages wait for each other: {' -> '.join([*circle, circle[0]])}."
            self._diagnostics.error("cycle", message, self._at(*first.path, "name"), "remove one of the dependencies.")
        for stage in scope.listed:
            for inner in stage.inner:
                self.check(inner)

    def _check_names(self, scope: Scope) -> None:
        seen: dict[str, Stage] = {}
        for stage in scope.listed:
            where = self._at(*stage.path, "name")
            if stage.name == "init":
                message = 'A stage must not have the name "init", which is that of the workflow\'s parameters.'
                self._diagnostics.error("bad-workflow", message, where, "choose another name.")
            elif stage.name in ("", ".", "..") or set("/\0") & set(stage.name):
                message = f'The name of a stage is that of its directory, which cannot be "{stage.name}".'
                self._diagnostics.error("bad-workflow", message, where, "choose another name.")
            elif stage.name in seen:
                message = f'The stage "{stage.name}" is already defined.'
                self._diagnostics.error(
                    "duplicate-key", message, where, "choose another name.", self._first(seen[stage.name])
                )
            seen.setdefault(stage.name, stage)
        for stage in seen.values():
            self._check_collision(stage, seen)

    def _check_collision(self, stage: Stage, others: Mapping[str, Stage]) -> None:
        """Record a stage whose directory is that of a step of another."""
        base, _, number = stage.name.rpartition("_")
        other = others.get(base)
        if other is None or not re.fullmatch(r"0|[1-9]\d{0,8}", number):
            return
        width = _width(other)
        if other.scheduler.get("scheduler_type") in _MANY and (width is None or int(number) < width):
            message = f'"{stage.name}" can be the directory of a step of "{base}" too.'
            where = self._at(*stage.path, "name")
            self._diagnostics.error("bad-workflow", message, where, "choose another name.", self._first(other))

    def _first(self, stage: Stage) -> tuple[Note, ...]:
        return (Note("The other stage is defined here.", self._definition.place((*stage.path, "name"))),)

    def _check_registered(self, scope: Scope) -> None:
        seen: dict[str, _Path] = {}
        for stage in scope.listed:
            for key in stage.scheduler.get("register_values", {}):
                path = (*stage.path, "scheduler", "register_values", key)
                if key in seen:
                    message = f'The value "{key}" is already registered. REANA fails here.'
                    note = Note("It is first registered here.", self._definition.key_place(seen[key]))
                    place = functools.partial(self._definition.key_place, path)
                    self._diagnostics.error("duplicate-key", message, place, "choose another name.", (note,))
                seen.setdefault(key, path)

    # --- what a stage refers to

    def _dependencies(self, stage: Stage, scope: Scope) -> Iterator[str]:
        """Yield the stages that a stage certainly waits for. Record dependencies that find nothing."""
        given, path = stage.data.get("dependencies", []), (*stage.path, "dependencies")
        is_list = isinstance(given, list)
        path = path if is_list else (*path, "expressions")
        for index, each in enumerate(given if is_list else given.get("expressions", ())):
            if isinstance(each, dict):
                self._check_expression((*path, index), each, scope, _NEVER)
                continue
            found = self._find((*path, index), each, scope, _NEVER)
            if found and len(found.stages) == 1 and not found.anything:
                yield from _waited(each, found.stages[0], scope)

    def _references(self, stage: Stage, scope: Scope) -> Iterator[str]:
        """Yield the stages that a stage needs at once. Record references that find nothing."""
        for path, value in (_parameters(stage) or {}).values():
            if _is_reference(stage, value):
                found = self._check_expression(path, value, scope, "")
                if "step" in value and found and len(found.stages) == 1 and not found.anything:
                    yield from _waited(value["step"], found.stages[0], scope)
            elif isinstance(value, dict) and value.keys() & set(_SELECTORS):
                message = "In a list of parameters this is a plain value, because it has no expression_type."
                hint = "add expression_type: stage-output-selector, or write parameters as a mapping."
                self._diagnostics.warning("bad-workflow", message, self._at(*path), hint)
        for key, value in stage.scheduler.get("register_values", {}).items():
            self._check_expression((*stage.path, "scheduler", "register_values", key), value, scope, "")

    def _check_expression(self, path: _Path, value: Mapping[str, Any], scope: Scope, effect: str) -> Found | None:
        """Record what is wrong in a reference. ``effect`` says what REANA does when it finds nothing."""
        kind = next((key for key in _SELECTORS if key in value), None)
        if kind is None:
            self._check_value(path, value, scope, effect or "so REANA takes null.")
            return None
        fails = "so REANA fails here." if kind == "step" else "so REANA takes an empty list."
        found = self._find((*path, kind), value[kind], scope, effect or fails)
        if found is None:
            return None
        for stage in found.whole if kind == "step" else ():
            if _width(stage) not in (None, 1):
                message = f'"{stage.name}" has {_width(stage)} steps, but step must find exactly one. REANA fails here.'
                hint = f"write stages: {stage.name}, or step: {stage.name}[0]."
                self._diagnostics.error("bad-workflow", message, self._at(*path, "step"), hint)
        if "output" in value:
            for stage in found.stages:
                self._check_output((*path, "output"), value["output"], stage)
        return found

    def _check_value(self, path: _Path, value: Mapping[str, Any], scope: Scope, effect: str) -> None:
        """Check the JSONPath of a registered value. Only its own scope's values are known."""
        if "scope" in value:
            self._find((*path, "scope"), value["scope"], scope, "so REANA fails here.")
            return
        known = [key for stage in scope.listed for key in stage.scheduler.get("register_values", {})]
        if value["key"] not in known:
            message = f'No stage of this workflow registers the value "{value["key"]}", {effect}'
            hint = suggestion(value["key"], known, "add it to register_values of a stage.")
            self._diagnostics.error("unknown-reference", message, self._at(*path, "key"), hint)

    def _find(self, path: _Path, text: str, scope: Scope, effect: str) -> Found | None:
        """Return what a JSONPath finds. Record names that do not exist."""
        try:
            found = find(text, scope)
        except Unreadable:
            message = f'"{text}" is not a JSONPath.'
            self._diagnostics.error("bad-workflow", message, self._at(*path), _JSONPATH_HINT)
            return None
        record = self._diagnostics.warning if found.stages or found.anything else self._diagnostics.error
        for name, known in found.missing:
            if name == "init":
                message = f"This workflow has no parameters and therefore no init, {effect}"
                hint: Any = "remove this, or add a parameter under inputs.parameters."
            else:
                left_out = "so it is left out." if found.stages or found.anything else effect
                message = f'There is no stage "{name}" here, {left_out}'
                hint = suggestion(name, known, f"known here: {', '.join(known[:20])}." if known else "")
            record("unknown-reference", message, self._at(*path), hint)
        for name, inner in found.lists:
            message = f'"{name}" is a list of steps, so "{inner}" is not found below it, {effect}'
            record("unknown-reference", message, self._at(*path), f"write {name}[*].{inner}.")
        return found

    def _check_output(self, path: _Path, output: str, stage: Stage) -> None:
        """Record an output that a stage can never have."""
        if stage.inner:
            self._check_result(path, output, stage)
            return
        names = {name for each in stage.outputs for name in each or ()}
        if None in stage.outputs or output in names:
            return
        try:
            firsts = first_names(output)
        except Unreadable:
            message = f'"{output}" is neither an output of "{stage.name}" nor a JSONPath.'
            self._diagnostics.error("bad-workflow", message, self._at(*path))
            return
        if firsts is not None and not firsts & names:
            message = f'"{stage.name}" has no output "{output}". REANA fails here.'
            listed = f"known: {', '.join(sorted(names)[:20])}." if names else ""
            hint = suggestion(output, sorted(names), listed)
            self._diagnostics.error("unknown-reference", message, self._at(*path), hint)

    def _check_result(self, path: _Path, output: str, stage: Stage) -> None:
        """Warn about the output of a sub-workflow that registers no value of this name."""
        known = {
            key for scope in stage.inner for each in scope.listed for key in each.scheduler.get("register_values", {})
        }
        if output not in known and not stage.outputs:
            message = f'The sub-workflow "{stage.name}" registers no value "{output}", so REANA takes null.'
            hint = suggestion(output, sorted(known), f"name a stage in it, such as {stage.name}[*].NAME.")
            self._diagnostics.warning("unknown-reference", message, self._at(*path), hint)

    # --- the stage itself

    def _check_parameters(self, stage: Stage) -> None:
        given = stage.scheduler.get("parameters")
        seen: dict[str, _Path] = {}
        for index, item in enumerate(given if isinstance(given, list) else ()):
            path = (*stage.path, "scheduler", "parameters", index, "key")
            if item["key"] in seen:
                note = Note("It is first set here.", self._definition.place(seen[item["key"]]))
                message = f'"{item["key"]}" is already set.'
                self._diagnostics.error("duplicate-key", message, self._at(*path), "keep one of the two.", (note,))
            seen.setdefault(item["key"], path)

    def _check_scatter(self, stage: Stage) -> None:
        scatter, known = stage.scheduler.get("scatter", {}), _parameters(stage) or {}
        path = (*stage.path, "scheduler", "scatter", "parameters")
        for index, name in enumerate(scatter.get("parameters", ())):
            if name not in known:
                message = f'The stage "{stage.name}" has no parameter "{name}".'
                hint = suggestion(name, known, f"known: {', '.join(known)}.")
                self._diagnostics.error("unknown-reference", message, self._at(*path, index), hint)
        if scatter and scatter["method"] == "zip" and not scatter["parameters"]:
            message = "scatter must name a parameter whose values the steps share out. REANA fails here."
            self._diagnostics.error("bad-workflow", message, self._at(*path))

    def _check_bodies(self, stage: Stage) -> None:
        given = _parameters(stage)
        names = None if given is None else frozenset(given)
        texts = Texts(self._definition, self._diagnostics, stage.name, names)
        path = (*stage.path, "scheduler")
        for key in ("stepscript", "postscript"):
            if key in stage.scheduler:
                texts.check_jq((*path, key), stage.scheduler[key])
        runs_steps = False
        for where, body in _bodies(stage):
            if "if" in body:
                texts.check_jq((*where, "if"), body["if"])
            if "step" in body:
                runs_steps = True
                packtivities.check(texts, (*where, "step"), body["step"])
        for where, value in (given or {}).values():
            if not _is_reference(stage, value):
                self._check_literal(where, value, runs_steps)

    def _check_literal(self, path: _Path, value: Any, runs_steps: bool) -> None:
        """Record fields in a parameter that Yadage does not fill in, and braces that it refuses."""
        known = re.compile(r"readdir\d+|workdir" if runs_steps else r"readdir\d+")
        texts = Texts(self._definition, self._diagnostics, "", None)
        for where, text in packtivities.leaves(value, path):
            if isinstance(text, str):
                texts.check_parameter(where, text, known)
