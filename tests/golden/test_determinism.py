"""Same input, same bytes: for every user, in every directory and locale."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from .conftest import PLANTED_HOME, PLANTED_USER
from .golden_cases import CASES, GOLDEN, SAMPLE_CASES, STATIC


def _generated(root: Path) -> dict[str, bytes]:
    """Return the files of all runs, inputs included, by path."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.glob("*/*/run/**/*") if p.is_file()}


def test_two_users_get_the_same_bytes(compiled_twice: list[Path]) -> None:
    first, second = map(_generated, compiled_twice)
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_all_of_it_was_compared(compiled: Path) -> None:
    runs = {path.parent.name for path in compiled.glob("*/*/run")}
    refused = {path.parent.name for path in compiled.glob("*/*/stderr")} - runs
    assert runs | refused == {case.name for case in (*CASES, *SAMPLE_CASES)}
    assert len(list(compiled.glob("*/*"))) == len(GOLDEN) + sum(len(case.backends) for case in SAMPLE_CASES)
    assert {case.name for case in SAMPLE_CASES} <= runs


def test_no_trace_of_the_machine_or_the_user(compiled: Path) -> None:
    # Whole words: a host called "vm" does not occur in "vmem".
    words = (str(compiled), PLANTED_USER, PLANTED_HOME, socket.gethostname())
    trace = re.compile(rb"(?<![\w.-])(" + b"|".join(re.escape(word.encode()) for word in words) + rb")(?![\w.-])")
    found = {
        path: match[0]
        for path, content in _generated(compiled).items()
        if not path.endswith(tuple(STATIC)) and (match := trace.search(content))
    }
    assert found == {}
