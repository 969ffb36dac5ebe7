"""The job script's side of the protocol, in Python: it starts the server of a step and runs its commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """How a row ended, and the commands that ran."""

    kind: str
    text: str
    seconds: tuple[int, ...]
    mounts: tuple[tuple[str, ...], ...] = ()
    isolated: bool = False
    script: str = ""


class Driver:
    """A run directory with one step and its server."""

    def __init__(self, run: Path, task: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> None:
        self.run, self.workspace = run, run / "workspace"
        folder = run / "batch/steps/step"
        for each in (folder, self.workspace, run / "state", run / "logs"):
            each.mkdir(parents=True, exist_ok=True)
        (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", "reana_batch.frontends.cwl.worker", "batch/steps/step"],
            cwd=run,
            env={**os.environ, "REANA_WORKSPACE": str(self.workspace), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def row(self, stem: str, request: Mapping[str, Any], place: str = "machine") -> Answer:
        """Run a row."""
        directory = self.run / "state/serving"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        (self.run / "state/request").write_text(json.dumps(request), encoding="utf-8")
        for name in ("out", "err"):
            (self.run / f"logs/{stem}.{name}").parent.mkdir(parents=True, exist_ok=True)
        self._say(f"row {stem} state/request logs/{stem}.out logs/{stem}.err state/serving {place}")
        seen: list[int] = []
        more: dict[str, Any] = {}
        while (line := self._hear()).startswith("run "):
            seen.append(int(line.split()[1]))
            more = self._files(directory)
            code = 0 if place == "image" else self._command(stem, directory, seen[-1])
            self._say(f"exit {code}")
        kind, _, text = line.partition(" ")
        return Answer(kind, text, tuple(seen), **more)

    def _files(self, directory: Path) -> dict[str, Any]:
        mounts = directory / "mounts"
        fields = mounts.read_text(encoding="utf-8").split("\0")[:-1] if mounts.exists() else []
        return {
            "mounts": tuple(tuple(fields[index : index + 3]) for index in range(0, len(fields), 3)),
            "isolated": (directory / "isolated").exists(),
            "script": (directory / "command").read_text(encoding="utf-8"),
        }

    def _command(self, stem: str, directory: Path, seconds: int) -> int:
        with (self.run / f"logs/{stem}.out").open("a") as out, (self.run / f"logs/{stem}.err").open("a") as err:
            limit = ["timeout", str(seconds)] if seconds else []
            command = [*limit, "bash", str(directory / "command")]
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.workspace, check=False
            ).returncode

    def log(self, stem: str, name: str) -> str:
        """Return a log of a row."""
        return (self.run / f"logs/{stem}.{name}").read_text(encoding="utf-8")

    def result(self, base: str, stem: str) -> Any:
        """Return the result of a row."""
        return json.loads((self.workspace / base / f"{stem}.json").read_bytes())

    def _say(self, line: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()

    def _hear(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().rstrip("\n")
