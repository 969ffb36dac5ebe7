"""The front ends: for each workflow type one record, and one module with ``load(spec, diagnostics, results)``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reana_batch.diagnostics import Diagnostics
from reana_batch.frontend import FrontEnd
from reana_batch.ir import Workflow
from reana_batch.reading import hints
from reana_batch.reading.spec import Spec

# By workflow.type. The modules are imported when used, because some are heavy.
FRONTENDS = {
    "serial": FrontEnd(
        module="reana_batch.frontends.serial",
        options=("CACHE", "FROM", "TARGET"),
        idle_options=("CACHE",),
        defined_by=("specification",),
        form_hint="write specification:, and below it steps: with a list of steps.",
        fills_in_text=True,
    ),
    "snakemake": FrontEnd(
        module="reana_batch.frontends.snakemake.jobs",
        options=("report", "profile", "workflow-profile"),
        defined_by=("file",),
        form_hint="name the workflow, such as file: Snakefile.",
        parameters_by_file=True,
        elsewhere=dict.fromkeys((*hints.READERS, *hints.steering()), "the resources of its rules in the Snakefile")
        | {"environment": "the rules of the Snakefile, as container:"},
    ),
    "cwl": FrontEnd(
        module="reana_batch.frontends.cwl.jobs",
        options=("TARGET",),
        defined_by=("file", "specification"),
        form_hint="name the workflow, such as file: workflow.cwl.",
        parameters_by_file=True,
        elsewhere=dict.fromkeys((*hints.READERS, *hints.steering()), "the hints of the document, with class: reana")
        | {"environment": "the document, as DockerRequirement"},
    ),
    "yadage": FrontEnd(
        module="reana_batch.frontends.yadage.jobs",
        options=("toplevel", "initdir", "initfiles", "accept_metadir"),
        idle_options=("accept_metadir",),
        folder_option="toplevel",
        defined_by=("file", "specification"),
        form_hint="name the workflow, such as file: workflow.yaml.",
        elsewhere=dict.fromkeys((*hints.READERS, *hints.steering()), "the resources of an environment in the workflow")
        | {"environment": "the steps of the workflow, as environment: with image: and imagetag:"},
    ),
}


def load(spec: Spec, diagnostics: Diagnostics, results: Mapping[str, Any] | None = None) -> Workflow | None:
    """Return the workflow of ``spec`` with its files. If there is none, record why and return None.

    ``results`` is empty when the user compiles. When a planner compiles, it has the fields that
    :class:`~reana_batch.ir.Expansion` describes, and the workflow is the part that the expansion adds.
    """
    if not spec.front_end.module:
        return None  # the reader of reana.yaml has recorded that it does not know the type
    module = importlib.import_module(spec.front_end.module)
    workflow: Workflow = module.load(spec, diagnostics, results or {})
    return replace(
        workflow,
        input_files=spec.input_files,
        input_directories=spec.input_directories,
        output_files=spec.output_files,
        output_directories=spec.output_directories,
        tests=spec.tests,
        data=spec.data,
    )
