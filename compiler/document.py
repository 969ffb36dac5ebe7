"""YAML files whose every value knows its place.

Owns reading a file and finding where a value, a key or a character of a value stands in it.
Knows nothing of REANA.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from reana_batch.diagnostics import LINE_BREAK, Diagnostics, Place
from reana_batch.yaml_faults import find_slip

# libyaml where PyYAML was built with it: a spec of 20,000 lines in 0.2 s instead of 3.4 s.
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DocumentPath = Sequence[str | int]

# libyaml's composer calls itself for each level, and ends the process somewhere beyond this.
_DEEPEST = 100

# A bracket where a value can begin; others, as in ${name}, open nothing.
_OPENING = re.compile(r"(?<![^\s\[{,:])[\[{]")

# An alias counts as often as it is used: 9 lines can stand for 10^9 values.
_MOST_VALUES = 5_000_000


@dataclass(frozen=True)
class Document:
    """A YAML file: its plain value and the places of the parts of that value."""

    file: str
    text: str
    data: Any
    root: yaml.Node

    def place(self, path: DocumentPath) -> Place:
        """Return the place of the value at ``path``, or of its nearest parent that is there."""
        return _place(self._node(path), self.file)

    def key_place(self, path: DocumentPath) -> Place:
        """Return the place of the key that ends ``path``."""
        parent = self._node(path[:-1])
        if isinstance(parent, yaml.MappingNode):
            for key, _ in reversed(parent.value):
                if key.value == path[-1]:
                    return _place(key, self.file)
        return _place(parent, self.file)

    def place_in(self, path: DocumentPath, offset: int, width: int) -> Place:
        """Return the place of the ``$`` at ``offset`` of the text at ``path``, whatever its YAML style.

        Folding, indentation and escapes move characters about, but each ``$`` of the value stands once
        in the source (unless it was written as an escape: then the value's own place comes back).
        """
        node = self._node(path)
        value = node.value
        source = self.text[node.start_mark.index : node.end_mark.index]
        if source.count("$") != value.count("$"):
            return _place(node, self.file)
        at = node.start_mark.index - 1
        for _ in range(value.count("$", 0, offset) + 1):
            at = self.text.index("$", at + 1)
        return replace(_place_of_index(self.text, self.file, at), width=width)

    def source_of(self, path: DocumentPath) -> str:
        """Return the characters of the value at ``path`` as they stand in the file."""
        node = self._node(path)
        return self.text[node.start_mark.index : node.end_mark.index]

    def _node(self, path: DocumentPath) -> yaml.Node:
        node = self.root
        for part in path:
            child = _child(node, part)
            if child is None:
                break
            node = child
        return node


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    if isinstance(node, yaml.MappingNode):
        # The last of equal keys is the one that counts, for merge keys stand in front.
        for key, value in reversed(node.value):
            if key.value == part:
                return value  # type: ignore[no-any-return]  # PyYAML's nodes are untyped
    return None


def read_document(path: Path, file: str, diagnostics: Diagnostics) -> Document | None:
    """Return the YAML document in ``path``, or None after recording why there is none.

    ``file`` is the name shown to the user. The value holds what JSON can hold: mappings with text
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
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, str) else chr(error.character)
        place = _place_of_index(text, file, text.find(character))
        message = f"YAML allows no character U+{ord(character):04X}."
        diagnostics.error("yaml-syntax", message, place, "delete it.")
    return None


def _read_text(path: Path, file: str, diagnostics: Diagnostics) -> str | None:
    try:
        raw = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        diagnostics.error("missing-file", f"{file} cannot be read: {error.strerror}.")
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        diagnostics.sources[file] = raw.decode("utf-8", "replace")
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        message = f"The file must be UTF-8 text; byte 0x{raw[error.start]:02X} is not."
        diagnostics.error("yaml-encoding", message, Place(file, line, column), "save it as UTF-8.")
        return None


def _compose(text: str, file: str, diagnostics: Diagnostics) -> Document | None:
    if not _check_depth(text, file, diagnostics):
        return None
    loader = Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            diagnostics.error("empty-file", f"{file} is empty.", Place(file, 1), "see: reana-batch samples")
            return None
        # An alias cannot be without an anchor, and most files have neither.
        if "&" in text and "*" in text and not _check_aliases(root, file, diagnostics):
            return None
        if not _check_nodes(root, file, diagnostics):
            return None
        return _construct(loader, root, text, file, diagnostics)
    finally:
        loader.dispose()


def _check_depth(text: str, file: str, diagnostics: Diagnostics) -> bool:
    """Record nesting beyond bounds; return whether there is none. Most files are seen to be flat at once."""
    brackets = sum(1 for _ in _OPENING.finditer(text))
    steps = (len(line) - len(line.lstrip()) + line.count("- ") + line.count("? ") for line in text.splitlines())
    if brackets + max(steps, default=0) <= _DEEPEST:
        return True
    depth = 0
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            mark: Any = event.start_mark
            place = Place(file, mark.line + 1, mark.column + 1)
            diagnostics.error("yaml-syntax", f"YAML may be nested {_DEEPEST} levels deep, not more.", place)
            return False
    return True


