"""A mode of the tests: the inputs of the workflow count as known only in the run. A job passes them on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cwltool.context import LoadingContext
from cwltool.load_tool import load_tool
from cwltool.workflow import default_make_tool

from reana_batch.frontends.cwl.answer import Answer, At
from reana_batch.frontends.cwl.frozen import freeze_tool
from reana_batch.frontends.cwl.records import StepRecord
from reana_batch.frontends.cwl.values import Out, Value

_NAME = "all-inputs"


def deferred(inputs: Mapping[str, Value], answer: Answer, at: At) -> dict[str, Value]:
    """Return the inputs as the results of a job, which is added."""
    if not inputs:
        return {}
    context = LoadingContext({"construct_tool_object": default_make_tool})
    document: Any = {
        "cwlVersion": "v1.2",
        "class": "ExpressionTool",
        "id": f"file:///#{_NAME}",
        "inputs": [_port(name) for name in inputs],
        "outputs": [_port(name) for name in inputs],
        "expression": "$(inputs)",
    }
    tool = load_tool(document, context)
    task = answer.add_task(freeze_tool(tool, base="/"))
    none = (None, None, None, None, None)
    step = StepRecord(_NAME, at.place, task, "", False, [], *none, False)
    answer.job(step, at._replace(label=_NAME, name=_NAME), inputs, None)
    return {name: Out(_NAME, name) for name in inputs}


def _port(name: str) -> dict[str, Any]:
    return {"id": name, "type": ["null", "Any"]}
