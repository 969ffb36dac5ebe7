"""The command or script of a step, as text around fields. Together they are what ``str.format`` gives Yadage."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_FIRST = re.compile(r"[^.\[]*")


class Field(NamedTuple):
    """A field of a template."""

    name: str  # of the parameter that it starts with
    names: tuple[str, ...]  # of all its parameters: its format can have fields too
    form: str  # with braces, as str.format takes it; empty if the text is the parameter's own


class Template(NamedTuple):
    """A text with fields. There is one more piece than fields."""

    pieces: list[str]
    fields: list[Field]

    def texts(self, parameters: Any) -> list[str]:
        """Return the text of each field, as packtivity's handlers for commands and scripts make it.

        Raises what ``str.format`` raises if the parameters do not fit.
        """
        if isinstance(parameters, dict):
            return [_text(each, parameters) for each in self.fields]
        listed: Sequence[Any] = [joined(value) for value in parameters] if isinstance(parameters, list) else ()
        named = {} if isinstance(parameters, list) else {"value": parameters}
        return [(each.form or f"{{{each.name}}}").format(*listed, **named) for each in self.fields]


def _text(field: Field, parameters: Mapping[str, Any]) -> str:
    if any(name.isdigit() for name in field.names):
        raise IndexError("fields with numbers need parameters in a list")
    named = {name: joined(parameters[name]) for name in field.names}
    return field.form.format(**named) if field.form else format(named[field.name])


def joined(value: Any) -> Any:
    """Return a list as one text with blanks, and anything else as it is."""
    return " ".join(map(str, value)) if type(value) is list else value


def parse(text: str) -> Template:
    """Return the template in ``text``. Raises ValueError if str.format cannot read it."""
    pieces, fields, literal = [], [], ""
    numbers = _Numbers()
    for before, name, form, conversion in string.Formatter().parse(text):
        literal += before
        if name is None:
            continue
        pieces.append(literal)
        literal = ""
        fields.append(_field(name, form or "", conversion, numbers))
    return Template([*pieces, literal], fields)


def _first(name: str) -> str:
    found = _FIRST.match(name)
    return found[0] if found else ""


class _Numbers:
    """Numbers for fields without a name, as str.format counts them."""

    def __init__(self) -> None:
        self.names: list[str] = []  # of the parameters so far
        self._next = 0
        self._written = False

    def named(self, name: str) -> str:
        """Return the name of a field, with a number if it has none."""
        name = self._with_number(name)
        self.names.append(_first(name))
        return name

    def _with_number(self, name: str) -> str:
        first = _first(name)
        if first and not first.isdigit():
            return name
        self._written = self._written or bool(first)
        if (not first or self._next) and self._written:
            raise ValueError("fields with numbers and fields without are mixed")
        if first:
            return name
        self._next += 1
        return f"{self._next - 1}{name}"


def _field(name: str, form: str, conversion: str | None, numbers: _Numbers) -> Field:
    before = len(numbers.names)
    name = numbers.named(name)
    form = "".join(_numbered(form, numbers)) if form else ""
    names = tuple(dict.fromkeys(numbers.names[before:]))
    if not form and not conversion and names[0] == name:
        return Field(name, names, "")
    return Field(names[0], names, f"{{{name}{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}}}")


def _numbered(form: str, numbers: _Numbers) -> Iterator[str]:
    """Yield the parts of a format with numbers for fields in it. A format cannot have fields in the fields in it."""
    for before, name, inner, conversion in string.Formatter().parse(form):
        yield before.replace("{", "{{").replace("}", "}}")
        if name is not None:
            yield f"{{{numbers.named(name)}{f'!{conversion}' if conversion else ''}{f':{inner}' if inner else ''}}}"
