"""Facts that one compilation leaves for the expansions inside it, and for those that wait for it.

Each part of a run keeps what its own compilation has learned. Nothing changes it later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reana_batch import layout
from reana_batch.ir import Workflow
from reana_batch.run.parts import Run
from reana_batch.run.small_files import read_json
from reana_batch.writing.render import File


def files(workflow: Workflow) -> Iterator[File]:
    """Yield the file of the facts. There is none without facts."""
    if workflow.learned:
        text = json.dumps(workflow.learned, indent=1, ensure_ascii=False, sort_keys=True)
        yield File(layout.LEARNED, f"{text}\n")


def known(run: Path, expansion: str, depth: int) -> dict[str, Any]:
    """Return the facts for an expansion of the part ``run``, which is ``depth`` expansions inside the whole run.

    They are those of the workflows around the expansion, and of all expansions that must be done before it, with the
    expansions inside them. If two have a fact of the same name, the later one counts.
    """
    run = run.absolute()
    found = known(run.parents[1], run.name, depth - 1) if depth else {}
    part = Run(run)
    before = part.manifest.before(expansion)
    done = [compiled for name, compiled in part.compiled().items() if name in before]
    for directory in (run, *(each.directory for compiled in done for each in compiled.parts())):
        found |= _facts(directory)
    return found


def _facts(directory: Path) -> dict[str, Any]:
    try:
        return read_json(directory / layout.LEARNED)
    except FileNotFoundError:
        return {}
