"""The stages that a JSONPath of a workflow can find, if the definition tells.

In Yadage's data a scope has a list under the name of each stage. An item of the list is a step, or the scope of a
sub-workflow.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


class Unreadable(Exception):
    """A text, which is the exception's, is not a JSONPath."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a JSONPath: names of keys, an item of a list, or what the definition does not tell."""

    names: tuple[str, ...] = ()
    is_item: bool = False


_ITEM = Part(is_item=True)
_ANYTHING = Part()
EVERY = "*"

# Paths that need no parser: names with dots between them, and items.
_NAME = r"(?!where\b)[A-Za-z_@][\w@-]*"
_PLAIN = re.compile(rf"{_NAME}(\[(\*|\d+)\])?(\.{_NAME}(\[(\*|\d+)\])?)*", re.ASCII)

Path = tuple[Part, ...]


@functools.lru_cache(10_000)
def alternatives(text: str) -> tuple[Path, ...]:
    """Return the paths that a JSONPath joins. Raises Unreadable for a text that is not a JSONPath."""
    if _PLAIN.fullmatch(text):
        return (tuple(itertools.chain.from_iterable(map(_plain_part, text.split(".")))),)
    try:
        import jsonpath_rw
    except ImportError:  # the front end says which package is missing
        return ((_ANYTHING,),)
    try:
        return tuple(_paths(jsonpath_rw.parse(text)))
    except Exception as error:  # it has no class of its own for what it cannot read
        raise Unreadable(text) from error


def _plain_part(text: str) -> list[Part]:
    name, item, _ = text.partition("[")
    return [Part((name,)), *([_ITEM] if item else [])]


def _paths(tree: Any) -> list[Path]:
    """Return the paths of what jsonpath_rw has read."""
    kind = type(tree).__name__
    if kind == "Child":
        return [left + right for left in _paths(tree.left) for right in _paths(tree.right)]
    if kind == "Union":
        return [*_paths(tree.left), *_paths(tree.right)]
    if kind == "Where":
        return _paths(tree.left)
    if kind == "Fields":
        return [(Part(tuple(tree.fields)),)]
    if kind in ("Index", "Slice"):
        return [(_ITEM,)]
    return [()] if kind in ("Root", "This") else [(_ANYTHING,)]


@dataclass(slots=True)
class Scope:
    """A workflow or sub-workflow."""

    stages: dict[str, Stage] = field(default_factory=dict)  # with init
    listed: list[Stage] = field(default_factory=list)  # all of the definition, in its order


@dataclass(slots=True)
class Stage:
    """A stage, and what its steps can be."""

    name: str
    path: tuple[str | int, ...]  # in the definition
    data: dict[str, Any]
    inner: list[Scope] = field(default_factory=list)  # of its sub-workflows, one for each case
    outputs: list[set[str] | None] = field(default_factory=list)  # of its steps; None if only the run can know

    @property
    def scheduler(self) -> dict[str, Any]:
        """What the scheduler of the stage says."""
        found: dict[str, Any] = self.data.get("scheduler", {})
        return found


@dataclass(slots=True)
class Found:
    """What a JSONPath finds."""

    stages: list[Stage] = field(default_factory=list)  # whose steps or sub-workflows it finds
    whole: list[Stage] = field(default_factory=list)  # those whose steps it finds all
    anything: bool = False  # can it find other things?
    missing: list[tuple[str, list[str]]] = field(default_factory=list)  # names that do not exist, and those that do
    lists: list[tuple[str, str]] = field(default_factory=list)  # stages whose items it misses, and the next name


_Value = Scope | tuple[Stage, bool]  # a stage, and whether an item of it


def find(text: str, scope: Scope) -> Found:
    """Return what a JSONPath finds in a scope. Raises Unreadable for a text that is not a JSONPath."""
    found = Found()
    for path in alternatives(text):
        values: list[_Value] = [scope]
        for part in path:
            if part == _ANYTHING:
                found.anything = True
                values = []
                break
            values = list(_step(values, part, found))
        found.whole += [value[0] for value in values if isinstance(value, tuple) and not value[1]]
        found.stages += [value[0] for value in values if isinstance(value, tuple)]
        found.anything = found.anything or any(isinstance(value, Scope) for value in values)
    return found


def _step(values: Sequence[_Value], part: Part, found: Found) -> Iterator[_Value]:
    for value in values:
        if part.is_item:
            yield (value[0], True) if isinstance(value, tuple) else value
        elif isinstance(value, tuple) and not value[1]:
            found.lists.append((value[0].name, part.names[0]))
        else:
            yield from _named([value] if isinstance(value, Scope) else value[0].inner, part.names, found)


def _named(scopes: Sequence[Scope], names: Sequence[str], found: Found) -> Iterator[_Value]:
    """Yield the stages of these names. A name is missing if no scope has it."""
    for name in names:
        stages = [
            stage
            for scope in scopes
            for stage in (scope.stages.values() if name == EVERY else filter(None, [scope.stages.get(name)]))
        ]
        if not stages and name != EVERY:
            found.missing.append((name, [known for scope in scopes for known in scope.stages]))
        yield from ((stage, False) for stage in stages)


Names = frozenset[str] | None  # None for all


def names_by_depth(text: str) -> list[Names]:
    """Return the names in a JSONPath, by depth. Raises Unreadable for a text that is not a JSONPath."""
    named = ([part for part in path if not part.is_item] for path in alternatives(text))
    columns = ([part for part in column if part is not None] for column in itertools.zip_longest(*named))
    return [_joined(column) for column in columns]


def first_names(text: str) -> Names:
    """Return the names that a JSONPath can start with. Raises Unreadable for a text that is not a JSONPath."""
    return _joined([path[0] if path else _ANYTHING for path in alternatives(text)])


def _joined(parts: Sequence[Part]) -> Names:
    """Return the names of all parts together. A part without names stands for all."""
    names = frozenset(name for part in parts for name in part.names)
    return None if EVERY in names or not all(part.names for part in parts) else names
