"""A step that was frozen is the same step again, and its JSON does not depend on where the documents are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cwltool")

from cwltool.context import LoadingContext
from cwltool.load_tool import load_tool
from cwltool.process import Process
from cwltool.workflow import Workflow, default_make_tool
from schema_salad.sourceline import SourceLine

from reana_batch.frontends.cwl.frozen import freeze_step, freeze_tool, thaw, tool_name

TOOLS = Path(__file__).parent / "tools"


def load(document: Path) -> Process:
    return load_tool(str(document), LoadingContext({"construct_tool_object": default_make_tool}))


def steps(document: Path, *, scatter: bool = True) -> dict[str, Any]:
    workflow = load(document)
    assert isinstance(workflow, Workflow)
    frozen = {each.id.rpartition("#")[2]: freeze_step(workflow, each, scatter=scatter) for each in workflow.steps}
    assert json.loads(json.dumps(frozen)) == frozen
    return frozen


def test_frozen_steps_are_equal_from_two_directories(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b" / "c d"
    for directory in (first, second):
        shutil.copytree(TOOLS, directory)
    found = steps(first / "greetings.cwl")
    assert found == steps(second / "greetings.cwl") == steps(first / "greetings.cwl")
    assert str(tmp_path) not in json.dumps(found)
    assert freeze_tool(load(first / "greet.cwl")) == freeze_tool(load(second / "greet.cwl"))


ONTOLOGY = """\
<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#">
  <rdf:Description rdf:about="http://formats.invalid/csv">
    <rdfs:subClassOf rdf:resource="http://formats.invalid/text"/>
  </rdf:Description>
  <rdf:Description rdf:about="http://formats.invalid/root">
    <rdfs:subClassOf rdf:resource="http://formats.invalid/binary"/>
  </rdf:Description>
</rdf:RDF>
"""
FORMATS = """\
cwlVersion: v1.2
class: CommandLineTool
$schemas: [formats.owl]
baseCommand: cat
inputs:
  table: {type: File, format: "http://formats.invalid/text", inputBinding: {}}
outputs: []
"""


def test_formats_stay_when_a_step_is_frozen_twice(tmp_path: Path) -> None:
    (tmp_path / "formats.owl").write_text(ONTOLOGY, "utf-8")
    (tmp_path / "cat.cwl").write_text(FORMATS, "utf-8")
    frozen = freeze_tool(load(tmp_path / "cat.cwl"))
    below = "http://www.w3.org/2000/01/rdf-schema#subClassOf"
    assert frozen["formats"] == [("http://formats.invalid/csv", below, "http://formats.invalid/text")]
    workflow = thaw(frozen)
    again = freeze_step(workflow, workflow.steps[0], scatter=False)
    assert again["formats"] == frozen["formats"]


def test_each_port_has_one_source() -> None:
    (step,) = thaw(steps(TOOLS / "greetings.cwl")["greet"]).steps
    assert step.tool["in"] == [
        {"valueFrom": '$(self + "?")', "id": "cwl:greetings.cwl#greet/name", "source": "cwl:#in/name"}
    ]
    assert step.tool["scatter"] == "cwl:greetings.cwl#greet/name"


def test_scatter_is_kept_on_request() -> None:
    (step,) = thaw(steps(TOOLS / "greetings.cwl", scatter=False)["greet"]).steps
    assert "scatter" not in step.tool


def test_a_thawed_step_is_the_same_step() -> None:
    for frozen in steps(TOOLS / "greetings.cwl").values():
        workflow = thaw(frozen)
        assert thaw(json.loads(json.dumps(frozen, sort_keys=True))).steps[0].tool == workflow.steps[0].tool
        assert workflow.steps[0].embedded_tool.metadata["http://commonwl.org/cwltool#original_cwlVersion"] == "v1.2"


def test_messages_keep_their_places() -> None:
    (step,) = thaw(steps(TOOLS / "greetings.cwl")["greet"]).steps
    assert SourceLine(step.tool, "scatter").makeLead() == "greetings.cwl:19:5:"
    assert SourceLine(step.embedded_tool.tool, "stdout").makeLead() == "greet.cwl:23:1:"


def test_a_file_next_to_the_document_is_in_the_workspace() -> None:
    frozen = freeze_tool(load(TOOLS / "greet.cwl"), base=str(TOOLS.parent))
    (step,) = thaw(frozen).steps
    defaults = [each["default"] for each in step.embedded_tool.tool["inputs"] if "default" in each]
    assert defaults == [{"class": "File", "location": "workspace:tools/letter.txt"}]


def test_the_name_of_a_tool() -> None:
    assert tool_name(load(TOOLS / "greet.cwl")) == "greet"


def test_a_single_tool_is_still_one_when_it_is_frozen_again() -> None:
    frozen = freeze_tool(load(TOOLS / "greet.cwl"))
    workflow = thaw(frozen)
    assert frozen["single"]
    assert freeze_step(workflow, workflow.steps[0], scatter=False)["single"]
    inner = load(TOOLS / "greetings.cwl")
    assert isinstance(inner, Workflow)
    assert "single" not in freeze_step(inner, inner.steps[0], scatter=False)


def test_formats_are_not_lost_when_a_tool_is_frozen_again(tmp_path: Path) -> None:
    (tmp_path / "own.ttl").write_text(
        "<http://example.org/inner> <http://www.w3.org/2000/01/rdf-schema#subClassOf> <http://example.org/outer> .\n"
    )
    (tmp_path / "tool.cwl").write_text(
        "{cwlVersion: v1.2, class: CommandLineTool, baseCommand: cat, $schemas: [own.ttl], outputs: [],\n"
        " inputs: {x: {type: File, format: 'http://example.org/outer'}}}\n"
    )
    frozen = freeze_tool(load(tmp_path / "tool.cwl"))
    workflow = thaw(frozen)
    again = freeze_step(workflow, workflow.steps[0], scatter=False)
    assert [names[0] for names in again["formats"]] == ["http://example.org/inner"]
