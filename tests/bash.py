"""Calls of single functions of the bash parts in ``templates``, with given facts and with stand-ins for programs."""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reana_batch.writing.libraries import LIBRARIES
from tests import bash_lines

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
# The lines that a run reads before it reads a library.
_BEFORE = {
    "node-lib.sh": ("submit-lib.sh",),
    "credentials-lib.sh": ("job-lib.sh",),
    "data/stage-in.sh": ("data/lib.sh",),
    "data/stage-out.sh": ("data/lib.sh",),
}
# The parts that run commands when they are read.
MAINS = frozenset({"job/main", "session/main", "data/stage-in", "data/stage-out"})
FUNCTION = re.compile(r"^(\w+)\(\) ", re.MULTILINE)

Value = str | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class Ended:
    """How a call ended. ``variables`` are the requested ones: a text, a list or a mapping, None if unset."""

    stdout: str
    stderr: str
    code: int
    variables: Mapping[str, Value | None]

    def __getitem__(self, name: str) -> Value | None:
        return self.variables[name]


class Bash:
    """A directory in which functions are called, with a folder of programs that come first in the path."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.programs = directory / "programs"
        self.programs.mkdir()

    def __call__(self, function: str, *words: str, **given: Any) -> Ended:
        """Call a function in a shell that has read its library. The arguments are as for ``run``."""
        return self.run(f"{function} {shlex.join(words)}", part=functions()[function], **given)

    def run(
        self,
        script: str,
        *,
        part: str,
        facts: Mapping[str, Value] | None = None,
        asked: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> Ended:
        """Run a script in a shell that has read the library of a part, and has these facts in variables."""
        names = tuple(asked)
        lines = [
            "set -u",
            *(f". {shlex.quote(str(TEMPLATES / each))}.sh" for each in parts_for(part)),
            *(_declaration(name, value) for name, value in (facts or {}).items()),
            f"trap {shlex.quote(_report(names))} EXIT",
            script,
        ]
        path = f"{self.programs}:{os.environ['PATH']}"
        ended = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=self.directory,
            env={"PATH": path, "HOSTNAME": "here", "REANA_BATCH_PATIENCE": "0", **bash_lines.traced(), **(environment or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        report = self.directory / ".report"
        variables = _values(report.read_text("utf-8")) if report.exists() else {}
        report.unlink(missing_ok=True)
        return Ended(ended.stdout, ended.stderr, ended.returncode, {name: variables.get(name) for name in names})

    def program(self, name: str, script: str = "") -> None:
        """Install a program that notes its call and then runs this script."""
        text = f'#!/bin/bash\nprintf "%s\\n" "${{0##*/}} $*" >>{shlex.quote(str(self.directory / "calls"))}\n{script}\n'
        (self.programs / name).write_text(text, "utf-8")
        (self.programs / name).chmod(0o755)

    def calls(self, name: str) -> list[str]:
        """Return the arguments of each call of a program, and forget none."""
        calls = self.directory / "calls"
        lines = calls.read_text("utf-8").splitlines() if calls.exists() else []
        return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == name]

    def write(self, path: str, text: str = "") -> None:
        (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).write_text(text, "utf-8")

    def read(self, path: str) -> str:
        return (self.directory / path).read_text("utf-8")

    def has(self, path: str) -> bool:
        return (self.directory / path).exists()

    def record(self, path: str) -> dict[str, str]:
        """Return a record below ``state``."""
        return dict(line.split("=", 1) for line in self.read(f"state/{path}").splitlines())


@functools.cache
def functions() -> Mapping[str, str]:
    """Return the part of each function."""
    parts = dict.fromkeys(part for library in LIBRARIES.values() for part in library)
    return {name: part for part in parts for name in FUNCTION.findall((TEMPLATES / f"{part}.sh").read_text("utf-8"))}


def parts_for(part: str) -> list[str]:
    """Return the parts that are read where a part is used, in their order, without those that run commands."""
    library = next(name for name, parts in LIBRARIES.items() if part in parts)
    read = (*(each for name in _BEFORE.get(library, ()) for each in LIBRARIES[name]), *LIBRARIES[library])
    return [each for each in read if each not in MAINS]


def _declaration(name: str, value: Value) -> str:
    if isinstance(value, str):
        return f"{name}={shlex.quote(value)}"
    if isinstance(value, Mapping):
        return f"declare -A {name}=({' '.join(f'[{shlex.quote(k)}]={shlex.quote(v)}' for k, v in value.items())})"
    return f"{name}=({shlex.join(value)})"


def _report(names: Iterable[str]) -> str:
    """Return bash that writes variables to a file: for each its name, its kind, and its keys and values."""
    return f"""set +u +x
for _name in {" ".join(names)}; do
  declare -p "$_name" >/dev/null 2>&1 || continue
  _kind=$(declare -p "$_name") _kind=${{_kind#declare -}} _kind=${{_kind%% *}}
  declare -n _value=$_name
  printf '%s\\0%s\\0%s\\0' "$_name" "$_kind" "${{#_value[@]}}"
  [[ ${{#_value[@]}} == 0 ]] || {{ printf '%s\\0' "${{!_value[@]}}"; printf '%s\\0' "${{_value[@]}}"; }}
  unset -n _value
done >.report"""


def _values(report: str) -> dict[str, Value]:
    words = iter(report.split("\0")[:-1])
    found: dict[str, Value] = {}
    for name in words:
        kind, count = next(words), int(next(words))
        keys = [next(words) for _ in range(count)]
        values = [next(words) for _ in range(count)]
        if "A" in kind:
            found[name] = dict(zip(keys, values, strict=True))
        else:
            found[name] = values if "a" in kind else values[0]
    return found
