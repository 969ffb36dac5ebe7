"""YAML files with the place of every value.

This module reads a file and finds the place of a value, of a key, or of a character in a value.
It knows nothing about REANA.
"""

from __future__ import annotations

import bisect
import codecs
import errno
import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from reana_batch.diagnostics import LINE_BREAK, Diagnostics, Note, Place
from reana_batch.files import read_regular
from reana_batch.reading.yaml_faults import find_slip

# libyaml, if PyYAML was built with it: it reads 20,000 lines in 0.2 s instead of 3.4 s.
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DocumentPath = Sequence[str | int]

# libyaml's composer is recursive. Some levels deeper than this, it crashes the process.
_DEEPEST = 100

# The most keys and values of a document. Each use of an alias counts: with aliases, 9 lines can hold 10^9 values.
_MOST_VALUES = 1_000_000
_LARGE_HINT = "keep long lists in separate files, which commands read."

# A mapping with at most this many entries is searched: that is faster than making an index.
_FEW = 16


@dataclass(frozen=True)
class Document:
    """A YAML file: its plain value and the places of the parts of that value."""

    file: str
    text: str
    data: Any
    root: yaml.Node
    # Earlier answers, under the ids of their nodes: of a file with 100,000 entries, each is asked for.
    _entries: dict[int, Mapping[str, _Entry]] = field(default_factory=dict, repr=False, compare=False)
    _marks: dict[tuple[int, str], _Marks | None] = field(default_factory=dict, repr=False, compare=False)

    def place(self, path: DocumentPath) -> Place:
        """Return the place of the value at ``path``, or of its nearest parent that exists."""
        return _place(self._node(path), self.file)

    def key_place(self, path: DocumentPath) -> Place:
        """Return the place of the key that ends ``path``."""
        parent = self._node(path[:-1])
        entry = self._entry(parent, path[-1])
        return _place(entry[0] if entry else parent, self.file)

    def place_in(self, path: DocumentPath, offset: int, width: int) -> Place:
        """Return the place of the ``$``, ``{`` or ``}`` at ``offset`` of a text in any YAML style.

        Folding, indentation and escapes shift characters, but each of these occurs as often in the source.
        If one is written as an escape, return the place of the value.
        """
        node = self._node(path)
        key = id(node), node.value[offset]
        if key not in self._marks:
            self._marks[key] = self._marks_of(node, node.value[offset])
        marks = self._marks[key]
        if marks is None:
            return _place(node, self.file)
        at = marks.in_file[bisect.bisect_left(marks.in_value, offset)]
        line = bisect.bisect_right(self._line_starts, at)
        return Place(self.file, line, at - self._line_starts[line - 1] + 1, width)

    def _marks_of(self, node: yaml.Node, mark: str) -> _Marks | None:
        """Return the positions of each ``mark`` of a text. If the source has more or fewer, return None."""
        start, end = node.start_mark.index, node.end_mark.index
        pattern = re.compile(re.escape(mark))
        in_value = [match.start() for match in pattern.finditer(node.value)]
        in_file = [match.start() for match in pattern.finditer(self.text, start, end)]
        return _Marks(in_value, in_file) if len(in_value) == len(in_file) else None

    @functools.cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in LINE_BREAK.finditer(self.text))]

    def source_of(self, path: DocumentPath) -> str:
        """Return the characters of the value at ``path`` as they are in the file."""
        return self._source(self._node(path))

    def sources(self, path: DocumentPath) -> dict[str, str]:
        """Return what :meth:`source_of` returns for each value of the mapping at ``path``, under its key."""
        return {key.value: self._source(value) for key, value in self._node(path).value}

    def _source(self, node: yaml.Node) -> str:
        return self.text[node.start_mark.index : node.end_mark.index]

    def _node(self, path: DocumentPath) -> yaml.Node:
        """Return the node at ``path``, or its nearest parent that exists."""
        node = self.root
        for part in path:
            child = self._child(node, part)
            if child is None:
                break
            node = child
        return node

    def _child(self, node: yaml.Node, part: str | int) -> yaml.Node | None:
        if isinstance(node, yaml.SequenceNode):
            return node.value[part] if isinstance(part, int) and part < len(node.value) else None
        entry = self._entry(node, part)
        return entry and entry[1]

    def _entry(self, node: yaml.Node, key: str | int) -> _Entry | None:
        """Return the key and the value of a mapping's entry, or None."""
        if not isinstance(node, yaml.MappingNode):
            return None
        # The last of several equal keys counts, because merged keys come first.
        if len(node.value) <= _FEW:
            for entry in reversed(node.value):
                if entry[0].value == key:
                    return cast("_Entry", entry)
            return None
        if id(node) not in self._entries:
            self._entries[id(node)] = {entry[0].value: entry for entry in node.value}
        return self._entries[id(node)].get(key)  # type: ignore[arg-type]  # no key is a number


