"""Runs the examples of a page in order, as the user alice on a machine of her own."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ..golden.forked import Forked
from .pages import ROOT

HOME = "/home/alice"
_TOOLS = ("sbatch", "squeue", "scancel", "scontrol", "condor_submit_dag", "condor_q", "condor_rm", "apptainer")

# Text that differs from run to run, and what the manual shows instead.
_NEUTRAL = (
    (re.compile(r"^\S+  \S+  [\d,]+/[\d,]+ done, [\d,]+ running\n", re.MULTILINE), ""),
    # of a run that goes on, when it has not yet begun
    (re.compile(r"^\S+  (\S+)  [\d,]+/[\d,]+ done, [\d,]+ failed\n(?=(?:\S.*\n)*?\S+  \1  )", re.MULTILINE), ""),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"), "2026-11-22T09:21:19"),
    # the times of jobs that take less than a second, on any machine
    (re.compile(r"(?<=   )[0-3] s\b"), "0 s"),
    (re.compile(r'(?<=seconds": )[0-3](?:\.\d+)?(?=,)'), "0"),
    (re.compile(r"(?<=, on )[\w.-]+(?=:$)", re.MULTILINE), "node17"),
    (re.compile(r"(?<=^host=).*$", re.MULTILINE), "node17"),
    (re.compile(r"(?<=^started=)\d+$", re.MULTILINE), "1795339279"),
    (re.compile(r"(?<=^ended=)\d+$", re.MULTILINE), "1795339279"),
)


class Sandbox:
    """A home with the samples and with batch systems that answer at once."""

    def __init__(self, root: Path, runner: Forked) -> None:
        self._root = root
        self._runner = runner
        self.directory = root / HOME[1:]
        shutil.copytree(ROOT / "samples", self.directory / "samples", ignore=shutil.ignore_patterns("__pycache__"))
        tools = root / "bin"
        tools.mkdir()
        for tool in _TOOLS:
            (tools / tool).symlink_to(ROOT / "tests/docs/fake-scheduler.sh")
        python = Path(sys.executable).parent
        for program in ("jupyter", "jupyter-server"):  # made by tests/install-jupyter.sh
            (tools / program).symlink_to(python.parent / "jupyter/bin" / program)
        self._environment = {
            "HOME": str(self.directory),
            "PATH": f"{tools}:{python}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            # A terminal that is wide enough for every table, and has no colours.
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "LINES": "100",
            # With this variable, installed Python bindings find no pool, so that the program calls the tools.
            "CONDOR_CONFIG": os.devnull,
        }
        self._code = 0
        self._names: dict[str, object] = {"__name__": "__main__"}

    def evaluate(self, source: str) -> str:
        """Return what Python prints for the lines of one statement. The statements of a page share their names."""
        output = io.StringIO()
        before = dict(os.environ)
        os.environ.update(self._environment)
        try:
            with contextlib.chdir(self.directory), contextlib.redirect_stdout(output):
                exec(compile(source, "<the manual>", "single"), self._names)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return self._shown(output.getvalue())

    def run(self, line: str) -> str:
        """Return what a command line of the manual shows."""
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            self.directory = (self.directory / words[1]).resolve()
            return ""
        if words[0] == "export":
            key, _, value = words[1].partition("=")
            self._environment[key] = value.replace(HOME, f"{self._root}{HOME}")
            return ""
        plain = words[0] == "reana-batch" and not {"|", ">", "2>", "&&", "<<<"} & set(words)
        return self._shown(self._tool(words[1:]) if plain else self._shell(line))

    def answer(self, line: str) -> str:
        """Return what a command line prints on stdout with ``--json``."""
        located = [*self._located(shlex.split(line)[1:]), "--json"]
        return self._runner.run(located, self.directory, self._environment).stdout

    def _located(self, arguments: list[str]) -> list[str]:
        return [argument.replace(HOME, f"{self._root}{HOME}") for argument in arguments]

    def _tool(self, arguments: list[str]) -> str:
        located = self._located(arguments)
        ended = self._runner.run(located, self.directory, self._environment, shown=True)
        self._code = ended.code
        return ended.stdout

    def _shell(self, line: str) -> str:
        ended = subprocess.run(
            ["bash", "-c", f"(exit {self._code})\n{line.replace(HOME, str(self._root) + HOME)}"],
            cwd=self.directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        self._code = ended.returncode
        return ended.stdout

    def _shown(self, output: str) -> str:
        text = output.replace(str(self._root), "")
        for pattern, instead in _NEUTRAL:
            text = pattern.sub(instead, text)
        return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def examples(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command line of a console block with the output shown below it."""
    for found in re.finditer(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        yield found[1], found[2]


def statements(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield each statement of a pycon block, without its prompts, with the output shown below it."""
    for found in re.finditer(r"^(>>> .*\n(?:\.\.\.(?: .*)?\n)*)((?:(?!>>> ).*\n)*)", text, re.MULTILINE):
        yield found[1], "".join(line[4:] for line in found[1].splitlines(keepends=True)) + "\n", found[2]


def matches(shown: str, output: str) -> bool:
    """Return whether the output is as shown. ``...`` matches any text, including whole lines."""
    lines = (line.rstrip() for line in shown.splitlines())
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else r".*?".join(map(re.escape, line.split("..."))) + r"\n"
        for line in lines
    )
    return re.fullmatch(pattern, output) is not None
