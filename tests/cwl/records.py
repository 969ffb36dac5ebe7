"""What the reader of CWL finds in small workflows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reana_batch.frontends.cwl import reader
from reana_batch.frontends.cwl.loading import quiet
from reana_batch.frontends.cwl.records import Fault, JobRecord, Part, PendingRecord, Request, StepRecord, job_record
from reana_batch.frontends.cwl.values import Known, Later, Out, read, resolve, write

HEAD = "cwlVersion: v1.2\nclass: Workflow\n"
FEATURES = """\
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
"""

ECHO = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  word: {type: string, inputBinding: {position: 1}}
  number: int?
outputs:
  said: stdout
"""

SPLIT = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: split
inputs:
  file: File?
outputs:
  words: {type: 'string[]', outputBinding: {glob: '*', outputEval: $(self.map(f => f.basename))}}
  run: {type: boolean, outputBinding: {outputEval: '$(true)'}}
  cores: {type: int, outputBinding: {outputEval: '$(2)'}}
requirements: {InlineJavascriptRequirement: {}}
"""

DOUBLE = """\
cwlVersion: v1.2
class: ExpressionTool
requirements: {InlineJavascriptRequirement: {}}
inputs: {number: int}
outputs: {doubled: int, many: 'int[]'}
expression: '${ return {doubled: 2 * inputs.number, many: [1, inputs.number]}; }'
"""

TOOLS = {"echo.cwl": ECHO, "split.cwl": SPLIT, "double.cwl": DOUBLE}


class Found(NamedTuple):
    """The records of an answer."""

    steps: list[StepRecord]
    tasks: list[Any]
    values: list[Any]
    jobs: list[JobRecord]
    pending: list[PendingRecord]
    outputs: Mapping[str, Any]
    faults: list[Fault]

    def names(self) -> list[str]:
        """Return the names of all jobs."""
        return [job.name for job in self.jobs]

    def inputs(self, name: str) -> dict[str, Any]:
        """Return the inputs of the job or pending step with this name."""
        numbers = {each.name: each.inputs for each in self.jobs} | {each.name: each.inputs for each in self.pending}
        return {port: self.values[number] for port, number in numbers[name].items()}

    def said(self) -> list[tuple[str, int, str]]:
        """Return the kind, line and words of each fault."""
        return [(each.kind, each.place[1] if each.place else 0, " ".join(each.words)) for each in self.faults]


def ask(request: Request) -> Found:
    """Return the answer to a request."""
    quiet()
    records = [json.loads(line) for line in reader.lines(request)]

    def of(kind: str) -> list[Any]:
        return [content for each, content in records if each == kind]

    return Found(
        [StepRecord(*each) for each in of("step")],
        [each[0] for each in of("task")],
        [each[0] for each in of("value")],
        [job_record(*each) for each in of("job")],
        [PendingRecord(*each) for each in of("pending")],
        next((each[0] for each in of("end")), {}),
        [Fault(*each) for each in of("fault")],
    )


def find(folder: Path, text: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> Found:
    """Write a workflow with the tools of this module, and return what the reader finds."""
    for name, content in {**TOOLS, "workflow.cwl": text}.items():
        (folder / name).write_text(content, "utf-8")
    document = str(folder / more.pop("document", "workflow.cwl"))
    request = Request(document, parameters or {}, str(folder), more.pop("target", ""), analysis=str(folder), **more)
    return ask(request)


def expanded(folder: Path, found: Found, known: Mapping[str, Any]) -> Found:
    """Return what an expansion finds for all pending steps, when these results are known."""

    def made(result: Out | Later) -> Known:
        assert isinstance(result, Out)
        return Known(known[f"{result.job}.{result.port}"])

    def resolved(value: Any) -> Any:
        return write(resolve(read(value), made))

    parts = [
        Part(
            each.name, each.label, found.tasks[each.task], {k: resolved(v) for k, v in found.inputs(each.name).items()}
        )
        for each in found.pending
    ]
    return ask(Request("", {}, str(folder), "", parts, analysis=str(folder)))
