"""The records of a workflow while it is read: each value, task and step has one, and jobs name them by number."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cwltool.workflow import Workflow, WorkflowStep

from reana_batch.frontends.cwl.faults import Place
from reana_batch.frontends.cwl.files import Folders, changed, location_of
from reana_batch.frontends.cwl.frozen import freeze_step
from reana_batch.frontends.cwl.locations import files
from reana_batch.frontends.cwl.records import (
    CommandRecord,
    EndRecord,
    Fault,
    JobRecord,
    PendingRecord,
    StepRecord,
    TaskRecord,
    ValueRecord,
)
from reana_batch.frontends.cwl.values import Defaulted, Flat, Items, Known, Picked, Value, write

Record = tuple[str, TaskRecord | StepRecord | ValueRecord | JobRecord | PendingRecord | EndRecord] | tuple[str, Fault]


class At(NamedTuple):
    """A step, or a slice of it, while it is walked."""

    label: str
    name: str
    place: Place

    def inner(self, word: str, place: Place) -> At:
        """Return a step in this one."""
        return At(f"{self.label}/{word}".lstrip("/"), f"{self.name}/{word}".lstrip("/"), place)

    def slice(self, index: int) -> At:
        """Return a slice of this step."""
        return self._replace(name=f"{self.name}[{index}]")

    def whole(self) -> At:
        """Return the step of this slice."""
        return self._replace(name=self.name.rpartition("[")[0])


class Answer:
    """The records. Those that a record names come before it."""

    def __init__(self, folders: Folders, base: str, defaults: frozenset[str]) -> None:
        self._folders = folders
        self._base = base
        self._defaults = defaults
        self._records: list[Record] = []
        self._values: dict[int, tuple[int, Value]] = {}  # by the value's identity, which is kept alive
        self._tasks: dict[tuple[int, bool], int] = {}
        self._steps: dict[str, int] = {}
        self._counts = {kind: itertools.count() for kind in ("value", "task", "step")}
        self.jobs = 0  # records of jobs so far
        self._faults: dict[str, Fault] = {}

    def records(self) -> list[Record]:
        """Return all records, or only the faults if there are any."""
        return [("fault", each) for each in self._faults.values()] or self._records

    def job(self, step: StepRecord, at: At, inputs: Mapping[str, Value], command: CommandRecord | None) -> None:
        """Add a job."""
        number = self._step(step._replace(known=command is not None))
        self._records.append(("job", JobRecord(number, at.name, self._numbers(inputs, at), command)))
        self.jobs += 1

    def pending(self, at: At, reason: str, task: int, inputs: Mapping[str, Value]) -> None:
        """Add a step whose jobs only the run can know."""
        numbers = self._numbers(inputs, at)
        self._records.append(("pending", PendingRecord(at.label, at.name, at.place, reason, task, numbers)))

    def end(self, outputs: Mapping[str, Any], version: str, *, workflow: bool) -> None:
        """Add the last record."""
        self._records.append(("end", EndRecord(outputs, version, workflow)))

    def task(self, workflow: Workflow, step: WorkflowStep, *, scatter: bool) -> int:
        """Return the number of the record of a step, frozen."""
        key = id(step), scatter
        if key not in self._tasks:
            self._tasks[key] = self.add_task(freeze_step(workflow, step, scatter=scatter, base=self._base))
        return self._tasks[key]

    def add_task(self, frozen: Any) -> int:
        """Add the record of a frozen workflow. Return its number."""
        self._records.append(("task", TaskRecord(frozen)))
        return next(self._counts["task"])

    def written(self, value: Value, at: At) -> Any:
        """Return the JSON of a value with the locations of records. Record files that the run does not have."""
        return write(self._placed(value, at))

    def _step(self, step: StepRecord) -> int:
        key = json.dumps(step)
        if key not in self._steps:
            self._steps[key] = next(self._counts["step"])
            self._records.append(("step", step))
        return self._steps[key]

    def _numbers(self, inputs: Mapping[str, Value], at: At) -> dict[str, int]:
        return {port: self._number(value, at) for port, value in inputs.items()}

    def _number(self, value: Value, at: At) -> int:
        known = self._values.get(id(value))
        if known is None:
            self._records.append(("value", ValueRecord(self.written(value, at))))
            known = self._values[id(value)] = next(self._counts["value"]), value
        return known[0]

    def _placed(self, value: Value, at: At) -> Value:
        match value:
            case Known(json):
                return Known(self._json(json, at))
            case Items(items):
                return Items(tuple(self._placed(each, at) for each in items))
            case Flat(items):
                return Flat(tuple(self._placed(each, at) for each in items))
            case Picked(method, inner):
                return Picked(method, self._placed(inner, at))
            case Defaulted(inner, default):
                return Defaulted(self._placed(inner, at), self._json(default, at))
        return value

    def _json(self, json: Any, at: At) -> Any:
        if not isinstance(json, dict | list):
            return json
        made = changed(json, self._folders.inside)
        for each in files(made):
            location = each.get("location", "")
            if location.startswith("_:"):
                _forget_name(each)
            elif location not in self._faults:
                self._check(location, at)
        return made

    def _check(self, location: str, at: At) -> None:
        if self._folders.is_missing(location):
            self._faults[location] = Fault("missing-file", at.place, "", [self._folders.relative(location)])
        elif location in self._defaults and location.startswith("file:"):
            self._faults[location] = Fault("outside", at.place, "", [self._folders.path(location) or location])


def _forget_name(file: dict[str, Any]) -> None:
    """Remove the random name that cwltool gave to a file that is only written in the document."""
    name = file.pop("location")[2:]
    if file.get("basename") == name:
        for key in ("basename", "nameroot", "nameext"):
            file.pop(key, None)


def defaults_of(node: Any) -> Iterator[str]:
    """Yield the locations of files that are defaults in a document."""
    if isinstance(node, dict):
        if "default" in node:
            yield from map(location_of, files(node["default"]))
        for each in node.values():
            yield from defaults_of(each)
    elif isinstance(node, list):
        for each in node:
            yield from defaults_of(each)
