"""A front end for tests of expansions: a workflow in JSON. Parts of it depend on the files that a run makes.

``workflow.file`` holds ``{"steps": [...], "expansions": [...]}``. A step has ``name``, ``command``, ``needs``,
``hints``, ``credentials`` and ``workspace``, the mark for its path. If it has a row for each file, it also has ``each:
true``, and its command holds ``{file}``. So it does if it names its rows itself, as ``rows``. Each of these waits for
the same row of the steps in ``row_needs``. An expansion has ``name``, ``needs``, ``files``, a pattern of files in the
workspace, and its own steps and expansions. Commands may hold ``{learned}``, which is what other compilations have
learned: the files that each expansion has found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.ir import (
    Asked,
    Column,
    Command,
    Expansion,
    Hint,
    Need,
    Pattern,
    Repeated,
    Rows,
    Script,
    Step,
    Workflow,
)
from reana_batch.reading.spec import Spec


def load(spec: Spec, diagnostics: Diagnostics, results: Mapping[str, Any]) -> Workflow:
    name = spec.workflow_file
    if not name:
        return Workflow(spec.directory.name, "toy", ())
    given = json.loads((spec.directory / name).read_text("utf-8"))
    files: list[str] = []
    trail = [*results["state"]["trail"], results["expansion"]] if results else []
    for wanted in trail:
        given = next(each for each in given["expansions"] if each["name"] == wanted)
    if results:
        workspace = Path(results["workspace"])
        files = sorted(str(path.relative_to(workspace)) for path in workspace.glob(given["files"]))
    at = Place(str(spec.directory / name), 1)
    if any("bad" in file for file in files):
        diagnostics.sources[at.file] = (spec.directory / name).read_text("utf-8")
        diagnostics.error("bad-value", f"Files must be good, not {files}.", at, "make good files.")
    return Workflow(
        name=spec.directory.name,
        type="toy",
        steps=tuple(_step(each, files, json.dumps(results.get("learned")), at) for each in given.get("steps", ())),
        expansions=tuple(_expansion(each, trail, at) for each in given.get("expansions", ())),
        learned={"/".join(trail): files},
    )


def _step(given: Mapping[str, Any], files: list[str], learned: str, at: Place) -> Step:
    first, *others = given["command"].replace("{learned}", learned).split("{file}")
    parts = [first, *(part for other in others for part in (Column("file"), other))]
    rows = given.get("rows", files if given.get("each") else None)
    row_needs = (Need(name, Pattern.EACH) for name in given.get("row_needs", ()))
    return Step(
        name=given["name"],
        label=given["name"],
        origin=at,
        action=Script((Command(tuple(parts), at),), workspace=given.get("workspace", "")),
        needs=(*map(Need, given.get("needs", ())), *row_needs),
        table=Repeated() if rows is None else Rows(("file",), tuple((row,) for row in rows)),
        asked=Asked(
            hints={name: Hint(value, at) for name, value in given.get("hints", {}).items()},
            credentials=frozenset(given.get("credentials", ())),
        ),
    )


def _expansion(given: Mapping[str, Any], trail: list[str], at: Place) -> Expansion:
    reason = f"the files {given['files']}"
    return Expansion(given["name"], given["name"], at, reason, tuple(given.get("needs", ())), {"trail": trail})
