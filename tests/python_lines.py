"""Which lines and branches of Python the tests run.

``make coverage`` sets ``TRACE_PYTHON`` to a folder. coverage.py then measures the processes that run tests, the commands
that they fork (see :mod:`tests.golden.forked`), and the processes that get :func:`variables`. Not all do: each that does
starts twice as slowly, and most run again what another test has run in its own process.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import tempfile
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
from coverage.exceptions import CoverageWarning

ROOT = Path(__file__).resolve().parents[1]
# The share of lines and branches, in percent, that the tests have to run.
FLOOR = 95
# Where tests do not get, and why.
TABLE = ROOT / "tests/uncovered.toml"
_VARIABLE = "TRACE_PYTHON"
_TO_PROCESSES = "COVERAGE_PROCESS_CONFIG"  # by which coverage.py starts in a process
_variables: dict[str, str] = {}


def folder() -> Path | None:
    """Return where the measurements are kept, if they are wanted."""
    return Path(os.environ[_VARIABLE]) if _VARIABLE in os.environ else None


def begin() -> None:
    """Measure this process from here on, if that is wanted. The first one deletes old measurements."""
    kept = folder()
    if kept is None:
        return
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
    measuring = coverage.Coverage(
        data_file=str(kept / "data"), data_suffix=True, config_file=str(ROOT / "pyproject.toml")
    )
    measuring.start()
    # A process that a test starts is not measured because this one is.
    _variables[_TO_PROCESSES] = os.environ.pop(_TO_PROCESSES)


def variables() -> Mapping[str, str]:
    """Return the variables with which a process is measured, and those that it starts; none if nothing is."""
    return _variables


def save() -> None:
    """Keep what was measured in this process, or in this fork of a process."""
    if measuring := coverage.Coverage.current():
        measuring.stop()
        measuring.save()


@dataclass(frozen=True)
class Share:
    """How much of the package was run."""

    percent: float
    size: int  # lines and branches
    left: Mapping[str, str]  # FILE FUNCTION -> what of it was not run
    reasons: Mapping[str, str]  # FILE FUNCTION -> why no test runs all of it

    @property
    def unnamed(self) -> list[str]:
        """What was not run without a reason."""
        return sorted(self.left.keys() - self.reasons.keys())

    @property
    def stale(self) -> list[str]:
        """What was run although there is a reason why not."""
        return sorted(self.reasons.keys() - self.left.keys())

    @property
    def is_enough(self) -> bool:
        return self.percent >= FLOOR

    def __str__(self) -> str:
        told = "" if self.percent >= FLOOR else "FAILED "  # as tests/all.py looks for
        told += (
            f"{self.percent:.1f} % of {self.size} lines and branches of Python are run by the tests (floor: {FLOOR} %)"
        )
        told += "".join(f"\nthe tests run all of {each}, which tests/uncovered.toml names" for each in self.stale)
        told += "".join(f"\nno test runs all of {each}: {self.left[each]}" for each in self.unnamed)
        others = len(self.left) - len(self.unnamed)
        return f"{told}\ntests/uncovered.toml has the reason for {others} other function{'' if others == 1 else 's'}"


@functools.cache
def share(kept: Path) -> Share:
    """Return how much was run, by the measurements in a folder."""
    found = _report(kept)
    left = {
        f"{file} {name or '(module)'}": said
        for file, of_file in found["files"].items()
        for name, of_function in of_file["functions"].items()
        if (said := missing(of_function))
    }
    total = found["totals"]
    return Share(total["percent_covered"], total["num_statements"] + total["num_branches"], left, reasons(TABLE))


def _report(kept: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "report.json"
        data = str(Path(made) / "data")
        combined = coverage.Coverage(data_file=data, config_file=str(ROOT / "pyproject.toml"), messages=False)
        with warnings.catch_warnings():
            # A test may kill a process while it writes.
            warnings.simplefilter("ignore", CoverageWarning)
            combined.combine([str(kept)], keep=True)
        combined.json_report(outfile=str(file))
        answer: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return answer


def missing(found: Mapping[str, Any]) -> str:
    """Return what of a function was not run: its lines, and the branches between lines that were."""
    lines = found["missing_lines"]
    branches = [(start, end) for start, end in found["missing_branches"] if not {start, end} & set(lines)]
    return ", ".join([*_ranges(lines), *(f"{start}->{end if end > 0 else 'end'}" for start, end in branches)])


def _ranges(lines: list[int]) -> list[str]:
    """Return lines as ranges of those that follow each other."""
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return [str(start) if start == end else f"{start}-{end}" for start, end in found]


def reasons(table: Path) -> dict[str, str]:
    """Return the table as FILE FUNCTION -> reason."""
    rows = tomllib.loads(table.read_text("utf-8")).get("left", [])
    return {f"{row['file']} {name}": row["reason"] for row in rows for name in row["functions"]}
