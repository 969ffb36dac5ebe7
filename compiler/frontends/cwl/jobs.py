"""CWL workflows: cwltool reads the document, and its jobs are folded into steps.

Semantics: those of CWL as cwltool has them, with the conventions of reana-workflow-engine-cwl 0.9.4 for paths, outputs
and hints. What only the run can know is an expansion.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.cwl import later
from reana_batch.frontends.cwl.graph import graph
from reana_batch.frontends.cwl.inline import source
from reana_batch.frontends.cwl.process import Reading, read
from reana_batch.frontends.cwl.records import FOLDER, OUTPUTS, Request
from reana_batch.frontends.cwl.staging import stage
from reana_batch.frontends.cwl.steps import in_bash, steps
from reana_batch.frontends.mirror import mirror
from reana_batch.ir import Expansion, Workflow
from reana_batch.reading.document import entries
from reana_batch.reading.expressions import is_data_reference
from reana_batch.reading.parameters import file_parameters
from reana_batch.reading.spec import Spec


def load(spec: Spec, diagnostics: Diagnostics, results: Mapping[str, Any]) -> Workflow:
    """Return the workflow: a step per step of the document, with a row per job.

    ``results`` are those of an expansion. With them, the workflow is what the expansion adds.
    """
    if results:
        return _expansion(spec, diagnostics, results)
    parameters = file_parameters(spec, diagnostics, typed=True)
    _check_outputs(spec, diagnostics)
    diagnostics.stop_if_errors()
    document = source(spec)
    with mirror(spec, diagnostics) as root:
        target = spec.options.get("TARGET", "")
        whole = bool(spec.definition)
        request = Request(document.path, parameters, str(root), target, whole=whole, text=document.text)
        reading = read(spec, request, diagnostics)
        if whole:
            stage(reading, root)
        return _workflow(spec, reading, "", diagnostics)


def _check_outputs(spec: Spec, diagnostics: Diagnostics) -> None:
    """Warn about declared outputs where no workflow puts any."""
    inputs = {*spec.input_files, *spec.input_directories}
    for name in ("files", "directories"):
        for index, path in entries(spec.document.data, "outputs", name):
            first, _, rest = posixpath.normpath(path).partition("/")
            if first in (OUTPUTS, FOLDER) or path in inputs or is_data_reference(path):
                continue
            message = f'No job of the workflow makes "{path}".'
            hint = f"outputs of a CWL workflow are in {OUTPUTS}/: write {OUTPUTS}/{rest or first}."
            diagnostics.warning("unmade-output", message, spec.document.place(["outputs", name, index]), hint)


def _expansion(spec: Spec, diagnostics: Diagnostics, results: Mapping[str, Any]) -> Workflow:
    """Return the workflow of an expansion, whose inputs are known."""
    found = later.parts(results, diagnostics)
    diagnostics.stop_if_errors()
    reading = read(spec, Request("", {}, results["workspace"], "", found), diagnostics)
    return _workflow(spec, reading, results["state"]["part"], diagnostics)


def _workflow(spec: Spec, reading: Reading, part: str, diagnostics: Diagnostics) -> Workflow:
    """Return the workflow of the run, or of the expansion with the path ``part``."""
    foreseen = {job.name for job in reading.jobs if in_bash(spec, reading.steps[job.step])}
    folded = graph(reading, part, foreseen, with_outputs=not part)
    found = later.expansions(spec, reading, folded, part)
    if part:
        _check_progress(found, diagnostics)
    return Workflow(
        name=spec.directory.name,
        type="cwl",
        steps=steps(spec, reading, folded, part, diagnostics),
        expansions=found,
        learned=later.learned(reading, folded, part) if part else {},
    )


def _check_progress(expansions: tuple[Expansion, ...], diagnostics: Diagnostics) -> None:
    """Record an expansion that would be the same again and again."""
    for expansion in expansions:
        if not expansion.needs:
            message = f"All other jobs are done, but the run still does not know {expansion.reason}."
            diagnostics.error("bad-workflow", message, expansion.origin)
