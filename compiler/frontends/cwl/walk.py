"""Walk through a workflow: its steps become jobs, and the values between them stay symbolic.

Steps of workflows inside are steps of the whole, and slices of a scatter whose length is known are jobs. What is known
is evaluated. The rest is left to the jobs, and what no job can decide is a pending step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cwltool.command_line_tool import ExpressionTool
from cwltool.process import Process, shortname
from cwltool.utils import aslist
from cwltool.workflow import Workflow, WorkflowStep

from reana_batch.frontends.cwl import needs
from reana_batch.frontends.cwl.answer import Answer, At
from reana_batch.frontends.cwl.commands import Commands
from reana_batch.frontends.cwl.faults import Faulty, Places
from reana_batch.frontends.cwl.loading import in_order
from reana_batch.frontends.cwl.ports import NULL, Ports, is_known, makers
from reana_batch.frontends.cwl.probe import CannotSee, Inputs, Probe
from reana_batch.frontends.cwl.records import Fault, StepRecord
from reana_batch.frontends.cwl.values import Known, Later, Out, Value, elements, listed

# The values of ports, or of outputs, by their short names.
Named = dict[str, Value]

# With the inputs of a loop: the outputs of its iterations so far, each as a list. No port has this name.
_EARLIER = "/earlier"

# The most iterations of a loop that expansions run, because each is a directory in that of the one before.
_MOST_ITERATIONS = 100

# The most slices of a step whose conditions and expressions are evaluated here. Jobs do the rest.
_MOST_EVALUATED = 250


class Tools(NamedTuple):
    """What a walk uses."""

    answer: Answer
    ports: Ports
    commands: Commands
    probe: Probe
    places: Places
    evaluate: bool  # are conditions and expressions of tools evaluated?


class _Pending(Exception):
    """Only the run can know the jobs. The text says what it must find out."""


class _Skipped(Exception):
    """The condition of a step is false."""


class _Step:
    """A step of the document, and what is the same for all its slices."""

    def __init__(self, workflow: Workflow, step: WorkflowStep) -> None:
        self.workflow = workflow
        self.step = step
        self.tool: Process = step.embedded_tool
        self.entries = {shortname(each["id"]): each for each in step.tool["inputs"]}
        self.outputs = [shortname(each["id"]) for each in step.tool["outputs"]]
        self.loop: Sequence[Any] = aslist(step.tool.get("loop") or [])
        self.loops = bool(self.loop)
        self.unrolled = self._unrolled()
        self.scatter = [shortname(each) for each in aslist(step.tool.get("scatter", []))]
        self.when = "when" in step.tool and not self.loops
        self.changing = {name for name, each in self.entries.items() if "valueFrom" in each or each.get("loadContents")}
        self.decides = self.when or bool(self.changing)  # does it give other values to its tool, or none?
        self.resources = needs.expressions(self.tool) if not isinstance(self.tool, Workflow) else []
        self.needed = self._needed()
        self.record: StepRecord | None = None

    def _unrolled(self) -> Workflow | None:
        """Return the workflow in a loop whose iterations have jobs of their own. Other loops are one job."""
        inner = self.tool if self.loops and isinstance(self.tool, Workflow) else None
        return inner if inner and needs.has_several_images(inner) else None

    def _needed(self) -> set[str]:
        """Return the ports whose values decide what the step gives to its tool."""
        texts = [str(self.step.tool["when"])] if self.when else []
        texts += [str(each["valueFrom"]) for each in self.entries.values() if "valueFrom" in each]
        own = {
            name
            for name, each in self.entries.items()
            if each.get("loadContents") or "self" in str(each.get("valueFrom", ""))
        }
        return own | needs.names_in(texts, list(self.entries))


class Walk:
    """The walk through one document."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._steps: dict[int, _Step] = {}
        self._evaluated = Counter[int]()

    def workflow(self, workflow: Workflow, inputs: Named, at: At) -> Named:
        """Walk through a workflow whose inputs are these. Return its outputs."""
        scope = {each["id"]: inputs[shortname(each["id"])] for each in workflow.tool["inputs"]}
        for step in _parents_first(workflow):
            known = self._step(workflow, step)
            given = {name: self._tools.ports.value(each, scope, "source") for name, each in known.entries.items()}
            found = self._slices(known, given, at.inner(shortname(step.id), self._tools.places.of(step.tool)))
            scope.update((each["id"], found[shortname(each["id"])]) for each in step.tool["outputs"])
        return {
            shortname(each["id"]): self._tools.ports.value(each, scope, "outputSource")
            for each in workflow.tool["outputs"]
        }

    def step(self, workflow: Workflow, inputs: Named, at: At) -> Named:
        """Walk through the one step of a frozen workflow."""
        known = self._step(workflow, workflow.steps[0])
        given = {name: inputs.get(name, NULL) for name in known.entries}
        if known.unrolled and _EARLIER in inputs:
            return self._iterations(known, known.unrolled, given, elements(inputs[_EARLIER]) or [], at.whole())
        return self._slices(known, given, at)

    def _step(self, workflow: Workflow, step: WorkflowStep) -> _Step:
        if id(step) not in self._steps:
            self._steps[id(step)] = _Step(workflow, step)
        return self._steps[id(step)]

    # --- slices ---

    def _slices(self, step: _Step, given: Named, at: At) -> Named:
        """Return the outputs of a step, which may be scattered."""
        if not step.scatter:
            return self._one(step, given, at)
        unknown = [given[name] for name in step.scatter if elements(given[name]) is None]
        wrong = next((name for name in step.scatter if _is_no_list(given[name])), None)
        if wrong is not None:
            raise self._fault(step, "scatter", f"The step is scattered over {wrong}, which is not a list.")
        if unknown:
            return self._pending(step, given, at, f"how many items {makers(unknown)} makes", scatter=True)
        return self._scattered(step, given, at)

    def _scattered(self, step: _Step, given: Named, at: At) -> Named:
        lists = {name: elements(given[name]) or [] for name in step.scatter}
        method = step.step.tool.get("scatterMethod") or "dotproduct"
        if method == "nested_crossproduct":
            return self._nested(step, given, list(lists.items()), at)
        if method == "dotproduct" and len({len(each) for each in lists.values()}) > 1:
            lengths = ", ".join(f"{name} has {len(each)}" for name, each in lists.items())
            raise self._fault(step, "scatter", f"The lists of a dotproduct must be equally long: {lengths} items.")
        pick = _together if method == "dotproduct" else _each_with_each
        return _lists(
            step, [self._one(step, {**given, **items}, at.slice(index)) for index, items in enumerate(pick(lists))]
        )

    def _nested(self, step: _Step, given: Named, lists: Sequence[tuple[str, Sequence[Value]]], at: At) -> Named:
        if not lists:
            return self._one(step, given, at)
        (name, items), *inner = lists
        found = (self._nested(step, {**given, name: item}, inner, at.slice(index)) for index, item in enumerate(items))
        return _lists(step, list(found))

    # --- one slice ---

    def _one(self, step: _Step, given: Named, at: At) -> Named:
        """Return the outputs of a step that is not scattered, or of one slice."""
        try:
            if step.unrolled:
                first = self._after(step, given) if step.decides else given
                return self._iterations(step, step.unrolled, first, [], at)
            if step.loops:  # its first iteration decides the resources
                return self._job(step, given, self._seen(step, given) if step.resources else None, at)
            if isinstance(step.tool, Workflow):
                return self._inside(step, step.tool, given, at)
            return self._tool(step, given, at)
        except _Skipped:
            return dict.fromkeys(step.outputs, NULL)
        except (_Pending, CannotSee) as pending:
            return self._pending(step, given, at, str(pending), scatter=False)

    def _inside(self, step: _Step, inner: Workflow, given: Named, at: At) -> Named:
        """Walk through the workflow that is a step."""
        return self._entered(inner, self._after(step, given) if step.decides else given, at)

    def _entered(self, inner: Workflow, given: Named, at: At) -> Named:
        inputs: Named = {}
        for each in inner.tool["inputs"]:
            name = shortname(each["id"])
            inputs[name] = self._tools.ports.with_default(each, given.get(name, NULL))
            if each.get("loadContents"):
                inputs[name] = self._loaded(inputs[name], each)
        return self.workflow(inner, inputs, at)

    def _loaded(self, value: Value, entry: Any) -> Value:
        if not isinstance(value, Known):
            raise _Pending(f"what is in the files of {makers([value])}")
        return Known(self._tools.probe.loaded(value.json, entry))

    def _after(self, step: _Step, given: Named) -> Named:
        """Return what a step gives to its tool. Raises _Pending or CannotSee if something unknown decides it."""
        self._known({name: given[name] for name in step.needed})
        plain = {name: value.json if isinstance(value, Known) else None for name, value in given.items()}
        found = self._tools.probe.inputs(step.workflow, step.step, plain)
        if found is None:
            raise _Skipped
        return {name: Known(found[name]) if name in step.changing else value for name, value in given.items()}

    def _tool(self, step: _Step, given: Named, at: At) -> Named:
        """Return the outputs of a tool. They are known if its condition is false, or if it only has an expression."""
        self._evaluated[id(step)] += 1
        may_evaluate = self._tools.evaluate and self._evaluated[id(step)] <= _MOST_EVALUATED
        after = self._seen(step, given) if may_evaluate or step.resources or not step.decides else None
        if may_evaluate and after is not None and isinstance(step.tool, ExpressionTool):
            found = self._expression(step, step.tool, after)
            if found is not None:
                return found
        return self._job(step, given, after, at)

    def _seen(self, step: _Step, given: Named) -> Named | None:
        """Return what a step gives to its tool, or None if that is left to the job."""
        if not step.decides:
            return given
        try:
            return self._after(step, given)
        except (_Pending, CannotSee):
            return None

    def _expression(self, step: _Step, tool: ExpressionTool, after: Named) -> Named | None:
        """Return the outputs of an ExpressionTool, or None if a job must find them."""
        inputs = _json(after)
        if inputs is None:
            return None
        try:
            found = self._tools.probe.expression(tool, self._without_unconnected(step, inputs))
        except CannotSee:
            return None
        return {name: Known(found[name]) for name in step.outputs}

    def _without_unconnected(self, step: _Step, inputs: Inputs) -> Inputs:
        return {name: value for name, value in inputs.items() if not step.entries[name].get("not_connected")}

    # --- loops ---

    def _iterations(self, step: _Step, inner: Workflow, given: Named, earlier: Sequence[Value], at: At) -> Named:
        """Walk through the iterations of a loop until its condition is false, or until only the run can go on.

        ``earlier`` has the outputs of the iterations so far, and ``given`` the inputs of the last of them.
        """
        found = list(earlier)
        while True:
            here = at.slice(len(found))
            try:
                current = self._next(step, given, found[-1]) if found else given
                if not self._goes_on(step, current):
                    return _last_or_all(step, found)
                if len(found) == _MOST_ITERATIONS:
                    words = f"a loop of more than {_MOST_ITERATIONS} iterations over tools with several images."
                    raise self._fault(step, "loop", words, "unsupported")
                made = self._entered(inner, current, here)
            except (_Pending, CannotSee) as pending:
                return self._pending(step, {**given, _EARLIER: listed(found)}, here, str(pending), scatter=False)
            given = current
            found.append(listed([made[name] for name in step.outputs]))

    def _next(self, step: _Step, given: Named, made: Value) -> Named:
        """Return the inputs of the iteration after one with the inputs ``given`` and the outputs ``made``."""
        outputs = zip(step.step.tool["outputs"], elements(made) or [], strict=True)
        scope = {each["id"]: value for each, value in outputs}
        found = {shortname(each["id"]): self._tools.ports.value(each, scope, "outputSource") for each in step.loop}
        for entry in (each for each in step.loop if "valueFrom" in each):
            name, text = shortname(entry["id"]), str(entry["valueFrom"])
            before = self._known({each: given[each] for each in needs.names_in([text], list(given))})
            value = self._known({name: found[name]})[name] if "self" in text else None
            found[name] = Known(self._tools.probe.next_value(step.workflow, entry, before, value))
        return {**given, **found}

    def _goes_on(self, step: _Step, given: Named) -> bool:
        """Return the condition of a loop. Raises _Pending if something unknown decides it."""
        names = needs.names_in([str(step.step.tool["when"])], list(given))
        return self._tools.probe.condition(step.workflow, step.step, self._known({each: given[each] for each in names}))

    def _known(self, given: Named) -> Inputs:
        """Return the values as JSON. Raises _Pending if some are not known."""
        unknown = [value for _, value in sorted(given.items()) if not is_known(value)]
        if unknown:
            raise _Pending(f"what {makers(unknown)} makes")
        return _json(given) or {}

    # --- records ---

    def _job(self, step: _Step, given: Named, after: Named | None, at: At) -> Named:
        """Add a job. Return its outputs."""
        record = self._resources(step, self._record(step, at), after)
        answer = self._tools.answer
        known = after if self._tools.evaluate else None
        answer.job(record, at, given, self._tools.commands.record(step.tool, known, at.name, answer.jobs))
        return {name: Out(at.name, name) for name in step.outputs}

    def _pending(self, step: _Step, given: Named, at: At, reason: str, *, scatter: bool) -> Named:
        task = self._tools.answer.task(step.workflow, step.step, scatter=scatter)
        self._tools.answer.pending(at, reason, task, given)
        return {name: Later(at.name, name) for name in step.outputs}

    def _record(self, step: _Step, at: At) -> StepRecord:
        if step.record is None:
            image, required = needs.image(step.tool)
            fixed = needs.Needs() if step.resources else self._needs(step, lambda _tool, node, key: node[key])
            step.record = StepRecord(
                at.label,
                at.place,
                self._tools.answer.task(step.workflow, step.step, scatter=False),
                image,
                required,
                needs.hints(step.step, self._tools.places),
                *fixed,
                needs.runs_command(step.tool),
            )
        return step.record

    def _resources(self, step: _Step, record: StepRecord, after: Named | None) -> StepRecord:
        """Return the record with the resources that the inputs of this job decide."""
        if not step.resources:
            return record
        names = needs.names_in(step.resources, [shortname(each["id"]) for each in step.tool.tool["inputs"]])
        if after is None or not all(is_known(after[name]) for name in names & after.keys()):
            raise _Pending("what resources its jobs need")
        inputs = {name: value.json for name, value in after.items() if isinstance(value, Known)}
        try:
            evaluate = self._tools.probe.resources(step.tool, inputs)
        except CannotSee as error:
            raise _Pending("how large a file is") from error
        return record._replace(**self._needs(step, evaluate)._asdict())

    def _needs(self, step: _Step, evaluate: needs.Evaluate) -> needs.Needs:
        find = needs.in_loop if step.loops else needs.needs
        return find(step.tool, evaluate, self._tools.places)

    def _fault(self, step: _Step, key: str, text: str, kind: str = "document") -> Faulty:
        return Faulty(Fault(kind, self._tools.places.of(step.step.tool, key), "", [text]))


