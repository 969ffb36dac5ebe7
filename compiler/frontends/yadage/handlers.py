"""What replaces parts of Yadage: quicker ones with the same results, and handlers that know the places of faults."""

from __future__ import annotations

import copy
import functools
import glob
import itertools
import logging
import math
import os
import types
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import glob2
import jq
import jsonpath_rw
import packtivity.datamodel
import packtivity.statecontexts.posixfs_context
import packtivity.utils
import yadage.stages
import yadage.state_providers.localposix
import yadage.wflowview
from packtivity.handlers import publisher_handlers
from yadage.handlers import expression_handlers, predicate_handlers, scheduler_handlers
from yadage.utils import outputReference

from reana_batch.frontends.yadage import values
from reana_batch.frontends.yadage.places import Path, Problem
from reana_batch.frontends.yadage.selection import first_names
from reana_batch.frontends.yadage.states import State

if TYPE_CHECKING:
    from reana_batch.frontends.yadage.expansion import Expansion

# The most jobs of a stage.
MOST = 1_000_000

# Jobs that share more inputs than this share a node that stands for them.
_FEW = 8


class Abandoned(Exception):
    """A stage has faults, which are recorded."""


class _Originals(NamedTuple):
    """The functions of Yadage that are called by those that replace them."""

    select_parameter: Any = scheduler_handlers.select_parameter
    scatter: Any = scheduler_handlers.scatter
    step_or_stages: Any = scheduler_handlers.step_or_stages
    jq_stage: Any = scheduler_handlers.handlers["jq-stage"]
    select_steps: Any = expression_handlers.select_steps
    select_reference: Any = expression_handlers.select_reference
    select_from_scope: Any = expression_handlers.select_from_scope
    glob: Any = glob2.glob


_YADAGE = _Originals()


def replace_slow_parts() -> None:
    """Replace what Yadage does at each access by what it needs to do once, with the same results."""
    logging.disable(logging.CRITICAL)
    numbers = itertools.count()
    packtivity.datamodel.create = values.create
    packtivity.utils.leaf_iterator = values.leafs
    packtivity.statecontexts.posixfs_context.LocalFSState = State
    yadage.state_providers.localposix.LocalFSState = State
    yadage.stages.get_id_fromjson = lambda _: f"rule {next(numbers)}"
    yadage.wflowview.get_obj_id = lambda _: f"step {next(numbers)}"
    yadage.wflowview.JsonPointer = values.Offset
    jq.jq = values.compiled
    jsonpath_rw.parse = values.jsonpath


def sort_globs(root: str) -> None:
    """Sort what patterns match. In the path of the workspace itself no character has a meaning."""
    literal = glob.escape(root)

    def found(pattern: str) -> list[str]:
        inside = pattern.startswith(f"{root}/")
        return sorted(_YADAGE.glob(literal + pattern.removeprefix(root) if inside else pattern))

    glob2.glob = found


