"""Analyses in the toy language. Tests use them here and in the box."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ANALYSIS = "inputs: {files: [flow.json]}\nworkflow: {type: toy, file: flow.json}\noutputs: {files: [result]}\n"


def step(name: str, command: str, *needs: str, each: bool = False) -> dict[str, Any]:
    return {"name": name, "command": command, "needs": needs, "each": each}


def expansion(name: str, files: str, *needs: str, **flow: Any) -> dict[str, Any]:
    return {"name": name, "files": files, "needs": needs, **flow}


def scatter(count: int = 3, work: str = "true") -> str:
    """Return a workflow that makes ``count`` files, processes each, and joins the results.

    If there is a file ``fail-STEP`` in the workspace, jobs of that step fail. Each start adds a line to ``starts``.
    """
    begin = "echo STEP >>starts; [ ! -e fail-STEP ] || exit 3; "
    split = f"mkdir -p parts out; for i in {{1..{count}}}; do echo $i >parts/$i; done"
    inner = [
        step("work", begin.replace("STEP", "work") + f"{work}; cp {{file}} out/$(basename {{file}})", each=True),
        step("join", begin.replace("STEP", "join") + "cat out/* >result", "work"),
    ]
    outer = [step("split", begin.replace("STEP", "split") + split), step("aside", "echo aside >>starts")]
    return json.dumps({"steps": outer, "expansions": [expansion("parts", "parts/*", "split", "aside", steps=inner)]})


def nested(work: str = "true") -> str:
    """Return a workflow with an expansion whose own expansion makes the result."""
    last = expansion("second", "b/*", "b", steps=[step("c", f"echo c >>starts; {work}; cp {{file}} result", each=True)])
    middle = step("b", f"echo b >>starts; {work}; mkdir -p b; cp {{file}} b/", each=True)
    first = expansion("first", "a/*", "a", steps=[middle], expansions=[last])
    return json.dumps({"steps": [step("a", "echo a >>starts; mkdir -p a; echo a >a/a")], "expansions": [first]})


def empty() -> str:
    """Return a workflow whose expansion finds no files, so it has no jobs."""
    nothing = expansion("none", "nothing/*", "a", steps=[step("b", "false", each=True)])
    return json.dumps({"steps": [step("a", "echo a >result")], "expansions": [nothing]})


def faulty() -> str:
    """Return a workflow whose expansion compiles only after ``bad`` is replaced by ``good``."""
    a = step("a", "mkdir -p a; [ -e a/good ] || echo a >a/bad")
    follows = expansion("follows", "a/*", "a", steps=[step("b", "cp {file} result", each=True)])
    return json.dumps({"steps": [a], "expansions": [follows]})
