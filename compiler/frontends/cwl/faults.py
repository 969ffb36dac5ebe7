"""What cwltool says about a faulty document, as faults with a place and a plain sentence each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from cwltool.process import shortname

from reana_batch.frontends.cwl.locations import FILE, path_of
from reana_batch.frontends.cwl.reasons import expression
from reana_batch.frontends.cwl.records import Fault

Place = tuple[str, int, int]


class Faulty(Exception):
    """The workflow has faults."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(f"{each.kind}: {' '.join(each.words)}" for each in faults))
        self.faults = faults


class Places:
    """The places of a document, with names of files relative to the analysis."""

    def __init__(self, analysis: str, *, frozen: bool = False) -> None:
        self._analysis = analysis
        self._frozen = frozen  # a frozen document has these names already

    def name(self, file: str) -> str:
        """Return the path of a file relative to the analysis. A file elsewhere has its whole path."""
        if file.startswith(FILE):
            file = path_of(file)
        if "://" in file or not self._analysis:
            return file
        path = os.path.abspath(file)
        relative = os.path.relpath(path, self._analysis)
        return path if relative.startswith("../") else relative

    def of(self, node: Any, key: str | int | None = None) -> Place:
        """Return the place of a node of a document, or of the value under one of its keys or indexes."""
        lc = getattr(node, "lc", None)
        if lc is None or not getattr(lc, "filename", ""):
            return "", 1, 1
        data = lc.data or {}
        line, column = data[key][:2] if key in data else (lc.line or 0, lc.col or 0)
        return (lc.filename if self._frozen else self.name(lc.filename)), line + 1, column + 1

    def item(self, nodes: Any, name: str) -> Place:
        """Return the place of the parameter or step with this short name, in a list of a document."""
        numbers = (number for number, each in enumerate(nodes) if shortname(str(each.get("id", ""))) == name)
        number = next(numbers, None)
        if number is None:
            return self.of(nodes)
        data = getattr(getattr(nodes, "lc", None), "data", None) or {}
        return self.of(nodes, number) if number in data else self.of(nodes[number])

    def faults(self, error: BaseException) -> list[Fault]:
        """Return the faults that the text of an error of cwltool's has. There is one at least."""
        text = f"{type(error).__name__}: {error}" if isinstance(error, LookupError | TypeError) else str(error)
        said = list(_leaves(_lines(text))) or [_Line(None, 0, type(error).__name__)]
        found = [self._fault(each) for each in said]
        return list({(each.place, each.kind, *each.words): each for each in found}.values())

    def _fault(self, line: _Line) -> Fault:
        place = (self.name(line.place[0]), *line.place[1:]) if line.place else None
        text = " ".join(line.text.split())
        for pattern, make in _SENTENCES:
            match = pattern.search(text)
            if match:
                kind, words = make(match)
                return Fault(kind, place, "", words)
        return Fault("document", place, "", [_sentence(text)])


def expression_fault(error: BaseException, place: Place) -> Fault:
    """Return the fault of an expression that cannot be evaluated."""
    return Fault("expression", place, "", [_sentence(expression(str(error) or type(error).__name__))])


# The most characters of a message of cwltool's that are shown.
_LONGEST = 300


# --- cwltool's texts -----------------------------------------------------------------------------


class _Line(NamedTuple):
    """A message, how deep it is in the tree of messages, and its place."""

    place: Place | None
    depth: int
    text: str


_PREFIX = re.compile(r"^\s*((?:\S+?|file:.+?)):(\d+):(\d+):(\s*)(.*)$")

# How the second half of a sentence begins, which has a place of its own.
_SECOND = ("with sink", "tool output", "with link", "source has", "source is", "Source is", "scattered but")

# What only repeats the way to a message.
_WAY = re.compile(r"^(checking (field|object|item)|while (parsing|constructing|scanning)|tried )|\bbecause$")


