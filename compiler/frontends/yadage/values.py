"""The data of Yadage's steps, in a form that is quick for thousands of jobs.

Packtivity copies its data through JSON at each access, and compiles a jq program each time. :class:`Leafs` gives
the same results without that. Its data is never changed, so that copies can share it.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jq
import jsonpath_rw

from reana_batch.frontends.yadage.selection import Unreadable

# Packtivity decodes a text that starts with this.
_ENCODED = "b64json://"

# Containers with more values are examined once.
_LARGE = 64


class Pointer:
    """A path of keys and indices in JSON, with the methods of JsonPointer that Yadage uses."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | int, ...]) -> None:
        self.parts = parts

    @property
    def path(self) -> str:
        """The pointer as text, as in RFC 6901."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.parts)

    def get(self, document: Any) -> Any:
        """Return the value that it points to."""
        for part in self.parts:
            document = document[part]
        return document

    resolve = get

    def set(self, document: Any, value: Any) -> Any:
        """Replace the value that it points to, and return the document. At the root return the value."""
        if not self.parts:
            return value
        Pointer(self.parts[:-1]).get(document)[self.parts[-1]] = value
        return document


class Offset:
    """A path of names and indices as text, with the methods of JsonPointer that Yadage uses for scopes."""

    __slots__ = ("parts",)

    def __init__(self, path: str) -> None:
        self.parts = _parsed(path)

    @classmethod
    def from_parts(cls, parts: Iterable[object]) -> Offset:
        """Return the path of these names and indices."""
        return cls(Pointer(tuple(map(str, parts))).path)

    @property
    def path(self) -> str:
        """The path as text."""
        return Pointer(self.parts).path

    def resolve(self, document: Any) -> Any:
        """Return the value that it points to."""
        for part in self.parts:
            document = document[int(part)] if isinstance(document, list) else document[part]
        return document

    def set(self, document: Any, value: Any) -> None:
        """Replace the value that it points to, which is an item of a list."""
        *parents, last = self.parts
        Offset.from_parts(parents).resolve(document)[int(last)] = value


@functools.lru_cache(maxsize=65536)
def _parsed(path: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])


class _Known(NamedTuple):
    """A large container that was examined."""

    value: Any  # keeps the container, so that no other has its id
    ordered: Any  # with sorted keys
    braces: bool


_known: dict[int, _Known] = {}


def _normal(value: Any) -> Any:
    """Return a copy of ``value`` as JSON has it. Large containers that were seen before are shared."""
    if isinstance(value, dict | list | tuple):
        if id(value) in _known:
            return value
        if isinstance(value, dict):
            return _seen({key if isinstance(key, str) else _key(key): _normal(each) for key, each in value.items()})
        return _seen([_normal(each) for each in value])
    if isinstance(value, str) and value.startswith(_ENCODED):
        return json.loads(base64.b64decode(value.replace(_ENCODED, "")).decode("utf-8"))
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"A {type(value).__name__} is not JSON")


def _key(key: Any) -> str:
    text: str = next(iter(json.loads(json.dumps({key: 0}))))
    return text


def _seen(value: Any) -> Any:
    if len(value) > _LARGE:
        _known[id(value)] = _Known(value, _ordered(value), _braces(value))
    return value


def _ordered(value: Any) -> Any:
    """Return ``value`` with sorted keys at all levels."""
    if not isinstance(value, dict | list):
        return value
    if id(value) in _known:
        return _known[id(value)].ordered
    if isinstance(value, list):
        inner = [_ordered(each) for each in value]
        return value if all(one is other for one, other in zip(inner, value, strict=True)) else inner
    keys = sorted(value)
    pairs = {key: _ordered(value[key]) for key in keys}
    same = keys == list(value) and all(pairs[key] is value[key] for key in keys)
    return value if same else pairs


def _braces(value: Any) -> bool:
    """Return whether a text in ``value`` has braces, which Yadage replaces."""
    if isinstance(value, str):
        return "{" in value or "}" in value
    if not isinstance(value, dict | list):
        return False
    if id(value) in _known:
        return _known[id(value)].braces
    return any(map(_braces, value.values() if isinstance(value, dict) else value))


def _mapped(value: Any, change: Callable[[str], Any]) -> Any:
    """Return ``value`` with each text that has braces changed."""
    if not _braces(value):
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    return {key: _mapped(each, change) for key, each in value.items()}


def leafs(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Pointer, Any]]:
    """Yield each scalar in ``value`` and its path, except null and false. At the root yield these too."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _inner_leafs(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _inner_leafs(each, (*path, index))
    else:
        yield Pointer(path), value


