"""All cases, compiled twice in different surroundings."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from .forked import Forked

ROOT = Path(__file__).parent.parent.parent

# Words that must not reach a generated file. They are too odd to occur on any machine by chance.
PLANTED_USER = "plantedusername"
PLANTED_HOME = "plantedhome"


@dataclass(frozen=True)
class Surroundings:
    """The differences between two users who compile the same analysis."""

    name: str
    hash_seed: int
    timezone: str
    encoding: dict[str, str]

    def environment(self, home: Path) -> dict[str, str]:
        planted = {"USER": PLANTED_USER, "LOGNAME": PLANTED_USER, "HOME": str(home), "TZ": self.timezone}
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": str(self.hash_seed),
            **planted,
            **self.encoding,
        }


SURROUNDINGS = (
    Surroundings("one", 1, "Pacific/Kiritimati", {"LC_ALL": "C.UTF-8"}),
    # Here it is an error to open a file without an encoding, because other locales would change its bytes.
    Surroundings(
        "two",
        4242,
        "America/St_Johns",
        {"LC_ALL": "POSIX", "PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "error::EncodingWarning"},
    ),
)


@pytest.fixture(scope="session")
def compiled_twice(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the directories of two processes that compiled every case and sample.

    All workers of pytest-xdist share them.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "golden"
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            _compile_twice(folder)
            (folder / "complete").touch()
    return [folder / surroundings.name / "compiled" for surroundings in SURROUNDINGS]


def _compile_twice(folder: Path) -> None:
    started = []
    with contextlib.ExitStack() as stack:
        for surroundings in SURROUNDINGS:
            base = folder / surroundings.name
            home = base / PLANTED_HOME
            home.mkdir(parents=True)
            command = [sys.executable, "-m", "tests.golden.golden_cases", str(base / "compiled")]
            stderr = stack.enter_context((base / "stderr").open("wb"))
            environment = surroundings.environment(home)
            process = stack.enter_context(subprocess.Popen(command, cwd=home, env=environment, stderr=stderr))
            started.append((process, base))
    for process, base in started:
        assert process.returncode == 0, (base / "stderr").read_text("utf-8")


@pytest.fixture(scope="session")
def program() -> Iterator[Forked]:
    """The command line for many calls; see :mod:`forked`."""
    with Forked() as forked:
        yield forked


@pytest.fixture(scope="session")
def compiled(compiled_twice: list[Path]) -> Path:
    """Return a directory with BACKEND/CASE for every case; see :meth:`Case.compile`."""
    return compiled_twice[0]