_Entry = tuple[yaml.Node, yaml.Node]


@dataclass(frozen=True, slots=True)
class _Marks:
    """The positions of each ``$`` or brace of a text: in the text, and in the file."""

    in_value: list[int]
    in_file: list[int]


def read_document(path: Path, file: str, diagnostics: Diagnostics) -> Document | None:
    """Return the YAML document in ``path``, or None after recording why there is none.

    ``file`` is the name that the user sees. The value has only types of JSON: mappings with text
    keys, lists, text, numbers, booleans and null.
    """
    text = _read_text(path, file, diagnostics)
    if text is None:
        return None
    diagnostics.sources[file] = text
    try:
        return _compose(text, file, diagnostics)
    except yaml.MarkedYAMLError as error:
        _report_syntax(error, file, text, diagnostics)
    except _LargeError as error:
        message = f"The file may have at most {_MOST_VALUES:,} keys and values. Here it has more."
        diagnostics.error("too-large", message, Place(file, error.mark.line + 1, error.mark.column + 1), _LARGE_HINT)
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, str) else chr(error.character)
        place = _place_of_index(text, file, text.find(character))
        message = f"YAML does not allow the character U+{ord(character):04X}."
        diagnostics.error("yaml-syntax", message, place, "delete it.")
    return None


def _read_text(path: Path, file: str, diagnostics: Diagnostics) -> str | None:
    try:
        raw = read_regular(path).removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        hint = "" if error.errno != errno.EINVAL or path.is_dir() else "save its content to a file."
        diagnostics.error("missing-file", f"{file} cannot be read: {error.strerror}.", hint=hint)
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        diagnostics.sources[file] = raw.decode("utf-8", "replace")
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        message = f"The file must be UTF-8 text, but the byte 0x{raw[error.start]:02X} is not."
        diagnostics.error("yaml-encoding", message, Place(file, line, column), "save it as UTF-8.")
        return None


class _DeepError(Exception):
    """A document has a value inside more lists and mappings than allowed."""


class _LargeError(Exception):
    """A document has more keys and values than allowed."""

    def __init__(self, mark: Any) -> None:
        super().__init__()
        self.mark = mark


@functools.lru_cache(1000)
def _tag_of(value: str) -> str:
    """Return YAML's tag of a scalar without quotes. It is cached, because most are keys and occur many times."""
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, value, (True, False))
    return tag


_RESOLVER: Any = yaml.resolver.Resolver()


class _BoundedLoader(Loader):  # type: ignore[misc]  # it is libyaml's or Python's
    """Raises _DeepError for a value inside more than ``most`` others, and _LargeError for too many values.

    The composer calls all three methods for each node.
    """

    most = _DEEPEST
    _depth = 0
    _count = 0

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> Any:
        if kind is yaml.ScalarNode:
            return _tag_of(value) if implicit[0] else _TEXT  # which is quoted
        return _LIST if kind is yaml.SequenceNode else _MAPPING

    def descend_resolver(self, *_: object) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > self.most:
            raise _DeepError
        if self._count > _MOST_VALUES:
            raise _LargeError(self.peek_event().start_mark)

    def ascend_resolver(self) -> None:
        self._depth -= 1


