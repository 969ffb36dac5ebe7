"""cwltool's reasons in one sentence: the place in a document, the step, and the words."""

from __future__ import annotations

import re

# What cwltool writes before its reasons: the job, and the function that fails.
_BEFORE = re.compile(
    r"(\[[^\]]*\] )?(Job error:|Cannot make (scatter )?job:|Failed to evaluate expression:|Invalid job input record:"
    r"|Exception while running job:)\s*"
)
_PLACE = re.compile(r"(?:^|(?<=\s))([^\s:]+:\d+:\d+):(?:\s+|$)")
# What cwltool writes before the reason why an expression fails. Places that follow are not those of the expression.
_EXPRESSION = "Expression evaluation error:"
# cwltool repeats the whole program around an error of JavaScript.
_PROGRAM = re.compile(r"\b(returncode was|script was|Javascript expression was):.*", re.DOTALL | re.IGNORECASE)
_STDERR = re.compile(r"\bstderr was:\s*'?(.*?)'?\s*$", re.DOTALL)
_JAVASCRIPT = re.compile(r"^\s*(?:Uncaught )?(\w*Error: .+?)\s*$", re.MULTILINE)
# What the program writes if it is JSON, but the expression returns nothing.
_NOTHING = "Expecting value:"
# More words than these are not a sentence.
_LONGEST = 1000


def sentence(text: str, label: str = "", place: str = "") -> str:
    """Return cwltool's reason in one line. ``place`` is that of the step. A text without a place gets it."""
    before, of_expression, _ = text.partition(_EXPRESSION)
    places = _PLACE.findall(before)
    plain = expression(text) if of_expression else _BEFORE.sub("", _without_places(text))
    words = " ".join(plain.split())[:_LONGEST]
    parts = [places[-1] if places else place, f"step {label}" if label else "", words]
    return ": ".join(each for each in parts if each)


def _without_places(text: str) -> str:
    """Return a text of cwltool's without the places, which can be in each of its lines."""
    return _PLACE.sub("", "\n".join(each.strip() for each in text.splitlines()))


def expression(text: str) -> str:
    """Return why an expression fails, as cwltool's ``text`` says it, in one line."""
    text = _without_places(text).rpartition(_EXPRESSION)[2]
    found = _PROGRAM.search(text)
    why = " ".join(_PROGRAM.sub("", text).split()).removesuffix(":")
    if found and (not why or why.startswith(_NOTHING)):
        why = _thrown(found[0])
    return f"This expression fails: {why}" if why else "This expression has no value."


def _thrown(program: str) -> str:
    """Return what an expression throws. It is empty if the expression only returns nothing."""
    stderr = _STDERR.search(program)
    said = stderr[1].strip() if stderr else ""
    error = _JAVASCRIPT.search(said)
    return error[1] if error else " ".join(said.split())