def _json(values: Named) -> Inputs | None:
    """Return the values as JSON, or None if some are not known."""
    known = {name: value.json for name, value in values.items() if isinstance(value, Known)}
    return known if len(known) == len(values) else None


def _is_no_list(value: Value) -> bool:
    return isinstance(value, Known) and not isinstance(value.json, list)


def _together(lists: Mapping[str, Sequence[Value]]) -> Iterator[Named]:
    """Yield the items with the same index of each list."""
    for items in zip(*lists.values(), strict=True):
        yield dict(zip(lists, items, strict=True))


def _each_with_each(lists: Mapping[str, Sequence[Value]]) -> Iterator[Named]:
    """Yield all combinations of the items. Those of the last list change fastest."""
    found: list[Named] = [{}]
    for name, items in lists.items():
        found = [{**each, name: item} for each in found for item in items]
    yield from found


def _lists(step: _Step, slices: Sequence[Named]) -> Named:
    """Return for each output the list of those of all slices."""
    return {name: listed([each[name] for each in slices]) for name in step.outputs}


def _last_or_all(step: _Step, found: Sequence[Value]) -> Named:
    """Return the outputs of a loop whose iterations have these outputs."""
    iterations = [elements(each) or [] for each in found]
    if step.step.tool.get("outputMethod") == "all_iterations":
        return {name: listed([each[number] for each in iterations]) for number, name in enumerate(step.outputs)}
    return dict(zip(step.outputs, iterations[-1], strict=True)) if iterations else dict.fromkeys(step.outputs, NULL)


def _parents_first(workflow: Workflow) -> Iterator[WorkflowStep]:
    """Yield the steps as written, but each after those whose outputs it takes."""
    waiting = {step.id: step for step in in_order(workflow)}
    made_by = {each["id"]: step.id for step in waiting.values() for each in step.tool["outputs"]}
    while waiting:
        ready = [step for step in waiting.values() if not any(made_by.get(each) in waiting for each in _sources(step))]
        for step in ready or list(waiting.values()):
            del waiting[step.id]
            yield step


def _sources(step: WorkflowStep) -> Iterator[str]:
    for each in step.tool["inputs"]:
        yield from aslist(each.get("source") or [])
