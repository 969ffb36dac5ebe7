"""Find the user's slip that causes a syntax error in YAML, its place, and the advice.

libyaml names the place where it stopped reading, which is often a line or more after the slip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Slip:
    """What is wrong, what to do, and where. Lines and columns count from 0."""

    message: str
    hint: str
    line: int
    column: int
    notes: tuple[tuple[str, int, int], ...] = ()  # further sentences, each with its line and column


# The start of libyaml's message for the most frequent faults. Then our sentence, the advice, and whether the fault
# is at the start of the construct, and not where libyaml stopped.
_SYNTAX = {
    "found character that cannot start any token": ("This character cannot start a value.", "quote the value.", False),
    "mapping values are not allowed": (
        "A second ': ' in one line.",
        "quote the value that holds it, or begin the inner mapping in a new line.",
        False,
    ),
    "found unexpected end of stream": ("This quote is never closed.", "close it.", True),
    "did not find expected ',' or": (
        "This bracket is never closed.",
        "close it, or put a comma between entries.",
        True,
    ),
    "could not find expected ':'": (
        "A key without its ':'.",
        "write key: value, and - value with a space.",
        True,
    ),
    "found undefined alias": ("No anchor has this name.", "quote a value that starts with *.", False),
    "did not find expected alphabetic or numeric": ("* and & begin aliases and anchors.", "quote the value.", False),
    "found unknown escape character": (
        "Double quotes do not know this backslash escape.",
        "write two backslashes, or single quotes.",
        False,
    ),
    "did not find expected key": (
        "This line does not fit the indentation above.",
        "line it up with its neighbours.",
        False,
    ),
    "did not find expected '-' indicator": (
        "This line does not fit the list above.",
        "line it up with its neighbours. An entry begins with a dash and a space.",
        False,
    ),
    "did not find expected <document start>": (
        "This line does not fit the lines above.",
        "line it up with its neighbours.",
        False,
    ),
    "block sequence entries are not allowed": ("A list cannot begin here.", "begin it in a line of its own.", False),
    "but found another document": ("A second YAML document starts here.", "keep one document per file.", False),
}

# A key without the space after its colon, or without the colon. An entry without the space after its dash.
_NO_BLANK = re.compile(r"\s*(?:- +)?(?P<slip>(?P<key>[A-Za-z_]\w*):(?P<value>[^\s:/].*))$")
_NO_COLON = re.compile(r"\s*(?:- +(?=name ))?(?P<slip>(?P<key>[A-Za-z_]\w*) +(?P<value>[^\s=#]*[^\s=#:]))\s*$")
_EQUALS = re.compile(r"\s*(?:- +)?(?P<slip>(?P<key>[A-Za-z_]\w*) *= *(?P<value>\S.*))$")
_NO_DASH_BLANK = re.compile(r"\s*(?P<slip>-(?P<entry>[A-Za-z_\"'].*))$")


def find_slip(error: yaml.MarkedYAMLError, text: str, loader: Any) -> Slip:
    """Return the slip that causes the fault that libyaml found in ``text``."""
    problem = error.problem or "it cannot be read"
    message, hint, at_start = f"This is not YAML: {problem}.", "", False
    for start, known in _SYNTAX.items():
        if problem.startswith(start):
            message, hint, at_start = known
    marks = (error.context_mark, error.problem_mark) if at_start else (error.problem_mark, error.context_mark)
    mark: Any = marks[0] or marks[1]
    if mark is None:
        return Slip(message, hint, 0, 0)
    if text.startswith("\t", mark.index):
        return Slip("A tab cannot indent YAML.", "indent with spaces.", mark.line, mark.column)
    if not at_start and text[mark.index : mark.index + 1] in (",", "]", "}"):
        return Slip(f'No bracket is open before "{text[mark.index]}".', "delete it.", mark.line, mark.column)
    lines = text.splitlines()
    return (
        _quote(lines, text, loader)
        or _missing_blank(problem, mark, lines)
        or Slip(message, hint, mark.line, mark.column)
    )


def _quote(lines: list[str], text: str, loader: Any) -> Slip | None:
    """Return the slip of a misplaced quote: text follows a quoted value in the same line."""
    for token in _tokens(text, loader):
        if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"') and token.end_mark.line < len(lines):
            rest = lines[token.end_mark.line][token.end_mark.column :].strip()
            if rest and rest[0] not in ",]}:#":
                return _quoted(token, rest)
    return None


def _quoted(token: Any, rest: str) -> Slip:
    start, end = token.start_mark, token.end_mark
    if start.line < end.line:
        closing = ("It is closed by the next such quote.", end.line, end.column - 1)
        return Slip("This quote is not closed in its line.", "close it.", start.line, start.column, (closing,))
    if rest[0] == token.style:
        return Slip("Two quoted values without a comma between them.", "put a comma.", end.line, end.column)
    inside = "''" if token.style == "'" else '\\"'
    hint = f"quote all of the value, and write {inside} for a {token.style} in it."
    return Slip("Text follows the end of a quoted value.", hint, end.line, end.column)


def _tokens(text: str, loader: Any) -> Iterator[Any]:
    """Yield the tokens before the fault."""
    try:
        yield from yaml.scan(text, loader)
    except yaml.YAMLError:
        return


def _missing_blank(problem: str, mark: Any, lines: list[str]) -> Slip | None:
    """Return the slip of a line that is almost an entry or a key.

    The line may also be continued by mistake.
    """
    if problem.startswith("could not find expected ':'"):
        return _unlike_yaml(mark.line, lines)
    if not problem.startswith("mapping values are not allowed") or mark.line >= len(lines):
        return None
    line = lines[mark.line]
    if ":" in line[: mark.column]:
        return None  # the line has a ': ' before this one
    above = next((number for number in range(mark.line - 1, -1, -1) if lines[number].strip()), None)
    if above is None:
        return None
    indent = len(line) - len(line.lstrip())
    deeper = Slip("This line is indented deeper than the key above.", "line it up with it.", mark.line, indent)
    return _unlike_yaml(above, lines) or deeper


def _unlike_yaml(number: int, lines: list[str]) -> Slip | None:
    for pattern, sentence, form in (
        (_NO_DASH_BLANK, "An entry of a list needs a space after its dash.", "- {entry}"),
        (_NO_BLANK, "A key needs a space after its colon.", "{key}: {value}"),
        (_EQUALS, "A key needs a colon and a space.", "{key}: {value}"),
        (_NO_COLON, "A key needs a colon and a space.", "{key}: {value}"),
    ):
        found = pattern.match(lines[number]) if number < len(lines) else None
        if found:
            return Slip(sentence, f"write {form.format(**found.groupdict())}", number, found.start("slip"))
    return None