def _inner_leafs(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[Pointer, Any]]:
    if value is not None and value is not False:
        yield from leafs(value, path)


class Leafs:
    """JSON with the interface of packtivity's TypedLeafs."""

    __slots__ = ("_data", "_own", "_typed")

    def __init__(self, data: Any) -> None:
        self._data = _normal(data)
        self._typed: Any = None
        self._own = False  # was the data copied, so that it can be changed?

    def json(self) -> Any:
        """Return the data with its keys in their order."""
        return self._data

    def typed(self, idleafs: bool = False) -> Any:  # noqa: ARG002  # Packtivity passes it
        """Return the data with sorted keys, as packtivity reads it."""
        if self._typed is None:
            self._typed = _ordered(self._data)
        return self._typed

    def copy(self) -> Leafs:
        """Return the same data, with sorted keys."""
        return Leafs(self.typed())

    def __getitem__(self, key: Any) -> Any:
        return self.typed()[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.typed())

    def __len__(self) -> int:
        return len(self.typed())

    def jq(self, program: str, *args: Any, **options: Any) -> Leafs:
        """Return what the jq program makes of the data."""
        return Leafs(compiled(program).transform(self.typed(), *args, **options))

    def leafs(self) -> Iterator[tuple[Pointer, Any]]:
        """Yield the path and the value of each scalar, except null and false."""
        for pointer in [pointer for pointer, _ in leafs(self.typed())]:
            yield pointer, pointer.get(self.typed())

    def replace(self, path: Pointer, value: Any) -> None:
        """Replace one value."""
        if not self._own:
            self._data, self._own = _copied(self._data), True
        self._data = path.set(self._data, _normal(value))
        self._typed = None

    def resolve_ref(self, reference: Any) -> Any:
        """Return the value that a pointer points to."""
        return reference.get(self.typed())

    def asrefs(self, callback: Callable[[Pointer], Any]) -> Any:
        """Return the data with ``callback`` of its path in the place of each scalar, except null and false."""
        return _references(self.typed(), (), callback, root=True)

    def formatted(self, change: Callable[[str], Any]) -> Leafs:
        """Return the data with each text that has braces changed."""
        changed = _mapped(self.typed(), change)
        return self if changed is self._data else Leafs(changed)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _references(value: Any, path: tuple[str | int, ...], callback: Callable[[Pointer], Any], root: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _references(each, (*path, key), callback) for key, each in value.items()}
    if isinstance(value, list):
        return [_references(each, (*path, index), callback) for index, each in enumerate(value)]
    return callback(Pointer(path)) if root or (value is not None and value is not False) else value


def create(data: Any, model: object = None) -> Leafs:  # noqa: ARG001  # there are no other types than those of JSON
    """Return ``data`` as Yadage's steps have it."""
    return data if isinstance(data, Leafs) else Leafs(data)


# What jq writes around its messages.
_ORIGIN = re.compile(r"^jq: error: |( at <top-level>, line \d+(, column \d+)?)?:?$")


class JqError(Exception):
    """A jq program that cannot be read, or that failed. The text is the first line of jq's message."""

    def __init__(self, program: str, message: str) -> None:
        self.program = program
        first = message.strip().partition("\n")[0]
        super().__init__(_ORIGIN.sub("", first))


class _Program:
    """A jq program with the methods of the jq module that Yadage uses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._program = jq.compile(text)

    def transform(self, value: Any, text_output: bool = False, multiple_output: bool = False) -> Any:
        """Return its first result, or all as a list."""
        try:
            results = self._program.input_value(value)
            if multiple_output:
                return results.all()
            return results.text() if text_output else results.first()
        except StopIteration:
            raise JqError(self._text, "it has no result") from None
        except ValueError as error:
            raise JqError(self._text, str(error)) from error


@functools.lru_cache(maxsize=1024)
def compiled(program: str) -> _Program:
    """Return a jq program. Raises JqError if jq cannot read it."""
    try:
        return _Program(program)
    except ValueError as error:
        raise JqError(program, str(error)) from error


_parse = jsonpath_rw.parse


@functools.lru_cache(maxsize=4096)
def jsonpath(text: str) -> Any:
    """Return a JSONPath, which Yadage reads again for each job. Raises Unreadable."""
    try:
        return _parse(text)
    except Exception as error:  # the parser raises this class itself
        raise Unreadable(text) from error
