"""Where the user's document has what cwltool names without a place: an expression that fails, an output that is wrong.

The place is put before the text of the exception, as cwltool does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cwl_utils import expression
from cwltool.errors import WorkflowException
from cwltool.process import shortname
from ruamel.yaml.comments import CommentedBase
from schema_salad.sourceline import SourceLine

# A node of a document, or the document.
Node = Any

# How a message about the outputs of a command names the first of them, and what it says of it.
_MISSING = re.compile(r"[Mm]issing required field '(?P<name>[^']+)'")
_WRONG = re.compile(
    r"the '(?P<name>[^']+)' field is not valid because\s+(?P<why>.*?)(?=\n\s*\* the '|\n in \{|\Z)", re.DOTALL
)


@contextmanager
def placed(document: Node) -> Iterator[None]:
    """Let each expression that fails name its place in the document."""
    before = expression.do_eval

    def evaluate(text: Any, *arguments: Any, **more: Any) -> Any:
        try:
            return before(text, *arguments, **more)
        except WorkflowException as error:
            raise WorkflowException(f"{place_of(document, text)} {error}".strip()) from error

    expression.do_eval = evaluate  # type: ignore[assignment]  # cwltool looks the name up for each expression
    try:
        yield
    finally:
        expression.do_eval = before


def place_of(document: Node, text: str) -> str:
    """Return ``FILE:LINE:COLUMN:`` of a text, or nothing if that is not certain.

    cwltool evaluates the object that is in the document. Another text can be equal to it.
    """
    places = list(_places(document, text))
    same = {place for place, found in places if found is text}
    return next(iter(same)) if len(same) == 1 else ""


def _places(node: Node, text: str) -> Iterator[tuple[str, str]]:
    """Yield the place of each text that is equal to ``text``, and the text."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in parts:
        if isinstance(part, str):
            if part == text and isinstance(node, CommentedBase):
                yield SourceLine(node, key).makeLead(), part
        else:
            yield from _places(part, text)


def output_error(error: WorkflowException, ports: Sequence[Node]) -> WorkflowException:
    """Return the error with the place of the output that it is about, if it names one."""
    found = _WRONG.search(str(error)) or _MISSING.search(str(error))
    names = [shortname(str(port["id"])) for port in ports]
    if found is None or found["name"] not in names:
        return error
    place = SourceLine(ports, names.index(found["name"])).makeLead()
    why = f"does not fit: {found['why']}" if "why" in found.groupdict() else "is missing."
    return WorkflowException(f"{place} Output {found['name']} {why}")
