"""Evaluate what the inputs of a step decide, when they are known: its inputs for the tool, ``when``, expressions."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from typing import Any

from cwl_utils import expression
from cwltool.builder import content_limit_respected_read
from cwltool.command_line_tool import ExpressionTool
from cwltool.process import Process, add_sizes, shortname
from cwltool.utils import adjustDirObjs, aslist, get_listing, normalizeFilesDirs
from cwltool.workflow import Workflow, WorkflowStep

from reana_batch.frontends.cwl.faults import Faulty, Place, Places, expression_fault
from reana_batch.frontends.cwl.files import Folders, changed, plain
from reana_batch.frontends.cwl.locations import files
from reana_batch.frontends.cwl.needs import Evaluate
from reana_batch.frontends.cwl.order import context
from reana_batch.frontends.cwl.records import Fault

# Inputs by the names of the ports.
Inputs = dict[str, Any]


class CannotSee(Exception):
    """The content of a file is needed, and only the run has it. The text says what must be found out."""


class Probe:
    """The evaluation of steps."""

    def __init__(self, folders: Folders, places: Places, *, see_all: bool) -> None:
        self._see_all = see_all  # in the run, all files are there
        self._folders = folders
        self._places = places
        self._context = context(folders)
        self._access = self._context.make_fs_access("")

    def inputs(self, workflow: Workflow, step: WorkflowStep, given: Mapping[str, Any]) -> Inputs | None:
        """Return what the step gives to its tool, or None if its condition is false.

        What cannot be evaluated raises Faulty. If the content of a file is needed that only the run has, CannotSee is
        raised.
        """
        self._need(given)
        ports = {shortname(each["id"]): each for each in step.tool["inputs"]}
        found = copy.deepcopy(dict(given))
        for name, port in ports.items():
            if port.get("loadContents"):
                self._load(found.get(name), port)
        before = {name: found.get(name) for name in ports}
        after = {name: self._value_from(workflow, port, before, before[name]) for name, port in ports.items()}
        return after if step.tool.get("loop") or self.condition(workflow, step, after) else None

    def loaded(self, value: Any, port: Any) -> Any:
        """Return the value of a port with ``loadContents``."""
        self._need(value)
        found = copy.deepcopy(value)
        self._load(found, port)
        return found

    def _load(self, value: Any, node: Any) -> None:
        for each in aslist(value):
            if isinstance(each, dict) and each.get("class") == "File" and each.get("contents") is None:
                with self._checked(node, "loadContents"), self._access.open(each["location"], "rb") as stream:
                    each["contents"] = content_limit_respected_read(stream)

    def _need(self, value: Any) -> None:
        """Raise CannotSee if the content of a file in the value is not here."""
        for each in files(value) if not self._see_all else ():
            is_literal = "contents" in each or "listing" in each
            if not is_literal and not self._folders.has_content(str(each.get("location", ""))):
                raise CannotSee("what is in a file")

    def next_value(self, workflow: Workflow, port: Any, before: Inputs, value: Any) -> Any:
        """Return what reaches a port in the next iteration of a loop. ``before`` are the inputs of the last one."""
        self._need([before, value])
        return self._value_from(workflow, port, before, copy.deepcopy(value))

    def _value_from(self, workflow: Workflow, port: Any, inputs: Inputs, value: Any) -> Any:
        if "valueFrom" not in port:
            return value
        adjustDirObjs(value, functools.partial(get_listing, self._access, recursive=True))
        return self._evaluate(port["valueFrom"], inputs, workflow, port, "valueFrom", value)

    def condition(self, workflow: Workflow, step: WorkflowStep, inputs: Inputs) -> bool:
        """Return the condition of a step, or of the next iteration of a loop. Raises Faulty and CannotSee."""
        if "when" not in step.tool:
            return True
        self._need(inputs)
        found = self._evaluate(step.tool["when"], inputs, workflow, step.tool, "when")
        if not isinstance(found, bool):
            place = self._places.of(step.tool, "when")
            raise Faulty(Fault("document", place, "", [f"when must be true or false. It is {_shown(found)}."]))
        return found

    def _evaluate(self, text: Any, inputs: Inputs, process: Process, node: Any, key: str, value: Any = None) -> Any:
        with self._checked(node, key):
            return plain(
                expression.do_eval(
                    text,
                    inputs,
                    process.requirements,
                    None,
                    None,
                    {},
                    context=value,
                    timeout=self._context.eval_timeout,
                )
            )

    def _checked(self, node: Any, key: str) -> _Checked:
        return _Checked(self._places.of(node, key))

    def expression(self, tool: ExpressionTool, given: Inputs) -> Inputs:
        """Return the outputs of an ExpressionTool. If it fails, Faulty is raised."""
        self._need(given)
        place = self._places.of(tool.tool, "expression")
        outputs: Any = None
        with _Checked(place):
            for job in tool.job(copy.deepcopy(given), None, self._context):
                outputs = plain(job.builder.do_eval(job.script))
                normalizeFilesDirs(outputs)
        if not isinstance(outputs, dict):
            raise Faulty(
                Fault("document", place, "", [f"The expression must return an object, not {_shown(outputs)}."])
            )
        missing = [name for name in map(shortname, _ids(tool)) if name not in outputs]
        if missing:
            raise Faulty(Fault("document", place, "", [f"The expression returns no {missing[0]}."]))
        return outputs

    def resources(self, tool: Process, given: Inputs) -> Evaluate:
        """Return the function that evaluates a value of a requirement, which can be an expression."""
        inputs = copy.deepcopy(given)
        for each in tool.tool["inputs"]:
            name = shortname(each["id"])
            if inputs.get(name) is None:
                inputs[name] = plain(changed(each.get("default"), self._folders.outside))
        self._need(inputs)
        for each in files(inputs):
            if each["class"] == "File":
                add_sizes(self._access, each)

        def evaluate(process: Process, node: Any, key: str) -> Any:
            text = node[key]
            if not (isinstance(text, str) and expression.needs_parsing(text)):
                return text
            return self._evaluate(text, inputs, process, node, key)

        return evaluate


class _Checked:
    """A block in which an exception becomes a fault at a place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, Faulty | CannotSee):
            raise Faulty(expression_fault(error, self._place)) from error


def _ids(tool: Process) -> list[str]:
    return [str(each["id"]) for each in tool.tool["outputs"]]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < _LONGEST else f"{text[:_LONGEST]}..."


# The most characters of a value that a message shows.
_LONGEST = 60
