"""Settings as fields of dataclasses: a field has the default of a setting, its rule and its sentence.

A section of settings is a field whose value is such a record too. What other modules define is in one field, under
their names: further sections in a field of the type :data:`Sections`, further settings in one of the type :data:`Parts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

Rule = Mapping[str, Any]  # a JSON Schema of a value; ``expected`` is its text in messages
Sections = Mapping[str, Any]  # each a section, or None if there is nothing to set
SECTIONS = {"sections": True}  # the metadata of the field of further sections
Parts = Mapping[str, Any]  # each a record, whose settings are used like those of the record that has the field
PARTS = {"parts": True}  # the metadata of the field of parts

FLAG: Rule = {"type": "boolean"}
TEXT: Rule = {"type": "string"}
NUMBER: Rule = {"type": "integer", "minimum": 0, "expected": "a whole number"}
POSITIVE: Rule = {"type": "integer", "minimum": 1, "expected": "a whole number above 0"}
PATH: Rule = {"type": "string", "pattern": r"^/[^\r\n]*$", "expected": "an absolute path"}

_Record = TypeVar("_Record")
_Own = TypeVar("_Own")


@dataclass(frozen=True, slots=True)
class _About:
    """What the field of a setting knows about it."""

    rule: Rule
    says: str
    item: type[Any] | None


def optional(rule: Rule) -> Rule:
    """Return the rule of a setting that may also be null."""
    return {**rule, "type": [rule["type"], "null"]}


def text(pattern: str, expected: str) -> Rule:
    """Return the rule of a text that matches a pattern."""
    return {"type": "string", "pattern": pattern, "expected": expected}


def one_of(*words: str | None) -> Rule:
    """Return the rule of a setting that has one of these values."""
    return {"enum": list(words)}


def several(rule: Rule) -> Rule:
    """Return the rule of a list of values."""
    return {"type": "array", "items": rule}


def setting(default: Any, rule: Rule, says: str, *, item: type[Any] | None = None) -> Any:
    """Return the field of a setting. ``says`` is its sentence in the manual.

    ``default`` may be a function that makes it. Each value of a list becomes an ``item``.
    """
    about = {"setting": _About(rule, says, item)}
    if callable(default):
        return field(default_factory=default, metadata=about)
    return field(default=default, metadata=about)


def record_of(kind: type[_Own], given: Mapping[str, Any]) -> _Own:
    """Return the record of this type. If there is none, return the defaults."""
    return next((each for each in given.values() if isinstance(each, kind)), kind())


# --- all of a record ---------------------------------------------------------------------------------


def sections_of(section: Any) -> dict[str, Any]:
    """Return the sections in a record, under their names."""
    return {name: value for name, value in _members(section) if is_dataclass(value)}


def schema_of(section: Any) -> dict[str, Any]:
    """Return the JSON Schema of the settings in a record."""
    properties = {name: schema_of(value) for name, value in _members(section) if is_dataclass(value)}
    properties |= {each.name: {**_about(each).rule, "description": _about(each).says} for each, _ in _settings(section)}
    order = [name for name, _ in _members(section) if name in properties]
    return {"type": "object", "additionalProperties": False, "properties": {name: properties[name] for name in order}}


def values_of(section: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings in a record under their dotted names, as values of JSON."""
    for name, inner in sections_of(section).items():
        yield from values_of(inner, f"{prefix}{name}.")
    for each, value in _settings(section):
        yield f"{prefix}{each.name}", tuple(map(asdict, value)) if _about(each).item else value


def dotted(values: Mapping[str, Any], section: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings under their dotted names, from the values of a file. ``section`` has the inner ones."""
    inner = sections_of(section)
    for name, value in values.items():
        if name in inner:
            yield from dotted(value, inner[name], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def filled(section: _Record, values: Mapping[str, Any], prefix: str = "", **others: Any) -> _Record:
    """Return a copy of a record with values under dotted names, and with other fields.

    A setting without a value raises KeyError.
    """
    changed: dict[str, Any] = {}
    for each in fields(section):  # type: ignore[arg-type]  # a dataclass, which no type says
        value = getattr(section, each.name)
        if is_dataclass(value):
            changed[each.name] = filled(value, values, f"{prefix}{each.name}.")
        elif "sections" in each.metadata:
            changed[each.name] = {name: one and filled(one, values, f"{prefix}{name}.") for name, one in value.items()}
        elif "parts" in each.metadata:
            changed[each.name] = {name: filled(part, values, prefix) for name, part in value.items()}
        elif "setting" in each.metadata:
            changed[each.name] = _frozen(each, values[prefix + each.name])
    return type(section)(**changed, **others)


def _members(section: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a record. Further sections and settings replace the field that has them."""
    for each in fields(section):
        value = getattr(section, each.name)
        if "sections" in each.metadata:
            yield from value.items()
        elif "parts" in each.metadata:
            for part in value.values():
                yield from _members(part)
        else:
            yield each.name, value


def _settings(section: Any) -> Iterator[tuple[Field[Any], Any]]:
    """Yield the settings of a record and of its parts, each with its value."""
    for each in fields(section):
        value = getattr(section, each.name)
        if "setting" in each.metadata:
            yield each, value
        elif "parts" in each.metadata:
            for part in value.values():
                yield from _settings(part)


def _about(of: Field[Any]) -> _About:
    found: _About = of.metadata["setting"]
    return found


def _frozen(of: Field[Any], value: Any) -> Any:
    item = _about(of).item
    if item is not None:
        return tuple(item(**each) for each in value)
    return tuple(value) if isinstance(value, list) else value
