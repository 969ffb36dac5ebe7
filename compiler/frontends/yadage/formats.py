"""The fields of texts that Python's ``str.format`` fills in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# As CPython reads a field: in its name, brackets may hold anything; after the colon, fields may be nested.
_FIELD = re.compile(r"\{((?:\[[^\]]*\]|[^{}\[:!])*)(?:!(.)(?=[:}]))?(:(?:[^{}]|\{[^{}]*\})*)?\}", re.DOTALL)
_BRACE = re.compile(r"[{}]")
_FIRST = re.compile(r"[^.\[]*")


class Field(NamedTuple):
    """A field of a text."""

    offset: int  # of its brace
    text: str  # with its braces
    name: str  # the parameter that it starts with; empty or a number for a position


class BraceError(Exception):
    """``str.format`` refuses a brace, which is at ``offset``."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset


def fields(text: str) -> Iterator[Field]:
    """Yield the fields of a text, also those in the format of others. A brace that is refused raises BraceError."""
    at = 0
    while found := _BRACE.search(text, at):
        start, brace = found.start(), found[0]
        if text.startswith(brace * 2, start):
            at = start + 2
            continue
        field = _FIELD.match(text, start)
        if field is None or (field[2] or "r") not in "rsa":
            raise BraceError(start)
        first = _FIRST.match(field[1])
        yield Field(start, field[0], first[0] if first else "")
        for inner in fields((field[3] or "").replace("{{", "  ").replace("}}", "  ")):
            yield inner._replace(offset=field.start(3) + inner.offset)
        at = field.end()
