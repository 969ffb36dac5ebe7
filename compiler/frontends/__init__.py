"""The front ends: one module per workflow type, each with ``load(spec, diagnostics, results)``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reana_batch.diagnostics import Diagnostics
from reana_batch.ir import Workflow
from reana_batch.reading.spec import OPTIONS, Spec

# workflow.type -> module; imported when used, for some front ends are heavy
FRONTENDS = {
    "serial": "reana_batch.frontends.serial",
    "snakemake": "reana_batch.frontends.snakemake.jobs",
}


def load(spec: Spec, diagnostics: Diagnostics, results: Mapping[str, Any] | None = None) -> Workflow | None:
    """Return the workflow of ``spec``, with its files, or None after recording why there is none.

    ``results`` is empty when the user compiles; in the run it is what
    :class:`~reana_batch.ir.Expansion` says, and the workflow is the part that follows from it.
    """
    if spec.type not in FRONTENDS:
        if spec.type in OPTIONS:
            message = f"{spec.type} workflows are not compiled by this version; {', '.join(FRONTENDS)} are."
            diagnostics.error("unsupported-type", message, spec.document.place(["workflow", "type"]))
        return None
    frontend = importlib.import_module(FRONTENDS[spec.type])
    workflow: Workflow = frontend.load(spec, diagnostics, results or {})
    return replace(
        workflow,
        input_files=spec.input_files,
        input_directories=spec.input_directories,
        output_files=spec.output_files,
        output_directories=spec.output_directories,
        tests=spec.tests,
        data=spec.data,
    )
