"""What the user reads about the faults that the reader of CWL finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reana_batch.diagnostics import Hint, suggestion
from reana_batch.frontends.cwl.records import Fault


class _Message(NamedTuple):
    """A code, a sentence with the words of the fault as fields, and the advice."""

    code: str
    text: str
    hint: str = ""
    known: int = 0  # the words from this one on are the names that exist; 0 if there are none
    warning: bool = False


MESSAGES: Mapping[str, _Message] = {
    "document": _Message("bad-workflow", "{0}"),
    "missing-document": _Message("missing-file", '"{0}" does not exist, or cannot be read.'),
    "no-part": _Message("unknown-reference", '"{0}" has no part "{1}".', known=2),
    "no-main": _Message(
        "unknown-reference", '"{0}" has several parts, and none is called main.', "name one of them: {0}#{1}."
    ),
    "not-cwl": _Message("bad-workflow", "This is not a CWL document: {0}"),
    "version": _Message("bad-workflow", 'CWL has no version "{0}".', known=1),
    "missing-input": _Message("undefined-parameter", "The workflow needs the input {0}."),
    "bad-input": _Message("bad-type", "Input {0} does not fit: {1}"),
    "unused-input": _Message("unused-parameter", 'The workflow has no input "{0}".', known=1, warning=True),
    "missing-file": _Message("input-missing", '"{0}" does not exist.'),
    "outside": _Message(
        "input-path",
        '"{0}" is outside of the analysis, so that the run does not have it.',
        "copy it into the analysis and declare it as an input, or give this input a value.",
    ),
    "no-field": _Message("unknown-key", 'CWL has no field "{0}" here.', known=1),
    "no-output": _Message("unknown-reference", 'The tool of this step has no output "{0}".', known=1),
    "unsupported": _Message("unsupported", "reana-batch cannot run this: {0}"),
    "target": _Message("step-range", 'The workflow has no output, step or input "{0}".', known=1),
    "no-target": _Message("step-range", 'TARGET is "{0}", but the document is a single tool.', "leave out TARGET."),
    "expression": _Message("bad-workflow", "{0}"),
    "error": _Message("bad-workflow", "cwltool cannot read this: {0}"),
}


def sentence(fault: Fault) -> tuple[str, str, Hint, bool]:
    """Return the code of a fault, its sentence and its advice, and whether it is only a warning."""
    message = MESSAGES[fault.kind]
    words = [*fault.words, "", ""]
    hint: Hint = message.hint.format(*words)
    if message.known:
        known = fault.words[message.known :]
        hint = suggestion(fault.words[message.known - 1], known, _names(known))
    return message.code, message.text.format(*words), hint, message.warning


def _names(known: list[str]) -> str:
    """Return the advice that names what exists, if it is not much."""
    return f"there is {', '.join(known)}." if 0 < len(known) <= _MOST_NAMES else ""


# The most names that an advice lists.
_MOST_NAMES = 8
