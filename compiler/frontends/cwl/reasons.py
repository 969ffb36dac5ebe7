"""cwltool's reasons in one sentence: the place in a document, the step, and the words."""

from __future__ import annotations

import re

# What cwltool writes before its reasons: the job, and the function that fails.
_BEFORE = re.compile(
    r"(\[[^\]]*\] )?(Job error:|Cannot make (scatter )?job:|Failed to evaluate expression:|Invalid job input record:"
    r"|Exception while running job:|Expression evaluation error:)\s*"
)
_PLACE = re.compile(r"(?:^|(?<=\s))([^\s:]+:\d+:\d+):(?:\s+|$)")
# cwltool repeats the whole program around an error of JavaScript.
_PROGRAM = re.compile(r"(Returncode was|script was|stdout was):.*", re.DOTALL)
_JAVASCRIPT = re.compile(r"^\s*(?:Uncaught )?(\w*Error: .+?)\s*$", re.MULTILINE)
# More words than these are not a sentence.
_LONGEST = 1000


def sentence(text: str, label: str = "", place: str = "") -> str:
    """Return cwltool's reason in one line. ``place`` is that of the step. A text without a place gets it."""
    places = _PLACE.findall(text)
    plain = _PLACE.sub("", "\n".join(each.strip() for each in text.splitlines()))
    plain = _BEFORE.sub("", plain)
    thrown = _JAVASCRIPT.search(plain) if _PROGRAM.search(plain) else None
    if thrown:
        plain = f"the expression throws {thrown[1]}"
    words = " ".join(plain.split())[:_LONGEST]
    parts = [places[-1] if places else place, f"step {label}" if label else "", words]
    return ": ".join(each for each in parts if each)