def _construct(loader: Any, root: yaml.Node, text: str, file: str, diagnostics: Diagnostics) -> Document | None:
    try:
        return Document(file, text, loader.construct_document(root), root)
    except _BAD_SCALAR:
        for node in _nodes(root):
            try:
                Loader("").construct_object(node)
            except _BAD_SCALAR:
                message = f'"{node.value}" is no YAML {node.tag.removeprefix("tag:yaml.org,2002:")}.'
                diagnostics.error("not-json", message, _place(node, file), "quote it.")
                return None
        raise


# What PyYAML raises for a scalar that does not fit its tag, such as 2020-13-45 or !!bool maybe.
_BAD_SCALAR = (ValueError, LookupError, OverflowError)

# The kinds of values that JSON has; everything else a YAML 1.1 reader makes up, such as dates.
_JSON_KINDS = frozenset({"map", "seq", "str", "int", "float", "bool", "null", "merge"})


def _check_nodes(root: yaml.Node, file: str, diagnostics: Diagnostics) -> bool:
    """Record duplicate keys and values that JSON lacks; return whether there were none."""
    sound = True
    for node in _nodes(root):
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind == "float" and node.value.lower().strip("+-") in (".inf", ".nan"):
            kind = "infinity" if "inf" in node.value.lower() else "NaN"
        if kind not in _JSON_KINDS:
            message = f"Expected text or a number, not a YAML {kind}."
            diagnostics.error("not-json", message, _place(node, file), "quote it.")
            sound = False
        if isinstance(node, yaml.MappingNode):
            sound = _check_keys(node, file, diagnostics) and sound
    return sound


def _check_aliases(root: yaml.Node, file: str, diagnostics: Diagnostics) -> bool:
    """Record an alias that leads back to itself or blows the document up; return whether there was none."""
    sizes: dict[int, int] = {}  # by node, -1 while the walk is below it
    depths: dict[int, int] = {}
    stack: list[tuple[yaml.Node, bool]] = [(root, False)]
    while stack:
        node, children_known = stack.pop()
        if children_known:
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in _children(node))
            depths[id(node)] = 1 + max((depths[id(child)] for child in _children(node)), default=0)
        elif id(node) not in sizes:
            sizes[id(node)] = -1
            stack.append((node, True))
            stack.extend((child, False) for child in _children(node))
        elif sizes[id(node)] < 0:
            diagnostics.error("not-json", "An alias stands for a value that holds it.", _place(node, file))
            return False
    if depths[id(root)] > _DEEPEST + 1:
        message = f"With its aliases the YAML is nested more than {_DEEPEST} levels deep."
        diagnostics.error("yaml-syntax", message, Place(file, 1))
        return False
    if sizes[id(root)] > _MOST_VALUES:
        message = f"The aliases stand for {sizes[id(root)]:,} values; at most {_MOST_VALUES:,} are read."
        diagnostics.error("not-json", message, Place(file, 1))
        return False
    return True


def _check_keys(node: yaml.MappingNode, file: str, diagnostics: Diagnostics) -> bool:
    seen: dict[str, int] = {}
    sound = True
    for key, _ in node.value:
        place = _place(key, file)
        if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith((":str", ":merge")):
            text = repr(key.value) if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            diagnostics.error("bad-type", f"A key must be text, not {text}.", place, "quote the key.")
            sound = False
        elif key.value in seen and not key.tag.endswith(":merge"):
            first = seen[key.value]
            diagnostics.error(
                "duplicate-key", f'"{key.value}" is already set in line {first}.', place, "keep one of the two."
            )
            sound = False
        elif isinstance(key.value, str):
            seen[key.value] = place.line
    return sound


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Yield each node once, in file order; an alias is not entered again."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(reversed(_children(node)))


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return []


def _place(node: yaml.Node, file: str) -> Place:
    start, end = node.start_mark, node.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Place(file, start.line + 1, start.column + 1, max(width, 1))


def _place_of_index(text: str, file: str, index: int) -> Place:
    breaks = list(LINE_BREAK.finditer(text, 0, index))
    start = breaks[-1].end() if breaks else 0
    return Place(file, len(breaks) + 1, index - start + 1)


def _report_syntax(error: yaml.MarkedYAMLError, file: str, text: str, diagnostics: Diagnostics) -> None:
    slip = find_slip(error, text, Loader)
    diagnostics.error("yaml-syntax", slip.message, Place(file, slip.line + 1, slip.column + 1), slip.hint)
