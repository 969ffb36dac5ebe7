"""Workflows with tables and row edges, which a serial reana.yaml cannot have. Tests describe them, the box compiles them.

The tests import this module. Python in the box runs it, with ``reana_batch`` from the installed wheel.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reana_batch import ir

    from .conftest import Desk

_PYTHON = "/opt/venv/reana-batch/bin/python"


@dataclass(frozen=True)
class Template:
    """A step: a bash command in which ``{row}`` is the number of the row."""

    name: str
    command: str
    rows: int | None = None
    needs: Mapping[str, str | Sequence[Sequence[int]]] = field(default_factory=dict)  # all, each, or rows by row
    outputs: tuple[str, ...] = ()
    image: str = "docker.io/library/debian:12"
    hints: Mapping[str, str] = field(default_factory=dict)
    workspace: str = ""  # the mark for its path
    server: str = ""  # the module of a server; the command is a request to it


def compile_flow(desk: Desk, name: str, site: str, *templates: Template, settings: Sequence[str] = ()) -> str:
    """Compile the steps into a run on the desk and return its name with its number."""
    given = {"run": f"runs/{name}.1", "site": site, "settings": list(settings), "steps": [asdict(t) for t in templates]}
    desk.box.alice(_PYTHON, "-", json.dumps(given), cwd=desk.folder, input=Path(__file__).read_text("utf-8"))
    return f"{name}.1"


def submit_flow(desk: Desk, name: str, site: str, *templates: Template, settings: Sequence[str] = ()) -> str:
    """Compile the steps, submit them, and return the run's name with its number."""
    run = compile_flow(desk, name, site, *templates, settings=settings)
    desk.reana_batch("submit", f"runs/{run}")
    return run


# --- in the box ----------------------------------------------------------------------------------


def _write(given: Mapping[str, Any]) -> None:
    from reana_batch import ir, pipeline
    from reana_batch.backends import known_settings
    from reana_batch.backends.placement import choose, delegate
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle.creation import write_run
    from reana_batch.reading import sites

    diagnostics = Diagnostics()
    site = sites.resolve(given["site"], given["settings"], None, diagnostics, known=known_settings()).site
    workflow = ir.Workflow("flow", "serial", tuple(map(_step, given["steps"])))
    choice = choose(workflow, site, "auto", diagnostics)
    workflow = delegate(workflow, choice, site, diagnostics)
    write_run(pipeline.lower(workflow, site, choice.engine, diagnostics), Path(given["run"]))


def _step(given: Mapping[str, Any]) -> ir.Step:
    from reana_batch import ir
    from reana_batch.diagnostics import Place

    place = Place("reana.yaml", 1)
    count = given["rows"]
    parts: list[str | ir.Column] = [
        piece for text in given["command"].split("{row}") for piece in (ir.Column("row"), text)
    ]
    return ir.Step(
        name=given["name"],
        label=given["name"],
        origin=place,
        action=ir.Script(
            (ir.Command(tuple(parts[1:]), place),),
            workspace=given["workspace"],
            server=ir.Server(given["server"]) if given["server"] else None,
        ),
        table=ir.Repeated() if count is None else ir.Rows(("row",), tuple((str(row),) for row in range(count))),
        needs=tuple(ir.Need(parent, _pattern(pattern)) for parent, pattern in given["needs"].items()),
        outputs=tuple(given["outputs"]),
        asked=ir.Asked(given["image"], {name: ir.Hint(value, place) for name, value in given["hints"].items()}),
    )


def _pattern(given: str | list[list[int]]) -> ir.Pattern | ir.RowMapping:
    from reana_batch import ir

    return ir.Pattern(given) if isinstance(given, str) else ir.RowMapping(tuple(map(tuple, given)))


if __name__ == "__main__":
    _write(json.loads(sys.argv[1]))
