"""Check a YAML document against a JSON Schema, with our own messages.

The schema says what is allowed. This module turns each violation into a diagnostic at its place. For a typo,
the diagnostic names the nearest allowed word.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol

import jsonschema_rs

from reana_batch.diagnostics import Diagnostics, Hint, Later, Place, Where, closest, suggestion
from reana_batch.reading.document import Document, DocumentPath

JSON_TYPES = {
    "string": "text",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "null": "null",
}


def load_schema(name: str, package: str = "reana_batch.reading") -> dict[str, Any]:
    """Return the schema file ``name`` of a package."""
    schema: dict[str, Any] = json.loads(resources.files(package).joinpath(name).read_text("utf-8"))
    return schema


class Placed(Protocol):
    """A value from one or more files, with the places of its parts."""

    def place(self, path: DocumentPath) -> Place:
        """Return the place of the value at ``path``, or of its nearest parent that exists."""

    def key_place(self, path: DocumentPath) -> Place:
        """Return the place of the key that ends ``path``."""

    def source_of(self, path: DocumentPath) -> str:
        """Return the characters of the value at ``path`` as they are in the file."""


# The advice for an unknown key at a path, chosen from the known keys.
Advice = Callable[[list[str | int], str, list[str]], str]


def nearest(_path: list[str | int], key: str, known: list[str]) -> str:
    """Return the advice for an unknown key: the nearest known key, or all known keys."""
    meant = closest(key, known)
    return f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}."


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of the schema that a value breaks."""

    document: Placed
    path: list[Any]
    kind: Any
    value: Any
    rule: dict[str, Any]
    advise: Advice

    @property
    def name(self) -> str:
        """The nearest key above the value."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "The file")

    @property
    def subject(self) -> str:
        """The name of the value in messages."""
        is_entry = bool(self.path) and isinstance(self.path[-1], int)
        return f"An entry of {self.name}" if is_entry else self.name


def check(
    document: Document,
    schema: dict[str, Any],
    diagnostics: Diagnostics,
    hints: Mapping[str, str] | None = None,
    advise: Advice = nearest,
) -> None:
    """Record each violation of ``schema`` by ``document``.

    ``hints`` has the advice for each key. ``advise`` returns the advice for an unknown key.
    """
    check_value(document, [], document.data, schema, diagnostics, hints, advise)


def check_value(
    document: Placed,
    path: list[str | int],
    value: Any,
    schema: dict[str, Any],
    diagnostics: Diagnostics,
    hints: Mapping[str, str] | None = None,
    advise: Advice = nearest,
) -> None:
    """Record each violation of ``schema`` by ``value``, which is at ``path`` in ``document``."""
    for error in jsonschema_rs.validator_for(schema).iter_errors(value):
        rule: Any = schema
        for part in error.schema_path[:-1]:
            rule = rule[part]
        violation = Violation(document, [*path, *error.instance_path], error.kind, error.instance, rule, advise)
        describe = _DESCRIPTIONS.get(error.kind.name, _other)
        for code, message, place, hint in describe(violation):
            # The advice for a list does not fit its entries.
            cure = "" if code == "unknown-key" else (hints or {}).get(violation.subject, "")
            diagnostics.error(code, message, place, cure or hint)


def expectations(value: Any, schema: dict[str, Any]) -> Iterator[str]:
    """Yield what ``schema`` expected at each violation by ``value``, which is not from a file."""
    for error in jsonschema_rs.validator_for(schema).iter_errors(value):
        rule: Any = schema
        for part in error.schema_path[:-1]:
            rule = rule[part]
        if "expected" in rule:
            yield rule["expected"]
        elif "enum" in rule:
            yield f"one of {', '.join(map(str, rule['enum']))}"
        else:
            types = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
            yield " or ".join(JSON_TYPES[name] for name in types)


Description = Iterator[tuple[str, str, Where, Hint]]


def _unknown(violation: Violation) -> Description:
    known = sorted(violation.rule.get("properties", {}))
    for key in violation.kind.unexpected:
        where = tuple(part for part in violation.path if isinstance(part, str))
        hint = Later((*where, key), functools.partial(violation.advise, violation.path, key, known))
        place = functools.partial(violation.document.key_place, [*violation.path, key])
        yield "unknown-key", f'"{key}" is not known here.', place, hint


def _missing(violation: Violation) -> Description:
    name, path = violation.kind.property, violation.path
    inside = path and isinstance(path[-1], str)
    place = violation.document.key_place(path) if inside else violation.document.place(path)
    yield "missing-key", f'{violation.subject} must have "{name}".', place, ""


def _type(violation: Violation) -> Description:
    expected = " or ".join(JSON_TYPES[name] for name in violation.kind.types)
    actual = _as_written(violation)
    hint = ""
    is_flag = isinstance(violation.value, bool) and "string" in violation.kind.types
    if is_flag or (expected == "text" and isinstance(violation.value, int | float)):
        hint = f'write "{actual}", in quotes.'
    elif expected == "text" and isinstance(violation.value, dict):
        hint = "quote it, because the ': ' in it makes a mapping."
    elif expected == "a list" and isinstance(violation.value, str) and re.match(r"-\S", violation.value):
        hint = "write a space after the dash of each entry."
    place = functools.partial(violation.document.place, violation.path)
    yield "bad-type", f"{violation.subject} must be {expected}, not {actual}.", place, hint


def _as_written(violation: Violation) -> str:
    if isinstance(violation.value, dict | list):
        return "a mapping" if isinstance(violation.value, dict) else "a list"
    written = violation.document.source_of(violation.path)
    return "a longer text" if "\n" in written else written or "empty"


def _enum(violation: Violation) -> Description:
    options = [str(option) for option in violation.rule["enum"]]
    message = f'{violation.name} must be one of {", ".join(options)}, not "{violation.value}".'
    place = functools.partial(violation.document.place, violation.path)
    yield "bad-value", message, place, suggestion(str(violation.value), options)


def _other(violation: Violation) -> Description:
    """Describe a broken rule with the schema's own text for what it expected."""
    expected = violation.rule.get("expected", "something else")
    place = functools.partial(violation.document.place, violation.path)
    yield "bad-value", f"{violation.subject} must be {expected}.", place, ""


_DESCRIPTIONS: dict[str, Callable[[Violation], Description]] = {
    "additionalProperties": _unknown,
    "required": _missing,
    "type": _type,
    "enum": _enum,
}