def _compose(text: str, file: str, diagnostics: Diagnostics) -> Document | None:
    try:
        root = _root(text, _DEEPEST)
    except _DeepError:
        if not _check_depth(text, file, diagnostics):
            return None
        root = _root(text, _DEEPEST + 1)  # one level more: the values in the innermost list or mapping
    if root is None:
        diagnostics.error("empty-file", f"{file} is empty.", Place(file, 1), "see: reana-batch samples")
        return None
    # An alias needs an anchor, and most files have neither.
    if "&" in text and "*" in text and not _check_aliases(root, file, diagnostics):
        return None
    builder = _Builder(file, diagnostics)
    data = builder.build(root)
    return Document(file, text, data, root) if builder.sound else None


def _root(text: str, most: int) -> yaml.Node | None:
    loader = _BoundedLoader(text)
    loader.most = most
    try:
        return cast("yaml.Node | None", loader.get_single_node())
    finally:
        loader.dispose()


def _check_depth(text: str, file: str, diagnostics: Diagnostics) -> bool:
    """Return whether no value is nested too deep. Otherwise record it."""
    depth = 0
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            mark: Any = event.start_mark
            place = Place(file, mark.line + 1, mark.column + 1)
            diagnostics.error("yaml-syntax", f"YAML may be nested at most {_DEEPEST} levels deep.", place)
            return False
    return True


# The tags of the types that JSON has. A reader of YAML 1.1 has others, such as dates.
_YAML = "tag:yaml.org,2002:"
_TEXT, _LIST, _MAPPING, _MERGE = (f"{_YAML}{kind}" for kind in ("str", "seq", "map", "merge"))
_SCALARS = frozenset(f"{_YAML}{kind}" for kind in ("int", "float", "bool", "null"))

# No program computes with longer numbers. Python prints at most 4,300 digits.
_LONGEST_NUMBER = 1000


class _Builder:
    """Makes the value of each node once. Values that JSON does not have are recorded, and set ``sound`` to False."""

    def __init__(self, file: str, diagnostics: Diagnostics) -> None:
        self._file = file
        self._diagnostics = diagnostics
        self._constructor = yaml.constructor.SafeConstructor()
        self._made: dict[int, Any] = {}  # an alias shares its value
        self.sound = True

    def build(self, node: yaml.Node) -> Any:
        """Return the value of ``node``. It has no meaning if ``sound`` is False."""
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.tag == _TEXT else self._scalar(node)
        if id(node) not in self._made:
            self._made[id(node)] = self._collection(node)
        return self._made[id(node)]

    def _collection(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
            return [self.build(child) for child in node.value]
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
            return self._mapping(node)
        return self._refuse_kind(node, node.tag)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any] | None:
        names = {key.value for key, _ in node.value if key.tag == _TEXT and isinstance(key, yaml.ScalarNode)}
        if len(names) == len(node.value):
            return {key.value: self.build(value) for key, value in node.value}
        if not self._check_keys(node):
            # The values below may have other faults.
            for _, value in node.value:
                self.build(value)
            return None
        for merged in [value for key, value in node.value if key.tag == _MERGE]:
            self.build(merged)
        self._constructor.flatten_mapping(node)
        return {key.value: self.build(value) for key, value in node.value}

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag
        if kind not in _SCALARS:
            return self._refuse_kind(node, kind)
        if len(node.value) > _LONGEST_NUMBER:
            message = f"A number may have at most {_LONGEST_NUMBER:,} characters. This one has {len(node.value):,}."
            return self._refuse(node, message)
        try:
            value = self._constructor.yaml_constructors[kind](self._constructor, node)
        except (ValueError, LookupError, OverflowError):  # PyYAML raises these, for example for !!bool maybe
            return self._refuse(node, f'"{node.value}" is not a YAML {kind.removeprefix(_YAML)}.')
        if isinstance(value, float) and not math.isfinite(value):
            return self._refuse_kind(node, "NaN" if math.isnan(value) else "infinity")
        return value

    def _refuse_kind(self, node: yaml.Node, kind: str) -> None:
        self._refuse(node, f"Expected text or a number, not a YAML {kind.removeprefix(_YAML)}.")

    def _refuse(self, node: yaml.Node, message: str) -> None:
        self._diagnostics.error("not-json", message, _place(node, self._file), "quote it.")
        self.sound = False

    def _check_keys(self, node: yaml.MappingNode) -> bool:
        """Return whether all keys are texts that occur once. Otherwise record the keys that are not."""
        seen: dict[str, yaml.Node] = {}
        sound = True
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (_TEXT, _MERGE):
                text = repr(key.value) if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                message = f"A key must be text, not {text}."
                self._diagnostics.error("bad-type", message, _place(key, self._file), "quote the key.")
                sound = False
            elif key.tag == _TEXT and seen.setdefault(key.value, key) is not key:
                first = Note("It is first set here.", _place(seen[key.value], self._file))
                message, hint = f'"{key.value}" is already set.', "keep one of the two."
                self._diagnostics.error("duplicate-key", message, _place(key, self._file), hint, (first,))
                sound = False
        self.sound = self.sound and sound
        return sound


