"""Values of CWL that are known now, or that a job will make.

A value is written as JSON. What a job makes, and what is decided only when it is known, is an object with one key that
starts with ``$``. Nothing is copied between jobs to bring values together: who needs a value reads the results that it
names, and decides then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A value of JSON.
Json = Any


@dataclass(frozen=True, slots=True)
class Known:
    """A value of JSON."""

    json: Json


@dataclass(frozen=True, slots=True)
class Out:
    """What a job writes to an output port. It is null if the condition of the job's step is false."""

    job: str
    port: str


@dataclass(frozen=True, slots=True)
class Later:
    """What an expansion finds for an output port of a step. ``pending`` is the name of that step's record."""

    pending: str
    port: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of values. Some are not known yet."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Flat:
    """``linkMerge: merge_flattened``: the items of those values that are lists, and the other values."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Picked:
    """``pickValue`` of a list."""

    method: str
    value: Value


@dataclass(frozen=True, slots=True)
class Defaulted:
    """A value, or another one if it is null."""

    value: Value
    default: Json


Value = Known | Out | Later | Items | Flat | Picked | Defaulted


class BadPick(ValueError):
    """The values of ``pickValue`` are not as its method needs them. The text is a sentence."""


# --- JSON ----------------------------------------------------------------------------------------


def write(value: Value) -> Json:  # noqa: PLR0911  # one for each kind
    """Return the JSON of a value. :func:`read` is the inverse."""
    match value:
        case Known(json):
            return {"$known": json} if _has_mark(json) else json
        case Out(job, port):
            return {"$out": [job, port]}
        case Later(pending, port):
            return {"$later": [pending, port]}
        case Items(items):
            return {"$items": [write(each) for each in items]}
        case Flat(items):
            return {"$flat": [write(each) for each in items]}
        case Picked(method, inner):
            return {"$picked": [method, write(inner)]}
        case Defaulted(inner, default):
            return {"$default": [write(inner), default]}


def _has_mark(json: Json) -> bool:
    """Return whether the JSON could be taken for a value that is not known."""
    return isinstance(json, dict) and len(json) == 1 and next(iter(json)).startswith("$")


def read(json: Json) -> Value:
    """Return the value of its JSON."""
    if not _has_mark(json):
        return Known(json)
    ((mark, content),) = json.items()
    return _READERS[mark](content)


_READERS: Mapping[str, Callable[[Any], Value]] = {
    "$known": Known,
    "$out": lambda content: Out(*content),
    "$later": lambda content: Later(*content),
    "$items": lambda content: Items(tuple(map(read, content))),
    "$flat": lambda content: Flat(tuple(map(read, content))),
    "$picked": lambda content: Picked(content[0], read(content[1])),
    "$default": lambda content: Defaulted(read(content[0]), content[1]),
}


# --- what is known of a value --------------------------------------------------------------------


def sources(value: Value) -> Iterator[Out | Later]:
    """Yield the results that a value depends on. One can come several times."""
    match value:
        case Out() | Later():
            yield value
        case Items(items) | Flat(items):
            for each in items:
                yield from sources(each)
        case Picked(_, inner) | Defaulted(inner, _):
            yield from sources(inner)


def resolve(value: Value, find: Callable[[Out | Later], Value]) -> Value:
    """Return the value with each result replaced by what ``find`` returns for it.

    ``find`` may return the result itself if it is not known, or another value with results in it. ``pickValue`` of known values raises
    BadPick if they are not as it needs them.
    """
    match value:
        case Known():
            return value
        case Out() | Later():
            found = find(value)
            return found if found == value else resolve(found, find)
        case Items(items):
            return listed([resolve(each, find) for each in items])
        case Flat(items):
            return flattened([resolve(each, find) for each in items])
        case Picked(method, inner):
            return picked(method, resolve(inner, find))
        case Defaulted(inner, default):
            return defaulted(resolve(inner, find), default)


def known_of(made: Mapping[Out, Known]) -> Callable[[Out | Later], Value]:
    """Return a function for :func:`resolve` that finds what is known of results."""
    return lambda result: made.get(result, result) if isinstance(result, Out) else result


def rewritten(value: Value, change: Callable[[Out | Later], Value]) -> Value:
    """Return the value with each result replaced by what ``change`` returns for it. Nothing else changes."""
    match value:
        case Known():
            return value
        case Out() | Later():
            return change(value)
        case Items(items):
            return Items(tuple(rewritten(each, change) for each in items))
        case Flat(items):
            return Flat(tuple(rewritten(each, change) for each in items))
        case Picked(method, inner):
            return Picked(method, rewritten(inner, change))
        case Defaulted(inner, default):
            return Defaulted(rewritten(inner, change), default)


def listed(items: Sequence[Value]) -> Value:
    """Return the list of these values."""
    known = [each.json for each in items if isinstance(each, Known)]
    return Known(known) if len(known) == len(items) else Items(tuple(items))


def flattened(items: Sequence[Value]) -> Value:
    """Return the list of the items of these values. Another value is an item itself."""
    found: list[Value] = []
    for each in items:
        inner = elements(each)
        if inner is None and not isinstance(each, Known):
            return Flat(tuple(items))
        found += [each] if inner is None else inner
    return listed(found)


def elements(value: Value) -> list[Value] | None:
    """Return the items of a list, or None if it is not a list or if its length is not known."""
    match value:
        case Known(list() as json):
            return [Known(each) for each in json]
        case Items(items):
            return list(items)
    return None


def defaulted(value: Value, default: Json) -> Value:
    """Return the value, or the default if it is null."""
    if isinstance(value, Known):
        return Known(default) if value.json is None else value
    return value if isinstance(value, Items) else Defaulted(value, default)


def picked(method: str, value: Value) -> Value:
    """Return what ``pickValue`` chooses of a list. Other values than lists raise BadPick."""
    inner = elements(value)
    if inner is None and not isinstance(value, Known):
        return Picked(method, value)
    if inner is None:
        raise BadPick(f"pickValue: {method} needs a list of values.")
    if not all(isinstance(each, Known | Items) for each in inner):
        return Picked(method, value)
    found = [each for each in inner if each != Known(None)]
    return listed(found) if method == "all_non_null" else _single(method, found)


def _single(method: str, found: Sequence[Value]) -> Value:
    if not found:
        raise BadPick(f"pickValue: {method} finds only null values.")
    if method == "the_only_non_null" and len(found) > 1:
        raise BadPick(f"pickValue: {method} finds {len(found)} values that are not null.")
    return found[0]