def _lines(text: str) -> list[_Line]:
    """Return the messages of a text. A line without a place continues the one before it."""
    found: list[_Line] = []
    for raw in text.splitlines():
        match = _PREFIX.match(raw)
        content = re.sub(r"^(\*|-)\s+", "", match[5] if match else raw.strip()).strip()
        if not content:
            continue
        if match:
            place = (match[1], int(match[2]), int(match[3]))
            if found and (content.startswith(_SECOND) or _goes_on(found[-1], place, match[5])):
                found[-1] = found[-1]._replace(text=f"{found[-1].text} {content}")
            else:
                found.append(_Line(place, len(match[4]), content))
        elif found:
            before = "" if _WAY.search(found[-1].text) else f"{found[-1].text} "
            found[-1] = found[-1]._replace(text=before + content)
        else:
            found.append(_Line(None, -1, content))
    return found


def _goes_on(line: _Line, place: Place, text: str) -> bool:
    """Return whether a line with a place is the next one of a message. cwltool gives each line the place."""
    return line.place == place and not text.startswith(("*", "- ")) and not _WAY.search(line.text)


def _leaves(lines: Sequence[_Line]) -> Iterator[_Line]:
    """Yield the messages that no deeper one explains."""
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        way = _WAY.search(line.text)
        if following is not None and following.depth > line.depth:
            continue
        if following is not None and line.place is None and following.place is not None:
            continue
        if not way or following is None:
            yield line


def _sentence(text: str) -> str:
    text = re.split(r",? tried:? |\s+Tried ", text)[0].strip()[:_LONGEST].rstrip()
    text = re.sub(r"\bfile://\S*/([^/\s]+)", r"\1", text)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _last(name: str) -> str:
    """Return the end of an identifier."""
    return name.rpartition("#")[2].rpartition("/")[2] or name


def _words(text: str) -> list[str]:
    return [_last(each.strip(" '\"")) for each in text.split(",") if each.strip()]


_SENTENCES: list[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, list[str]]]]] = [
    (
        re.compile(r"Field 'class' contains undefined reference to '(\S+)'"),
        lambda match: ("document", [f'CWL has no class "{_last(match[1])}".']),
    ),
    (
        re.compile(r"Field '(\w+)' contains undefined reference to '(\S+)'"),
        lambda match: ("document", [f'{match[1]} names "{_last(match[2])}", which does not exist.']),
    ),
    (
        re.compile(r"Field '(\w+)' references unknown identifier '([^']+)'"),
        lambda match: ("document", [f'{match[1]} names "{match[2]}", which does not exist.']),
    ),
    (
        re.compile(r"invalid field '([^']+)', expected one of:? (.*)$"),
        lambda match: ("no-field", [_last(match[1]), *_words(match[2])]),
    ),
    (
        re.compile(r"[Mm]issing required field '([^']+)'"),
        lambda match: ("document", [f'The field "{match[1]}" is missing.']),
    ),
    (
        re.compile(r"Step is missing required parameters? (.*)$"),
        lambda match: ("document", [f"The step gives no value to {', '.join(_words(match[1]))} of its tool."]),
    ),
    (
        re.compile(r"Workflow step output '([^']+)' does not correspond to.*\(expected (.*)\)"),
        lambda match: ("no-output", [match[1], *_words(match[2])]),
    ),
    (
        re.compile(r"Missing required secondary file '([^']+)' from file object: .*?\"basename\": \"([^\"]+)\""),
        lambda match: ("document", [f'The secondary file "{match[1]}" of "{match[2]}" is missing.']),
    ),
    (
        re.compile(r"Expected value of '([^']+)' to have format (.+?) but (.*?)(?:: \{|$)"),
        lambda match: ("document", [f"{match[1]} must have the format {match[2]}, but {match[3]}."]),
    ),
    (
        re.compile(r"Unsupported requirement:? '?(\S+?)'?\.?$"),
        lambda match: ("unsupported", [f"the requirement {_last(match[1])}."]),
    ),
]
