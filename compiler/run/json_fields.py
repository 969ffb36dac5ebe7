"""Values of JSON in a file of a run, each of the type that it must have. Anything else raises :class:`Malformed`."""

from __future__ import annotations

from typing import Any

# More rows than this no step can have.
MOST_ROWS = 10**9


class Malformed(Exception):
    """The JSON has another form."""


def text(record: dict[str, Any], name: str, missing: str | None = None) -> str:
    """Return the text under a name. ``missing`` is the text that counts if there is none."""
    value = record.get(name, missing)
    if not isinstance(value, str):
        raise Malformed
    return value


def path(record: dict[str, Any], name: str) -> str:
    """Return what names a folder inside the run."""
    value = text(record, name)
    if not value.isprintable() or not {"", ".", ".."}.isdisjoint(value.split("/")):
        raise Malformed
    return value


def texts(record: dict[str, Any], name: str, missing: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Return the texts under a name."""
    value = record.get(name, missing)
    if not isinstance(value, (list, tuple)) or {*map(type, value)} - {str}:
        raise Malformed
    return tuple(value)


def records(record: dict[str, Any], name: str, missing: tuple[()] | None = None) -> list[dict[str, Any]]:
    """Return the objects under a name."""
    value = record.get(name, missing)
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, dict) for each in value):
        raise Malformed
    return list(value)


def count(record: dict[str, Any], name: str, missing: int | None = None, most: int = MOST_ROWS) -> int:
    """Return the positive number under a name."""
    value = record.get(name, missing)
    if type(value) is not int or not 0 < value <= most:
        raise Malformed
    return value
