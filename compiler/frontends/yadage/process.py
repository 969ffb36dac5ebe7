"""Start the process in which Yadage expands a workflow, and take its answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from reana_batch.diagnostics import Diagnostics, Hint, Place, suggestion
from reana_batch.frontends import versions
from reana_batch.frontends.answers import Failed, ask
from reana_batch.frontends.versions import Wanted
from reana_batch.frontends.yadage.definition import Definition
from reana_batch.frontends.yadage.records import (
    WARNINGS,
    EndRecord,
    Fault,
    GroupRecord,
    JobRecord,
    PendingRecord,
    Request,
    StageRecord,
)
from reana_batch.reading.spec import Spec

_READER = "reana_batch.frontends.yadage.reader"

# The versions whose behaviour the reader relies on.
VERSIONS = {
    package: Wanted(package, version, version.__eq__)
    for package, version in {"yadage": "0.21.2", "packtivity": "0.17.1"}.items()
}


@dataclass(slots=True)
class Reading:
    """What Yadage knows about a workflow."""

    stages: list[StageRecord] = field(default_factory=list)
    jobs: list[JobRecord] = field(default_factory=list)
    groups: list[GroupRecord] = field(default_factory=list)
    pending: list[PendingRecord] = field(default_factory=list)
    end: EndRecord = EndRecord({})  # noqa: RUF009  # a tuple that is never changed


def read(spec: Spec, root: Path, definition: Definition, request: Request, diagnostics: Diagnostics) -> Reading:
    """Return the jobs of the workflow, expanded in the directory ``root``. A faulty workflow raises Refused."""
    versions.check(spec, diagnostics, "Yadage", VERSIONS)
    root = Path(os.path.realpath(root))
    reading = Reading()

    def take(record: list[Any]) -> None:
        kind, content = record
        if kind == "fault":
            _report(spec, definition, Fault(*content), diagnostics)
        elif kind == "end":
            reading.end = EndRecord(*content)
        else:
            name, record_type = _LISTS[kind]
            getattr(reading, name).append(record_type(*content))

    try:
        ask(_READER, request._replace(directory=_without_braces(root)), root, _environment(), take)
    except Failed as error:
        diagnostics.error("bad-workflow", f"Yadage {error}.", spec.document.place(["workflow"]))
    diagnostics.stop_if_errors()
    return reading


_LISTS = {
    "stage": ("stages", StageRecord),
    "job": ("jobs", JobRecord),
    "group": ("groups", GroupRecord),
    "pending": ("pending", PendingRecord),
}


def _without_braces(root: Path) -> str:
    """Return a path of the reader's directory. Yadage would take braces in it for fields."""
    return "/proc/self/cwd" if set("{}") & set(str(root)) else str(root)


def _environment() -> dict[str, str]:
    """Return the environment without the settings of Yadage and packtivity. Sets have the same order each time."""
    ours = (pair for pair in os.environ.items() if not pair[0].startswith(("YADAGE_", "PACKTIVITY_")))
    return dict(ours) | {"PYTHONHASHSEED": "0"}


# --- faults --------------------------------------------------------------------------------------


class _Message(NamedTuple):
    """A sentence, with the words of the fault as fields, and the advice."""

    text: str
    hint: str = ""


_STEPS_HINT = "use stages: for the results of all its steps, or name one of them, such as {0}[0]."
_DOUBLE = "write a brace twice if it does not belong to a field: {{{{ or }}}}."

MESSAGES = {
    "no-step": _Message('No stage has steps for "{0}".'),
    "several-steps": _Message('"{0}" has several steps, and step: takes the result of one.', _STEPS_HINT),
    "no-output": _Message('"{1}" does not publish "{0}".'),
    "several-outputs": _Message('"{0}" finds several values in the result of "{1}".', "name one of them."),
    "no-value": _Message('No stage registers a value "{0}".'),
    "unknown-stage": _Message('There is no stage "{0}" to wait for, so that this stage would never start.'),
    "empty-scatter": _Message(
        'Stage "{0}" has no steps, because its list is empty. What depends on it would never start.',
        "give the list a value, or remove the dependency.",
    ),
    "circle": _Message("These stages wait for each other in a circle: {all}."),
    "no-list": _Message('Parameter "{0}" is scattered, but is not a list.'),
    "too-many": _Message("The stage would have {0} jobs. The most is {1}."),
    "braces": _Message("The braces of this text cannot be replaced: {0}", _DOUBLE),
    "init-braces": _Message(
        "Yadage takes the braces in parameter {0} for a field: {1}", "leave out the braces; REANA fails here."
    ),
    "unknown-field": _Message('Yadage knows no "{0}" for the braces of this text: {1}', _DOUBLE),
    "unknown-parameter": _Message('This stage has no parameter "{0}".', _DOUBLE),
    "format": _Message("The fields of this text cannot be replaced: {0}.", _DOUBLE),
    "jsonpath": _Message('"{0}" is not a JSONPath.'),
    "jq": _Message("jq: {0}."),
    "no-result": _Message('The result of "{0}" cannot be read: {1}.'),
    "step-dependency": _Message('"{0}" names steps, and a stage can only wait for stages.', "name the stage."),
    "unused-scatter": _Message('Stage "{0}" has no jobs, because its list is empty.'),
    "no-case": _Message('Stage "{0}" has no jobs, because none of its cases is true.'),
    "condition": _Message('Stage "{0}" has no jobs, because its condition is false.'),
    "left-out": _Message('Stage "{0}" has no jobs, because stage "{1}" has none.'),
    "no-match": _Message('"{0}" finds no steps, so that the parameter is an empty list.'),
    "path": _Message('Parameter {0} becomes a path, because there is a file "{1}".'),
    "number": _Message("Yadage changes the number {1} of parameter {0} to {2}.", "write it as a text, in quotes."),
}

# The kinds whose further words are the names that exist.
_KNOWN_FROM = {"no-step": 1, "no-output": 2, "no-value": 1, "unknown-stage": 1, "unknown-parameter": 1}

# The kinds that may be about a parameter of the whole workflow. Their first word is its name.
_INIT = {"path", "number", "init-braces"}


def _report(spec: Spec, definition: Definition, fault: Fault, diagnostics: Diagnostics) -> None:
    text, hint = _sentence(fault)
    record = diagnostics.warning if fault.kind in WARNINGS else diagnostics.error
    record("bad-workflow", text, _place(spec, definition, fault), hint)


def _place(spec: Spec, definition: Definition, fault: Fault) -> Callable[[], Place]:
    """Return a function for the place. A parameter of the whole workflow is in reana.yaml."""
    if fault.kind in _INIT and not fault.path:
        return lambda: spec.document.place(["inputs", "parameters", fault.words[0]])
    return lambda: definition.place(tuple(fault.path))


def _sentence(fault: Fault) -> tuple[str, Hint]:
    message = MESSAGES.get(fault.kind)
    if message is None:
        return f"Yadage cannot expand this: {fault.kind}{': ' if fault.words[0] else ''}{fault.words[0]}.", ""
    if fault.kind == "circle":
        return message.text.format(all=", ".join(f'"{word}"' for word in fault.words)), ""
    text, hint = (each.format(*fault.words) for each in message)
    if fault.kind == "unknown-parameter" and fault.words[0] == "workdir":
        return text, "write {workdir} in a parameter, such as dir: '{workdir}', and {dir} here."
    known = fault.words[_KNOWN_FROM[fault.kind] :] if fault.kind in _KNOWN_FROM else []
    return text, suggestion(fault.words[0], known, hint) if known else hint
