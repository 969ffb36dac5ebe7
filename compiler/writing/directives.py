"""Change single lines of files that a run has already. The user may have changed the other lines by hand."""

from __future__ import annotations

import re


def with_line(text: str, old: str, new: str, before: str) -> str:
    """Return ``text`` with ``new`` in the place of the last line that begins with the pattern ``old``.

    If there is none, ``new`` comes before the first line that begins with ``before``. Of two lines, batch systems
    follow the last.
    """
    found = [*re.finditer(rf"^{old}[^\n]*", text, re.MULTILINE)]
    if found:
        return text[: found[-1].start()] + new + text[found[-1].end() :]
    after = re.search(rf"^{before}", text, re.MULTILINE)
    place = after.start() if after else len(text)
    return f"{text[:place]}{new}\n{text[place:]}"


def with_fact(script: str, name: str, value: int) -> str:
    """Return a job script in which a fact has another value. A fact that it does not have is not added."""
    found = [*re.finditer(rf"^{name}=[^\n]*", script, re.MULTILINE)]
    return script[: found[-1].start()] + f"{name}={value}" + script[found[-1].end() :] if found else script
