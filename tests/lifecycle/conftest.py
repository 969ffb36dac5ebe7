"""A user at one machine: a folder with analyses, and the real command line with its runs below the folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import python_lines
from tests.golden.forked import Ended, Forked

Process = subprocess.Popen[str]
_PATIENCE = 240  # seconds until a test gives up; no test measures a time


@dataclass
class Desk:
    """A folder, and the commands that run in it."""

    path: Path
    forked: Forked
    background: list[Process] = field(default_factory=list)

    def write(self, name: str, text: str | bytes) -> Path:
        """Put a file into the folder and return its path."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        return target

    def read(self, name: str) -> str:
        """Return the text of a file in the folder."""
        return (self.path / name).read_text("utf-8")

    def __call__(self, *words: str, exits: int = 0, env: Mapping[str, str] | None = None) -> Ended:
        """Run a command to its end. Check its exit code, and that it shows no Python traceback."""
        done = self.forked.run(list(words), self.path, environment(**(env or {})))
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert done.code == exits, f"exit code {done.code}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *words: str, exits: int = 0) -> dict[str, Any]:
        """Return the JSON object that a command prints."""
        answer: dict[str, Any] = json.loads(self(*words, "--json", exits=exits).stdout)
        assert answer["schema_version"] == 1
        return answer

    def start(self, *words: str, env: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL) -> Process:
        """Start a command and leave it running. The end of the test ends it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "reana_batch", *words],
            cwd=self.path,
            env=environment(**python_lines.variables(), **(env or {})),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.background.append(process)
        return process

    def run(self, name: str = "test", *words: str, exits: int = 0) -> Path:
        """Run reana.yaml to its end and return the directory of the run."""
        answer = self.json("run", "-w", name, *words, exits=exits)
        return self.path / str(answer["directory"])

    def state(self, name: str) -> str:
        """Return REANA's word for the state of the run."""
        return str(self.json("status", "-w", name)["status"])

    def close(self) -> None:
        """End the commands that still run. An interrupt makes `run` end its jobs in order."""
        for process in self.background:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=_PATIENCE)


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command: independent of the user, with runs in the folder ``runs``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REANA", "MAKE"))}
    return kept | {"REANA_BATCH_RUNS": "runs", "COLUMNS": "200", "LC_ALL": "C.UTF-8"} | more


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def records(run: Path, ending: str) -> list[str]:
    """Return the records of this kind in a run, as STEP/ROW."""
    return sorted(str(path.relative_to(run / "state").with_suffix("")) for path in run.glob(f"state/**/*.{ending}"))


def serial(*commands: str, **sections: Any) -> str:
    """Return a reana.yaml of further sections and steps s1, s2, ..., with one command each."""
    steps = [
        {"name": f"s{number}", "environment": "docker.io/library/debian:12", "commands": [command]}
        for number, command in enumerate(commands, start=1)
    ]
    # JSON is YAML.
    return json.dumps({"workflow": {"type": "serial", "specification": {"steps": steps}}, **sections})


# A job that runs until a file lets it end. Each start of it adds a line to a file.
ENDLESS = "echo started >> starts.txt; for _ in {1..999}; do [ ! -e go ] || exit 0; sleep 0.1; done; exit 9"


def said(done: Ended, *sentences: str) -> None:
    """Check that a command printed each of these lines on stderr."""
    _demand(done.stderr, sentences)


def answered(done: Ended, *sentences: str) -> None:
    """Check that a command printed each of these lines on stdout."""
    _demand(done.stdout, sentences)


def _demand(text: str, sentences: Sequence[str]) -> None:
    lines = text.splitlines()
    missing = [sentence for sentence in sentences if sentence not in lines]
    assert not missing, f"{missing} not in:\n{text}"


@pytest.fixture(scope="session")
def forked() -> Iterator[Forked]:
    """The command line for many calls."""
    with Forked() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path, forked: Forked) -> Iterator[Desk]:
    """A new folder."""
    made = Desk(tmp_path, forked)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, forked: Forked) -> Desk:
    """A folder for tests that change nothing."""
    return Desk(tmp_path_factory.mktemp("shared"), forked)


@pytest.fixture
def running(desk: Desk) -> Path:
    """A run whose second job is running. A file ``go`` in the workspace lets it end."""
    desk.write("reana.yaml", serial("echo first >> starts.txt", ENDLESS, "echo last >> starts.txt"))
    desk.start("run", "-w", "test", "-j", "2")
    run = desk.path / "runs/test.1"
    until(lambda: records(run, "started") == ["s1/0", "s2/0"])
    until((run / "logs/s2/0.out").exists)
    return run
