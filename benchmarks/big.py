"""Inputs that a careless reader takes long to read. Each is a function from a size to the text of a reana.yaml."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import yaml

# Longest time in seconds for the answer to any input of BYTES, whatever the answer is.
BYTES = 10_000_000
MOST_SECONDS = 10.0

# The most that the program reads: keys and values of a file, and commands of a serial workflow.
VALUES = 1_000_000
COMMANDS = 100_000

IMAGE = "docker.io/library/debian:12"


def _step(name: str, command: str = "true", **more: Any) -> dict[str, Any]:
    return {"name": name, "environment": IMAGE, "commands": [command], **more}


def _spec(*steps: dict[str, Any], **more: Any) -> str:
    """Return an analysis as JSON, which YAML can read too."""
    return json.dumps({**more, "workflow": {"type": "serial", "specification": {"steps": steps}}})


def _numbered(letter: str, count: int) -> Iterable[str]:
    return (f"{letter}{number}" for number in range(count))


def _parameter(written: str) -> str:
    return f"inputs: {{parameters: {{a: {written}}}}}\nworkflow: {{type: serial}}\n"


BIG: dict[str, Callable[[int], str]] = {
    # many valid values
    "steps": lambda n: _spec(*map(_step, _numbered("s", n))),
    "steps of one name": lambda n: _spec(*[_step("s")] * n),
    "commands": lambda n: _spec({"name": "s", "environment": IMAGE, "commands": ["true"] * n}),
    "hints": lambda n: _spec(*(_step(s, kubernetes_memory_limit=f"{i + 1}M") for i, s in enumerate(_numbered("s", n)))),
    "parameters": lambda n: _spec(_step("s"), inputs={"parameters": dict.fromkeys(_numbered("p", n), 1)}),
    "placeholders": lambda n: _spec(_step("s", "${p} " * n), inputs={"parameters": {"p": 1}}),
    "dollars": lambda n: _spec(_step("s", "$$" * n)),
    "letters of a name": lambda n: _spec(_step("é" * n)),
    "letters of a command": lambda n: _spec(_step("s", "x" * n)),
    "letters of an image": lambda n: _spec({**_step("s"), "environment": "a-" * n + "!"}),
    "aliases": lambda n: "x: &a [1]\n" + "".join(f"{key}: *a\n" for key in _numbered("k", n)),
    "merges": lambda n: "x: &a {b: 1}\ny:\n" + "- {<<: *a, c: 1}\n" * n,
    # many faults
    "missing files": lambda n: _spec(_step("s"), inputs={"files": list(_numbered("f", n))}),
    "nested files": lambda n: _spec(
        _step("s"), inputs={"files": [f"d/{f}" for f in _numbered("f", n)], "directories": ["d"]}
    ),
    "equal files": lambda n: _spec(_step("s"), inputs={"files": ["f"] * n}),
    "outputs": lambda n: _spec(_step("s"), outputs={"files": [f"/{f}" for f in _numbered("f", n)]}),
    "references": lambda n: _spec(_step("s"), inputs={"files": [f"rucio(x, {f})" for f in _numbered("f", n)]}),
    "right references": lambda n: _spec(_step("s"), inputs={"files": [f"rucio(x, y, {f})" for f in _numbered("f", n)]}),
    "unknown keys": lambda n: _spec(_step("s"), inputs=dict.fromkeys(_numbered("k", n), 1)),
    "unknown keys of steps": lambda n: _spec(*(_step(s, comand="x") for s in _numbered("s", n))),
    "unknown options": lambda n: _spec(_step("s"), inputs={"options": dict.fromkeys(_numbered("k", n), "x")}),
    "wrong types": lambda n: _spec(*[{"name": 1, "environment": 2, "commands": 3}] * n),
    "wrong images": lambda n: _spec(*({**_step(s), "environment": f"{s}:!"} for s in _numbered("s", n))),
    "wrong hints": lambda n: _spec(*(_step(s, kubernetes_cpu_limit=f"x{s}") for s in _numbered("s", n))),
    "wrong values": lambda n: _spec(*(_step(s, compute_backend=s) for s in _numbered("s", n))),
    "undefined parameters": lambda n: _spec(
        _step("s", " ".join(f"${{q{i}}}" for i in range(n))), inputs={"parameters": dict.fromkeys(_numbered("p", n), 1)}
    ),
    "lone dollars": lambda n: _spec(_step("s", "$ " * n)),
    "dollars before braces": lambda n: _spec(_step("s", "${" * n), inputs={"parameters": {"p": 1}}),
    "equal keys": lambda n: "a: 1\n" * n,
    "keys that are numbers": lambda n: "".join(f"{i}: 1\n" for i in range(n)),
    "dates": lambda n: "x:\n" + "- 2020-01-01\n" * n,
    "letters of a key": lambda n: json.dumps({"x" * n: 1, "workflow": {"type": "x" * n}}),
    "brackets": lambda n: "[" * n,
    "digits": lambda n: _parameter("9" * n),
    "hexadecimal digits": lambda n: _parameter("0x" + "f" * n),
    "sexagesimal digits": lambda n: _parameter("1" + ":59" * n),
    "digits of a size": lambda n: _spec(_step("s", kubernetes_memory_limit="9" * n)),
    "quotes of a reference": lambda n: _spec(_step("s"), inputs={"files": ["rucio(x, y, " + '"a' * n]}),
}


_OF_COMMANDS = ("steps", "steps of one name", "commands", "hints", "wrong images", "wrong hints")


def largest(name: str) -> str:
    """Return the slowest input of this kind: BYTES of it, or as much as the program reads.

    The reader refuses an input at the first value beyond its limits.
    """
    sample = BIG[name](1000)
    size = min(BYTES * 1000 // len(sample), VALUES * 1000 // _values(sample))
    if name in _OF_COMMANDS:
        size = min(size, COMMANDS)
    while len(text := BIG[name](size)) > BYTES:
        size -= size // 50
    return text


def _values(text: str) -> int:
    """Return how many keys and values a text has. Text that is not YAML counts as 1."""
    try:
        return sum(isinstance(event, yaml.NodeEvent) for event in yaml.parse(text, yaml.CSafeLoader))
    except yaml.YAMLError:
        return 1
