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


def joined(work: str = "true", **hints: str) -> str:
    """Return a workflow with a step and an expansion that wait for two others. One of these has such a step inside.

    That step and the outer one have the hints.

    If there is a file ``fail-STEP`` in the workspace, jobs of that step fail. Each start adds a line to ``starts``. The
    jobs ``y`` and ``z`` are those that the two expansions add last.
    """

    def begun(name: str, command: str, *needs: str, each: bool = False) -> dict[str, Any]:
        return step(name, f"echo {name} >>starts; [ ! -e fail-{name} ] || exit 3; {command}", *needs, each=each)

    inner = expansion("inner", "x/*", "x", steps=[begun("y", f"{work}; mkdir -p y; cp {{file}} y/", each=True)])
    first = [
        begun("x", "mkdir -p x; cp {file} x/", each=True),
        begun("collect", "cat y/* >collected", "inner") | {"hints": hints},
    ]
    second = [begun("z", f"{work}; mkdir -p z; cp {{file}} z/", each=True)]
    last = [begun("last", "cat joined >result; echo '{learned}' >learned")]
    split = "mkdir a b; echo 1 >a/1; echo 2 >a/2; echo 3 >b/3"
    expansions = [
        expansion("third", "collected", "first", "second", "join", steps=last),
        expansion("first", "a/*", "split", steps=first, expansions=[inner]),
        expansion("second", "b/*", "split", steps=second),
    ]
    join = begun("join", "cat collected z/* >joined", "first", "second") | {"hints": hints}
    return json.dumps({"steps": [join, begun("split", split)], "expansions": expansions})


def rows_after() -> str:
    """Return a workflow with rows that wait for an expansion, and rows that wait for these one by one.

    With two rows per job, a system lets the first ones end in any case. The job of the expansion fails if there is a
    file ``fail-work`` in the workspace. Each start adds a line to ``starts``.
    """
    work = step("work", "echo work >>starts; [ ! -e fail-work ] || exit 3; cp {file} out", each=True)
    rows = {"rows": ["1", "2", "3"]}
    steps = [
        step("split", "mkdir a; echo a >a/a"),
        step("part", "echo part >>starts; cat out >part-{file}", "more") | rows,
        step("next", "echo next >>starts; cat part-{file} >next-{file}") | rows | {"row_needs": ["part"]},
        step("all", "cat next-* >result", "more", "next"),
    ]
    return json.dumps({"steps": steps, "expansions": [expansion("more", "a/*", "split", steps=[work])]})
