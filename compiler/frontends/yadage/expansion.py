"""Expand a workflow with Yadage: apply its stages until none is applicable, and never run a job."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from packtivity.syncbackends import defaultsyncbackend, finalize_inputs, publish
from yadage.stages import JsonStage
from yadage.state_providers.localposix import LocalFSProvider
from yadage.wflow import YadageWorkflow

from reana_batch.frontends.yadage import values
from reana_batch.frontends.yadage.handlers import Abandoned, Handlers, replace_slow_parts, sort_globs
from reana_batch.frontends.yadage.places import Mark, Path, Places, Problem
from reana_batch.frontends.yadage.problems import Problems
from reana_batch.frontends.yadage.records import Past, Request
from reana_batch.frontends.yadage.selection import Unreadable, first_names
from reana_batch.frontends.yadage.states import Graph, Members, State
from reana_batch.frontends.yadage.waiting import Waiting

# Matches of a dependency that are more than this are one group.
_FEW = 8

_GLOB = frozenset("*?[")


class Group(NamedTuple):
    """The steps that a dependency matches."""

    key: tuple[str, str]  # the scope, and the path of the match
    steps: Mapping[str, None]  # identifiers, in their order


@dataclass(slots=True)
class Origin:
    """The stage that adds a step."""

    path: Path
    scope: str  # its directory, relative to the workspace
    name: str
    label: str
    groups: tuple[Group, ...]  # of its dependencies


@dataclass(slots=True)
class Scope:
    """The workflow of a directory."""

    maker: Origin | None  # None for the whole workflow


@dataclass
class Expansion:
    """A workflow that Yadage expands."""

    request: Request
    problems: Problems = field(init=False)
    learned: dict[str, Any] = field(default_factory=dict)  # by step: results that were read from the disk
    origins: dict[str, Origin] = field(default_factory=dict)  # by the identifier of a step
    scopes: dict[str, Scope] = field(default_factory=lambda: {"": Scope(None)})
    empty: dict[tuple[str, str], str] = field(default_factory=dict)  # by scope and name: why a stage has no steps
    depended: set[tuple[str, str]] = field(default_factory=set)  # the stages without steps that others name
    applied: dict[str, dict[str, Any]] = field(default_factory=dict)  # by scope and name
    broken: set[int] = field(default_factory=set)  # the ids of the stages with faults

    def __post_init__(self) -> None:
        self.root = os.path.normpath(self.request.directory)
        self.mark = Mark(self.root)
        self.places = Places(self.request.definition)
        self.problems = Problems(self.places, self.mark)
        self.past = self.request.past or Past([], [], [], {})
        self.known = {name: values.create(self.mark.real(value)) for name, value in self.past.known.items()}
        self._done = frozenset(self.past.done)
        self._finished = frozenset((scope, name) for scope, name in self.past.finished)
        self._new: list[Any] = []
        self.current = Origin((), "", "", "", ())  # the stage that is being applied
        self._groups: dict[tuple[str, str], Group] = {}
        self._behind: dict[str, bool] = {}
        self._backend = defaultsyncbackend()
        self._rules: dict[int, Any] = {}
        self.workflow = YadageWorkflow(dag=Graph(self._added))
        self.waiting = Waiting(self.workflow)
        self._folders: set[str] = set()  # the work directories of steps and scopes
        replace_slow_parts()
        sort_globs(self.root)
        self._handlers = Handlers(self)
        self._handlers.install()
        self._begin()

    @property
    def steps(self) -> Iterator[Any]:
        """The steps of the workflow, in the order in which Yadage added them."""
        return (
            node
            for node in map(self.workflow.dag.getNode, self.workflow.dag.nodes())
            if node.identifier in self.origins
        )

    # --- the loop of adage -----------------------------------------------------------------------

    def _begin(self) -> None:
        start = State(readonly=[os.path.join(self.root, self.request.initdir)])
        provider = LocalFSProvider(State([self.root]), ensure=False, nest=True, init_states=[start])
        view = self.workflow.view()
        view.addWorkflow([JsonStage(stage, provider) for stage in self.places.filled["stages"]])
        if self.request.parameters:  # as in Yadage: without parameters there is no stage init
            view.init(dict(self.request.parameters), provider, discover=True, relative=True)
        self._note()

    def run(self) -> None:
        """Apply stages until none is applicable."""
        self._publish()
        while self._sweep():
            self._publish()

    def _sweep(self) -> bool:
        """Apply the stages that are applicable now, and return whether there were any.

        As in adage: stages are taken from the list that is walked, so that the one after is walked next time.
        """
        rules, left, index, applied = self.workflow.rules, [], 0, False
        while index < len(rules):
            rule = rules[index]
            if self._ready(rule):
                applied = True
                self._apply(rule)
                left += rules[index + 1 : index + 2]
                index += 1
            else:
                left.append(rule)
            index += 1
        rules[:] = [rule for rule in left if id(rule) not in self.broken]
        return applied

    def _ready(self, rule: Any) -> bool:
        if id(rule) in self.broken:
            return False
        try:
            return bool(rule.applicable(self.workflow)) and not self.waiting.parameters(rule)
        except Exception as error:  # noqa: BLE001  # Yadage raises what it happens to meet
            self.broken.add(id(rule))
            self.problems.of_condition(self.path_of(rule), self._condition_problem(rule, error))
            return False

    def _condition_problem(self, rule: Any, error: Exception) -> Exception:
        """Return the problem of the dependency that Yadage cannot evaluate, or ``error``."""
        spec = rule.rule.depspec
        if spec["dependency_type"] != "jsonpath_ready":
            return error
        view = self.workflow.view(rule.offset)
        for index, expression in enumerate(spec["expressions"]):
            path = self.places.dependency(self.path_of(rule), index)
            try:
                matches = view.query(expression, view.steps)
            except Unreadable:
                return Problem("jsonpath", path, expression)
            if any(not isinstance(match.value, list) for match in matches):
                return Problem("step-dependency", path, expression)
        return error

    def _apply(self, rule: Any) -> None:
        self.current = self._origin(rule)
        self._handlers.begin()
        count = len(self._new), len(self.scopes)
        try:
            rule.apply(self.workflow)
        except Abandoned:
            self.broken.add(id(rule))
        except Exception as error:  # noqa: BLE001  # the same
            self.broken.add(id(rule))
            self.problems.of_stage(self.current.path, error)
        else:
            if count == (len(self._new), len(self.scopes)):
                self.empty.setdefault((rule.offset, rule.rule.name), "scatter")
            self.workflow.applied_rules.append(rule)
            self.applied.setdefault(rule.offset, {})[rule.rule.name] = rule
            self.waiting.forget(rule)
        self._note()

    def _note(self) -> None:
        """Remember the stages that were added last."""
        for rule in reversed(self.workflow.rules):
            if id(rule) in self._rules:
                return
            self._rules[id(rule)] = rule
            self.waiting.note(rule)

    def missing(self, offset: str, expression: str, stage: str) -> Problem:
        """Return the problem of a stage's expression that matches nothing, because it names no stage that is left."""
        names = first_names(expression)
        known = self.applied.get(offset, {})
        for name in sorted(names or ()):
            if (offset, name) in self.empty:
                self.depended.add((offset, name))
                cases = self.empty[offset, name] == "cases"
                return Problem("left-out", (), stage, name) if cases else Problem("empty-scatter", (), name)
        return Problem("no-step", (), expression, *known)

    # --- where a step comes from -----------------------------------------------------------------

    def scope_of(self, rule: Any) -> str:
        """Return the directory of a stage's scope, relative to the workspace."""
        return self.name_of(rule.rule.state_provider.base.readwrite[0])

    def add_scope(self, provider: Any) -> None:
        """Remember the sub-workflow that the present stage adds."""
        directory = provider.base.readwrite[0]
        self._folders.add(directory)
        self.scopes[self.name_of(directory)] = Scope(self.current)

    def exists(self, path: str) -> bool:
        """Return whether a file or directory exists, except the work directories that earlier jobs made."""
        return os.path.exists(path) and not (self.request.past is not None and os.path.normpath(path) in self._folders)

    def path_of(self, rule: Any) -> Path:
        """Return the path of a stage; that of the stage around it for the stage init."""
        path = self.places.of(rule.rule.stagespec)
        if path is not None:
            return path
        maker = self.scopes[self.scope_of(rule)].maker
        return maker.path if maker else ()

    def name_of(self, directory: str) -> str:
        """Return a directory relative to the workspace."""
        return directory[len(self.root) :].lstrip("/")

    def label_of(self, rule: Any) -> str:
        """Return the names of the stages to a stage, the outermost first."""
        parts = values.Offset(rule.offset).parts[::2]
        return "/".join([*parts, rule.rule.name])

    def place_of(self, rule: Any) -> Origin:
        """Return where a stage is, without what its steps wait for."""
        return Origin(self.path_of(rule), self.scope_of(rule), rule.rule.name, self.label_of(rule), ())

    def _origin(self, rule: Any) -> Origin:
        spec = rule.rule.depspec or {}
        groups: list[Group] = []
        if spec.get("dependency_type") == "jsonpath_ready":
            view = self.workflow.view(rule.offset)
            for expression in spec["expressions"]:
                groups += self.groups(view, expression)
        elif spec:
            found = self.waiting.condition(rule).found
            groups.append(Group((rule.offset, f"{rule.rule.name} if"), found))
        return replace(self.place_of(rule), groups=tuple(groups))

    def groups(self, view: Any, expression: str) -> list[Group]:
        """Return the steps that a dependency matches: a group for each match, or one for many matches."""
        matches = view.query(expression, view.steps)
        if len(matches) > _FEW:
            return [self._group(view, expression, [match.value for match in matches])]
        return [self._group(view, str(match.full_path), match.value) for match in matches]

    def _group(self, view: Any, path: str, value: Any) -> Group:
        key = view.offset, path
        if key not in self._groups:
            self._groups[key] = Group(key, dict.fromkeys(self.waiting.below(view.offset, value)))
        return self._groups[key]

    def _added(self, node: Any) -> None:
        self.origins[node.identifier] = self.current
        self._folders.update(node.task.state.readwrite)
        self._new.append(node)

    def step_name(self, node: Any) -> str:
        """Return the name of a step."""
        state = node.task.state
        if state.readwrite:
            return self.name_of(state.readwrite[0])
        return os.path.join(self.origins[node.identifier].scope, "init")

    # --- results ---------------------------------------------------------------------------------

    def _publish(self) -> None:
        """Find the results of new steps, if they can be known."""
        new, self._new = self._new, []
        for node in new:
            origin = self.origins[node.identifier]
            try:
                node.expected_result = self._result(node)
            except Exception as error:  # noqa: BLE001  # the same
                name, parameters = self.step_name(node), node.task.parameters.typed()
                self.problems.of_step(origin.path, self.places.of(node.task.spec), name, parameters, error)
                node.expected_result = values.create({})
                self.problems.spoilt.add(node.identifier)

    def _result(self, node: Any) -> Any:
        name, task = self.step_name(node), node.task
        if name in self.known:
            self.learned[name] = self.past.known[name]
            return self.known[name]
        publisher = task.spec["publisher"]
        result = None
        if not self._dynamic(node):
            result = self._backend.prepublish(task.spec, task.parameters, task.state)
            if result is None and (not self.has_job(node) and not self.has_jobs_behind(node)):
                result = self._read(task)
        if result is None and (name in self._done or self.made_by(self.origins[node.identifier], self._finished)):
            result = self._read(task)
        if result is not None and _reads_disk(publisher):
            self.learned[name] = self.mark.set(result.json())
        if result is not None and not task.state.readwrite:
            self.problems.of_init(self.origins[node.identifier].path, task.parameters, result)
        return result

    def _read(self, task: Any) -> Any:
        parameters, state = finalize_inputs(task.parameters, task.state)
        return publish(task.spec["publisher"], parameters, state, self._backend.pack_config)

    def _dynamic(self, node: Any) -> bool:
        """Return whether an init step looks for files that jobs make."""
        task = node.task
        if task.state.readwrite or not task.spec["publisher"]["glob"]:
            return False
        texts = (value for _, value in task.parameters.leafs() if isinstance(value, str))
        return any(_GLOB & set(text) for text in texts) and self.has_jobs_behind(node)

    @staticmethod
    def has_job(node: Any) -> bool:
        """Return whether a step runs something."""
        return bool(node.task.spec["process"] and node.task.spec["environment"])

    def has_jobs_behind(self, node: Any) -> bool:
        """Return whether a step without a job takes results of jobs, or waits for jobs."""
        if node.identifier not in self._behind:
            inputs = (self.workflow.dag.getNode(each.stepid) for each in node.task.inputs)
            flat = (each for one in inputs for each in (one.nodes if isinstance(one, Members) else [one]))
            groups = self.origins[node.identifier].groups
            waited = (self.workflow.dag.getNode(each) for group in groups for each in group.steps)
            self._behind[node.identifier] = any(
                self.has_job(each) or self.has_jobs_behind(each) for each in itertools.chain(flat, waited)
            )
        return self._behind[node.identifier]

    def made_by(self, origin: Origin | None, stages: frozenset[tuple[str, str]]) -> bool:
        """Return whether one of these stages made a step, itself or with its sub-workflow."""
        while origin is not None:
            if (origin.scope, origin.name) in stages:
                return True
            origin = self.scopes[origin.scope].maker
        return False


def _reads_disk(publisher: Mapping[str, Any]) -> bool:
    kind = publisher["publisher_type"]
    return kind in {"fromparjq-pub", "fromglob-pub", "fromyaml-pub"} or (
        kind == "interpolated-pub" and publisher["glob"]
    )