class Handlers:
    """The handlers of Yadage for one expansion. They add faults with places, and let jobs share what they can."""

    def __init__(self, expansion: Expansion) -> None:
        self._expansion = expansion
        self._shared: dict[int, Any] = {}  # by id: the values of parameters that several jobs have
        self._failed = False
        self._selecting: Any = None  # the parameter that is evaluated

    def install(self) -> None:
        """Replace the handlers of Yadage."""
        scheduler_handlers.select_parameter = self._select
        scheduler_handlers.scatter = self._scatter
        scheduler_handlers.step_or_stages = self._step_or_stages
        scheduler_handlers.finalize_input = self._finalized
        scheduler_handlers.handlers["jq-stage"] = _jq_stage
        expression_handlers.select_steps = self._select_steps
        expression_handlers.select_reference = self._select_reference
        expression_handlers.select_from_scope = self._select_from_scope
        predicate_handlers.scope_done = lambda scope, view: self._expansion.waiting.done(
            view.offset, values.Offset(scope).resolve(view.steps)
        )
        path = types.SimpleNamespace(
            exists=self._expansion.exists,
            **{name: getattr(os.path, name) for name in ("join", "isabs", "commonprefix")},
        )
        publisher_handlers.os = types.SimpleNamespace(path=path)

    def begin(self) -> None:
        """Prepare for the next stage."""
        self._shared, self._failed = {}, False

    # --- references ------------------------------------------------------------------------------

    def _select(self, view: Any, parameter: Any) -> Any:
        self._selecting = parameter
        try:
            return _YADAGE.select_parameter(view, parameter)
        except Abandoned:
            self._failed = True
            return None
        except Exception as error:  # noqa: BLE001  # Yadage raises what it happens to meet
            self._expansion.problems.of_reference(self._path(parameter), parameter, error)
            self._failed = True
            return None
        finally:
            self._selecting = None

    def _select_steps(self, view: Any, query: str) -> Any:
        kind, steps = _YADAGE.select_steps(view, query)
        if not steps and self._selecting is not None:
            problem = self._expansion.missing(view.offset, query, self._expansion.current.name)
            names = first_names(query) or frozenset()
            listed = isinstance(self._selecting, dict) and "step" not in self._selecting
            if not (
                problem.kind == "no-step" and listed and names <= self._expansion.applied.get(view.offset, {}).keys()
            ):
                raise problem
            self._expansion.problems.add("no-match", self._path(self._selecting), query)
        return kind, steps

    def _path(self, parameter: Any) -> Path:
        found = self._expansion.places.of(parameter)
        return found or (*self._expansion.current.path, "scheduler", "parameters")

    def _select_reference(self, step: Any, selection: Any, is_scopes: bool) -> Any:
        if not is_scopes and step["id"] in self._expansion.problems.spoilt:
            raise Abandoned
        try:
            return _YADAGE.select_reference(step, selection, is_scopes)
        except RuntimeError as error:
            result = step["result"].typed()
            name = self._expansion.step_name(self._expansion.workflow.dag.getNode(step["id"]))
            several = "multiple" in str(error)
            known = result if isinstance(result, dict) and not several else {}
            raise Problem("several-outputs" if several else "no-output", (), str(selection), name, *known) from error

    def _select_from_scope(self, scope: Any, output: Any) -> Any:
        if self._selecting is not None and not scope["view"].getValue(output):
            known = scope["view"].values.get("_values", {})
            raise Problem("no-value", (), str(output), *known)
        return _YADAGE.select_from_scope(scope, output)

    # --- parameters of jobs ----------------------------------------------------------------------

    def _scatter(self, parameters: dict[str, Any], recipe: Any, batch: Any, parts: Any) -> Any:
        self._stop_if_failed()
        path = (*self._expansion.current.path, "scheduler", "scatter")
        for number, key in enumerate(recipe["parameters"]):
            if not isinstance(parameters.get(key), list | str | dict):
                raise Problem("no-list", (*path, "parameters", number), str(key))
        sizes = [len(parameters[key]) for key in recipe["parameters"]]
        count = math.prod(sizes) if recipe["method"] == "cartesian" else min(sizes, default=0)
        if not (batch or parts) and count > MOST:
            raise Problem("too-many", path, f"{count:,}", f"{MOST:,}")
        result = _YADAGE.scatter(parameters, recipe, batch, parts)
        seen = Counter(id(value) for each in result for value in each.values() if isinstance(value, dict | list))
        self._shared = {key: None for key, count in seen.items() if count > 1}
        return result

    def _stop_if_failed(self) -> None:
        if self._failed:
            raise Abandoned

    def _finalized(self, data: Any, view: Any) -> tuple[Any, list[Any]]:
        """Return parameters with results in the place of references, and one reference to each step that has them."""
        self._stop_if_failed()
        if not isinstance(data, dict):
            return _resolved(data, view)
        result: dict[str, Any] = {}
        inputs: dict[str, Any] = {}
        for key, value in data.items():
            result[key], found = self._value(value, view)
            inputs.update((each.stepid, each) for each in found)
        return result, list(inputs.values())

    def _value(self, value: Any, view: Any) -> tuple[Any, list[Any]]:
        if id(value) not in self._shared:
            return _resolved(value, view)
        if self._shared[id(value)] is None:
            self._shared[id(value)] = _common(_resolved(value, view), view)
        found: tuple[Any, list[Any]] = self._shared[id(value)]
        return found

    def _step_or_stages(self, name: str, spec: Any, inputs: Any, parameters: Any, provider: Any, view: Any) -> Any:
        step, stages = _YADAGE.step_or_stages(name, spec, inputs, parameters, provider, view)
        if stages:
            self._expansion.add_scope(stages[0].state_provider)
        elif step is None and "cases" in spec:
            self._expansion.empty[view.offset, self._expansion.current.name] = "cases"
        return step, stages


def _jq_stage(stage: Any, spec: Any) -> None:
    """Apply a stage. Yadage changes the bindings, but other instances of a sub-workflow have the same ones."""
    _YADAGE.jq_stage(stage, {**spec, "bindings": copy.deepcopy(spec["bindings"])})


def _common(found: tuple[Any, list[Any]], view: Any) -> tuple[Any, list[Any]]:
    """Return a value and its inputs in a form that many jobs can share."""
    value, inputs = values.create(found[0]).json(), found[1]
    if len(inputs) > _FEW:
        group = view.dag.group([each.stepid for each in inputs])
        inputs = [outputReference(group.identifier, values.Pointer(()))]
    return value, inputs


def _resolved(value: Any, view: Any) -> tuple[Any, list[Any]]:
    inputs: dict[str, Any] = {}
    resolve: Callable[[Any], Any] = functools.partial(_resolve, view=view, inputs=inputs)
    return resolve(value), list(inputs.values())


def _resolve(part: Any, view: Any, inputs: dict[str, Any]) -> Any:
    if type(part) is outputReference:
        inputs.setdefault(part.stepid, part)
        return view.dag.getNode(part.stepid).result.resolve_ref(part.pointer)
    if type(part) is dict:
        return {key: _resolve(each, view, inputs) for key, each in part.items()}
    return [_resolve(each, view, inputs) for each in part] if type(part) is list else part
