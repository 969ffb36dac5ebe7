"""The measurement of which Python the tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests import python_lines

# A process that runs tests. It forks, starts a process that is measured, and one that is not.
TESTS = """
import os, subprocess, sys
from tests import python_lines
python_lines.begin()
from reana_batch import layout, names, patterns, printable
patterns.is_pattern("a*")
if os.fork() == 0:
    printable.printable("a")
    python_lines.save()
    os._exit(0)
os.wait()
def start(text, environment):
    subprocess.run([sys.executable, "-c", "from reana_batch import names; " + text], check=True, env=environment)
start("names.encode('a'); names.encode('a b')", os.environ | python_lines.variables())
start("names.decode('a')", os.environ)
python_lines.save()
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What these processes leave, and what one leaves that is killed while it writes."""
    folder = tmp_path_factory.mktemp("measured") / "kept"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"TRACE_PYTHON": str(folder)}
    subprocess.run([sys.executable, "-c", TESTS], cwd=python_lines.ROOT, env=environment, check=True)
    (folder / "data.here.pid1.cut").write_bytes(b"SQLite")
    (folder / "data.here.pid2.cut").write_bytes(b"SQLite format 3\0" + bytes(5000))
    return folder


@pytest.mark.parametrize(
    ("function", "is_run"),
    [
        ("patterns.py is_pattern", True),
        ("printable.py printable", True),
        ("names.py encode", True),
        ("names.py decode", False),
        ("api.py compile_workflow", False),
    ],
)
def test_a_process_its_forks_and_the_processes_that_are_told_so_are_measured(
    kept: Path, function: str, is_run: bool
) -> None:
    share = python_lines.share(kept)
    assert (f"compiler/{function}" not in share.left) == is_run
    assert 0 < share.percent < 50


def test_the_table_names_functions_that_exist_and_says_why_for_each(kept: Path) -> None:
    named = python_lines.reasons(python_lines.TABLE)
    assert set(named) <= set(python_lines.share(kept).left)  # these processes run next to nothing
    assert all(reason.endswith(".") for reason in named.values())


SHARE = python_lines.Share(
    float(python_lines.FLOOR), 1000, {"a.py f": "3-4", "a.py g": "9->12"}, {"a.py f": "It needs a full disk."}
)


def test_what_no_test_runs_is_told_unless_the_table_has_a_reason() -> None:
    assert str(SHARE).splitlines() == [
        f"{python_lines.FLOOR}.0 % of 1000 lines and branches of Python are run by the tests (floor: {python_lines.FLOOR} %)",
        "no test runs all of a.py g: 9->12",
        "tests/uncovered.toml has the reason for 1 other function",
    ]


def test_too_little_fails_and_a_reason_that_has_gone_is_told() -> None:
    assert SHARE.is_enough
    little = replace(SHARE, percent=python_lines.FLOOR - 0.1)
    assert not little.is_enough
    assert str(little).startswith("FAILED ")
    stale = replace(SHARE, left={})
    assert stale.is_enough  # what needs a race is run in some runs only
    assert "\nthe tests run all of a.py f, which tests/uncovered.toml names\n" in str(stale)


def test_lines_are_told_as_ranges_and_branches_only_between_lines_that_are_run() -> None:
    found = {"missing_lines": [3, 4, 7], "missing_branches": [[2, 3], [8, -1], [9, 12]]}
    assert python_lines.missing(found) == "3-4, 7, 8->end, 9->12"
