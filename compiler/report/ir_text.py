"""A workflow as text in a stable form. Golden files use it, and it shows how two workflows differ.

Fields with their default value are omitted. A column in a command is shown as ⟨COLUMN⟩, and a place without its folder.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reana_batch.diagnostics import Place
from reana_batch.ir import Column, Command, RowMapping, Table, Workflow
from reana_batch.target import Target


def text(workflow: Workflow) -> Iterator[str]:
    """Yield the lines of a workflow, with line ends. Rows of tables are read one by one."""
    return (f"{line}\n" for line in _record(workflow))


def _named(name: str, value: object) -> Iterator[str]:
    """Yield a value after its name. If it does not fit on the same line, it has its own lines."""
    word = _word(value)
    if word is not None:
        yield f"{name}: {word}"
    else:
        yield f"{name}:"
        yield from (f"  {line}" for line in _block(value))


def _word(value: Any) -> str | None:
    """Return the text of a value on one line. None if it needs several lines."""
    for kind, written in _WORDS.items():
        if isinstance(value, kind):
            return written(value)
    if isinstance(value, frozenset) or type(value) in (tuple, list):
        words = [_word(each) or "" for each in value]
        return ", ".join(sorted(words) if isinstance(value, frozenset) else words) if all(words) else None
    return repr(value) if value is None or isinstance(value, int | float | bytes) else None


def _block(value: Any) -> Iterator[str]:
    """Return the lines of a value that needs several lines."""
    written = next((each for kind, each in _BLOCKS.items() if isinstance(value, kind)), None)
    if type(value) in (tuple, list):
        written = _items
    return (written or _record)(value)


def _text(value: str) -> Iterator[str]:
    return (f"| {line}" for line in value.split("\n"))


def _items(values: Sequence[object]) -> Iterator[str]:
    """Yield the items, each after its name or number. With names, a new item does not change other lines."""
    for number, each in enumerate(values, 1):
        yield from _named(str(getattr(each, "name", number)), each)


def _entries(mapping: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(mapping):
        yield from _named(name, mapping[name])


def _parents(mapping: RowMapping) -> Iterator[str]:
    for row, parents in enumerate(mapping.parents):
        yield f"row {row}: {', '.join(map(str, parents)) or 'none'}"


def _command(command: Command) -> Iterator[str]:
    yield f"origin: {_word(command.origin)}"
    yield from _block(
        "".join(str(_WORDS[Column](part)) if isinstance(part, Column) else part for part in command.parts)
    )


def _table(table: Table) -> Iterator[str]:
    yield f"{table.count} rows of {', '.join(table.columns) or 'no columns'}"
    if table.columns:
        yield from (f"row {number}: {', '.join(map(repr, cells))}" for number, cells in enumerate(table))


def _record(given: Any) -> Iterator[str]:
    """Yield the fields of a named tuple or dataclass whose value is not their default."""
    for name, default in _defaults(given).items():
        value = getattr(given, name)
        if value != default:
            yield from _named(name, value)


def _defaults(given: Any) -> dict[str, object]:
    """Return the fields of a named tuple or dataclass with their defaults, in order."""
    if isinstance(given, tuple):
        return {name: given._field_defaults.get(name, dataclasses.MISSING) for name in given._fields}  # type: ignore[attr-defined]
    made = ((each, each.default_factory) for each in dataclasses.fields(given))
    return {each.name: each.default if make is dataclasses.MISSING else make() for each, make in made}


# The texts of values of these types that fit on one line.
_WORDS: dict[type[Any], Callable[[Any], str | None]] = {
    Place: lambda place: f"{place.short}:{place.column}",
    Column: lambda column: f"⟨{column.name}⟩",
    Target: lambda target: target.name,
    enum.Enum: lambda member: member.value,
    str: lambda written: None if "\n" in written else repr(written),
}

# The lines of values of these types that need several.
_BLOCKS: dict[type[Any], Callable[[Any], Iterator[str]]] = {
    str: _text,
    Command: _command,
    RowMapping: _parents,
    Table: _table,
    Mapping: _entries,
}
