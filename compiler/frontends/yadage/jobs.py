"""Yadage workflows: Yadage itself expands the stages, and its jobs are folded into steps, stage by stage.

Semantics: reana-workflow-engine-yadage 0.9.5 with yadage 0.21.2, and the manual's where that engine leaves out a stage
without a word. The stages that wait for results which only the run can know are expansions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reana_batch.diagnostics import Diagnostics, Refused
from reana_batch.frontends.mirror import mirror
from reana_batch.frontends.yadage import definition, grammar, initial, later
from reana_batch.frontends.yadage.definition import Definition
from reana_batch.frontends.yadage.initial import Initial
from reana_batch.frontends.yadage.process import Reading, read
from reana_batch.frontends.yadage.records import Past, Request
from reana_batch.frontends.yadage.steps import steps
from reana_batch.ir import Expansion, Workflow
from reana_batch.reading.spec import Spec


def load(spec: Spec, diagnostics: Diagnostics, results: Mapping[str, Any]) -> Workflow:
    """Return the workflow: a step per stage, with a row per job.

    ``results`` are those of an expansion. With them, the workflow is what the expansion adds.
    """
    if results:
        written = _read(spec, spec.directory, diagnostics)
        start = Initial(**results["state"]["start"])
        return _workflow(spec, spec.directory, written, start, later.past(results), diagnostics)
    diagnostics.stop_if_errors()
    with mirror(spec, diagnostics) as root:
        start = initial.read(spec, root, diagnostics)
        written = _read(spec, root, diagnostics)
        grammar.check(written, start.parameters, diagnostics)
        diagnostics.stop_if_errors()
        return _workflow(spec, root, written, start, None, diagnostics)


def _read(spec: Spec, root: Path, diagnostics: Diagnostics) -> Definition:
    found = definition.read(spec, root, diagnostics)
    if found is None:
        raise Refused(diagnostics)
    return found


def _workflow(
    spec: Spec, root: Path, written: Definition, start: Initial, past: Past | None, diagnostics: Diagnostics
) -> Workflow:
    """Return the workflow as Yadage expands it in the directory ``root``."""
    request = Request(written.data, start.parameters, str(root), start.directory, past)
    reading = read(spec, root, written, request, diagnostics)
    folded = steps(spec, written, reading, diagnostics)
    expansions = later.expansions(spec, written, reading, folded, start, past)
    _check(spec, reading, expansions, past, diagnostics)
    return Workflow(
        name=spec.directory.name,
        type="yadage",
        steps=folded.steps,
        expansions=expansions,
        learned=reading.end.known,
    )


def _check(
    spec: Spec, reading: Reading, expansions: tuple[Expansion, ...], past: Past | None, diagnostics: Diagnostics
) -> None:
    """Record a workflow without anything to do, and an expansion that would be the same again and again."""
    if not (past or reading.jobs or expansions):
        message = "There is nothing to do: no stage has a job."
        diagnostics.warning("bad-workflow", message, spec.document.place(["workflow"]))
    for expansion in expansions:
        if past and not expansion.needs:
            message = f"All other jobs are done, but the run still does not know {expansion.reason}."
            diagnostics.error("bad-workflow", message, expansion.origin)
