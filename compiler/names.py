"""Names that are safe in each language that we write, and that can be read back.

A step's name becomes part of file names, make targets, DAG nodes and Slurm job names. ``encode``
keeps letters, digits, ``_`` and ``-``, and writes every other byte as ``~`` and two hex digits. So ``.`` and ``/``
are free for our own suffixes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]|^-")
_ESCAPED = re.compile(rb"~([0-9a-f]{2})")


def encode(text: str) -> str:
    """Return ``text`` as a word of ``[A-Za-z0-9_~-]``. It is never empty and does not start with ``-``."""
    if _SAFE.fullmatch(text):
        return text
    safe = _UNSAFE.sub(lambda match: b"~%02x" % match[0][0], text.encode("utf-8"))
    return safe.decode("ascii") or "~"


def of_label(label: str) -> str:
    """Return a safe name for the steps of a label whose parts a slash divides. Different labels can have the same."""
    return "-".join(map(encode, label.split("/")))


def rests(names: Iterable[str]) -> Iterator[str]:
    """Yield names for expansions of what has these names: fit.rest, fit.rest2, ... A step has only a number after a dot."""
    seen = Counter[str]()
    for name in names:
        seen[name] += 1
        yield f"{name}.rest" if seen[name] == 1 else f"{name}.rest{seen[name]}"


def numbered(names: Sequence[str]) -> list[str]:
    """Return the names. Those that occur several times get a number: fit.1, fit.2, ... A single one stays "fit"."""
    count, seen = Counter(names), Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name}.{seen[name]}" if count[name] > 1 else name)
    return found


def decode(name: str) -> str:
    """Return the text that :func:`encode` made ``name`` from."""
    if name == "~":
        return ""
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), name.encode("ascii")).decode("utf-8")
