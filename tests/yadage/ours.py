"""The jobs of a compiled Yadage workflow, in the form in which the engine's own are known."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reana_batch import ir, pipeline
from reana_batch.compilation import Options
from reana_batch.diagnostics import Diagnostics

# A script is the input of its interpreter. What an environment asks for comes before the command.
_SCRIPT = re.compile(r"(.*) <<'(END_*)'\n(.*?)\n?\2\n", re.DOTALL)
_BEFORE = re.compile(r"(?:export \w+=.*\n|cd -- .* \|\| exit\n|source .* \|\| exit\n)*")


class Job(NamedTuple):
    """A job of ours."""

    command: str  # or the script
    interpreter: str  # of a script; empty for a command
    before: frozenset[str]  # all jobs that are done before it starts


def run(analysis: Path, *options: str) -> Path:
    """Run the analysis with make and return the directory of the run."""
    command = [sys.executable, "-m", "reana_batch", "run", "--runs", "runs", "-w", "flow", "-j", "2", *options]
    ended = subprocess.run(command, cwd=analysis, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return analysis / "runs/flow.1"


def jobs(analysis: Path, run: Path | None = None) -> dict[str, Job]:
    """Return by name the jobs of the analysis, and those of the expansions if it was run."""
    options = Options(backend="make")
    workflow = pipeline.compile_spec(analysis / "reana.yaml", options, Diagnostics()).workflow
    return dict(_jobs(workflow, run, frozenset()))


def _jobs(workflow: ir.Workflow, run: Path | None, outer: frozenset[str]) -> Iterator[tuple[str, Job]]:
    """Yield the jobs of a part and its expansions. The jobs ``outer`` are done before it begins."""
    planners = {expansion.name for expansion in workflow.expansions}
    steps = [step for step in workflow.steps if step.name not in planners]
    named = {step.name: _rows(step) for step in steps}
    found = dict(_linked(steps, named, outer))
    yield from found.items()
    done: dict[str, frozenset[str]] = {
        name: frozenset(job for job, _, _ in rows).union(*(found[job].before for job, _, _ in rows))
        for name, rows in named.items()
    }
    for expansion in workflow.expansions if run else ():
        assert run is not None
        before = outer.union(*(done[need] for need in expansion.needs))
        inner = pipeline.compile_expansion(run, expansion.name, Diagnostics()).workflow
        added = dict(_jobs(inner, run / "expansions" / expansion.name, before))
        done[expansion.name] = before | added.keys()
        yield from added.items()


def _rows(step: ir.Step) -> list[tuple[str, str, str]]:
    """Return the name, command and interpreter of each row."""
    found = []
    for row in step.table:
        cells = dict(zip(step.table.columns, row, strict=True))
        [command] = step.action.commands
        assert step.action.before is not None
        found.append((shlex.split(step.action.before.text(cells))[-1], *_parsed(command.text(cells))))
    return found


def _parsed(text: str) -> tuple[str, str]:
    """Return the command or script, without its last line ends, and the interpreter."""
    text = text[len(_BEFORE.match(text)[0]) :]  # type: ignore[index]  # it matches the empty text
    if script := _SCRIPT.fullmatch(text):
        return script[3].rstrip("\n"), script[1]
    return text.rstrip("\n"), ""


def _linked(
    steps: Sequence[ir.Step], named: Mapping[str, list[tuple[str, str, str]]], outer: frozenset[str]
) -> Iterator[tuple[str, Job]]:
    """Yield the jobs of the steps, parents before their children."""
    found: dict[str, Job] = {}
    for step in steps:
        for row, (name, command, interpreter) in enumerate(named[step.name]):
            parents = {
                named[need.step][parent][0]
                for need in step.needs
                for parent in (
                    range(len(named[need.step])) if need.pattern is ir.Pattern.ALL else ir.parent_rows(need, row)
                )
            }
            before = outer.union(parents, *(found[parent].before for parent in parents))
            found[name] = Job(command, interpreter, before)
            yield name, found[name]
