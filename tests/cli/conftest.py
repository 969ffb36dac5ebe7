"""The real command in a process of its own, and an analysis that it works on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import python_lines

PROGRAM = Path(sys.executable).with_name("reana-batch")

HELLO = """\
inputs:
  files: [names.txt]
workflow:
  type: serial
  specification:
    steps:
      - name: greet
        environment: docker.io/library/debian:12-slim
        commands:
          - sed 's/^/Hello /' names.txt > greetings.txt
outputs:
  files: [greetings.txt]
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Tool:
    """``reana-batch`` in the directory of an analysis, with its own environment."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *args: str, **changes: str) -> subprocess.Popen[str]:
        """Start the command. ``changes`` are variables of its environment."""
        return subprocess.Popen(
            [PROGRAM, *args],
            cwd=self.directory,
            env=self.environment | changes,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *args: str, **changes: str) -> Ended:
        """Return how the command ended, after a check that it printed no traceback."""
        with self.start(*args, **changes) as process:
            stdout, stderr = process.communicate()
        assert "Traceback" not in stderr, stderr
        return Ended(process.returncode, stdout, stderr)

    def write(self, path: str, text: str) -> Path:
        """Write a file of the analysis."""
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        return target

    def write_steps(self, **commands: str) -> None:
        """Write a reana.yaml of these steps, with one command each."""
        steps = "".join(
            f"      - name: {name}\n        environment: debian:12\n        commands:\n          - |\n"
            + "".join(f"            {line}\n" for line in command.splitlines())
            for name, command in commands.items()
        )
        self.write("reana.yaml", f"workflow:\n  type: serial\n  specification:\n    steps:\n{steps}")

    def files(self) -> dict[str, bytes | None]:
        """Return everything below the directory by relative path. Directories have the value None."""
        found = self.directory.rglob("*")
        return {str(p.relative_to(self.directory)): p.read_bytes() if p.is_file() else None for p in found}


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of compiled modules: kept between starts, and outside the checkout."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def empty(tmp_path: Path, bytecode: Path) -> Tool:
    """Return the tool in an empty directory. The user has no configuration."""
    for name in ("analysis", "home"):
        (tmp_path / name).mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "200",
        "PYTHONPYCACHEPREFIX": str(bytecode),
        **python_lines.variables(),
    }
    return Tool(tmp_path / "analysis", environment)


@pytest.fixture
def hello(empty: Tool) -> Tool:
    """Return the tool in a directory with an analysis of one step."""
    empty.write("reana.yaml", HELLO)
    empty.write("names.txt", "Ann\nBob\n")
    return empty


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, bytecode: Path) -> Path:
    """Return a directory of runs with one finished run, ``done.1``. Tests copy it and do not change it."""
    directory = tmp_path_factory.mktemp("finished")
    own = {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPYCACHEPREFIX": str(bytecode)}
    tool = Tool(directory, {**own, **python_lines.variables()})
    tool.write("reana.yaml", HELLO)
    tool.write("names.txt", "Ann\nBob\n")
    ended = tool.run("run", "--runs", "runs", "-w", "done")
    assert ended.code == 0, ended.stderr
    return directory / "runs"