def _check_aliases(root: yaml.Node, file: str, diagnostics: Diagnostics) -> bool:
    """Return whether no alias contains itself or makes the document too large. Otherwise record it."""
    if isinstance(root, yaml.ScalarNode):
        return True
    sizes: dict[int, int] = {}  # of each list or mapping, -1 while the walk is below it
    depths: dict[int, int] = {}
    stack: list[tuple[yaml.Node, bool]] = [(root, False)]
    while stack:
        node, children_known = stack.pop()
        if children_known:
            children = _collections(node)
            texts = len(node.value) - len(children)
            sizes[id(node)] = 1 + texts + sum(sizes[id(child)] for child in children)
            depths[id(node)] = 1 + max((depths[id(child)] for child in children), default=min(texts, 1))
        elif id(node) not in sizes:
            sizes[id(node)] = -1
            stack.append((node, True))
            stack.extend((child, False) for child in _collections(node))
        elif sizes[id(node)] < 0:
            diagnostics.error("not-json", "An alias stands for a value that contains it.", _place(node, file))
            return False
    if depths[id(root)] > _DEEPEST + 1:
        message = f"With its aliases the YAML is nested more than {_DEEPEST} levels deep."
        diagnostics.error("yaml-syntax", message, Place(file, 1))
        return False
    if sizes[id(root)] > _MOST_VALUES:
        message = f"With its aliases the file has {sizes[id(root)]:,} values. It may have at most {_MOST_VALUES:,}."
        diagnostics.error("too-large", message, Place(file, 1), _LARGE_HINT)
        return False
    return True


def _collections(node: yaml.Node) -> list[yaml.Node]:
    """Return the lists and mappings directly in a list or mapping. Most values are neither."""
    if isinstance(node, yaml.SequenceNode):
        return [child for child in node.value if not isinstance(child, yaml.ScalarNode)]
    return [value for _, value in node.value if not isinstance(value, yaml.ScalarNode)]


def _place(node: yaml.Node, file: str) -> Place:
    start, end = node.start_mark, node.end_mark
    line, column = start.line, start.column
    width = end.column - column if end.line == line else 1
    return Place(file, line + 1, column + 1, width or 1)


def _place_of_index(text: str, file: str, index: int) -> Place:
    breaks = list(LINE_BREAK.finditer(text, 0, index))
    start = breaks[-1].end() if breaks else 0
    return Place(file, len(breaks) + 1, index - start + 1)


def _report_syntax(error: yaml.MarkedYAMLError, file: str, text: str, diagnostics: Diagnostics) -> None:
    slip = find_slip(error, text, Loader)
    notes = tuple(Note(message, Place(file, line + 1, column + 1)) for message, line, column in slip.notes)
    diagnostics.error("yaml-syntax", slip.message, Place(file, slip.line + 1, slip.column + 1), slip.hint, notes)


def mapping_at(value: Any, *path: str) -> dict[str, Any]:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# The most entries of a list that are read. The schema has refused lists with more than 1,000.
_MOST_ENTRIES = 10_000


def entries(data: Any, section: str, name: str) -> Iterator[tuple[int, str]]:
    """Yield the texts of a list, with their indices. The schema has reported entries that are not texts."""
    values = mapping_at(data, section).get(name)
    for index, value in enumerate(values[:_MOST_ENTRIES] if isinstance(values, list) else ()):
        if isinstance(value, str):
            yield index, value


def texts_at(data: Any, section: str, name: str) -> tuple[str, ...]:
    return tuple(text for _, text in entries(data, section, name))
