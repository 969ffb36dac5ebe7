"""What reana.yaml says of a CWL workflow: its document, and its parameters."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from reana_batch import frontends
from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.cwl.inline import Source, source
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.parameters import file_parameters, parameter_places
from reana_batch.reading.spec import Spec


def read(directory: Path, text: str, *given: str) -> Spec:
    (directory / "reana.yaml").write_text(textwrap.dedent(text))
    return read_spec(directory / "reana.yaml", frontends.FRONTENDS, Diagnostics(), given)


def test_the_document_may_be_a_part_of_a_file(tmp_path: Path) -> None:
    found = source(read(tmp_path, "workflow: {type: cwl, file: flow.cwl#main}"))
    assert found == Source("flow.cwl#main")


BLOCK = """\
inputs:
  parameters: {n: 1}
workflow:
  type: cwl
  specification:
    cwlVersion: v1.2
    class: Workflow   # of ours
    steps:
      - id: fit
"""
FLOW = """\
workflow: {type: cwl, specification: {cwlVersion: v1.2,
  class: Workflow}}
"""


@pytest.mark.parametrize("text", [BLOCK, FLOW])
def test_an_inline_document_has_its_lines_and_columns(tmp_path: Path, text: str) -> None:
    spec = read(tmp_path, text)
    found = source(spec)
    assert found.path == str(tmp_path / "reana.yaml")
    assert yaml.safe_load(found.text) == spec.document.data["workflow"]["specification"]
    line = next(n for n, line in enumerate(text.splitlines()) if "cwlVersion" in line)
    assert found.text.splitlines()[line].index("cwlVersion") == text.splitlines()[line].index("cwlVersion")


def test_an_inline_document_may_use_anchors_around_it(tmp_path: Path) -> None:
    text = "inputs: {parameters: {n: &n [1]}}\nworkflow: {type: cwl, specification: {class: Workflow, n: *n}}\n"
    assert yaml.safe_load(source(read(tmp_path, text)).text) == {"class": "Workflow", "n": [1]}


PARAMETERS = """\
inputs: {parameters: {n: 1, x: 1.5, flag: false, who: me, files: [a]}}
workflow: {type: cwl, file: a.cwl}
"""
BY_FILE = "inputs: {parameters: {input: job.yaml}}\nworkflow: {type: cwl, file: a.cwl}\n"
GIVEN = ("n=5", "x=2", "flag=true", "who=7", "files=[b, c]")
TYPED: dict[str, Any] = {"n": 5, "x": 2.0, "flag": True, "who": "7", "files": ["b", "c"]}


@pytest.mark.parametrize("text", [PARAMETERS, BY_FILE])
def test_parameters_on_the_command_line_have_the_types_of_those_that_they_replace(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.yaml").write_text("n: 1\nx: 1.5\nflag: false\nwho: me\nfiles: [a]\nrest: 3\n")
    rest = {"rest": 3} if text == BY_FILE else {}
    assert file_parameters(read(tmp_path, text, *GIVEN), Diagnostics(), typed=True) == TYPED | rest


def test_a_value_of_another_type_is_shown_where_the_parameter_is(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("who: me\nn: 1\n")
    said = Diagnostics()
    file_parameters(read(tmp_path, BY_FILE, "n=many"), said, typed=True)
    (fault,) = said
    assert fault.message == '-p n must be a whole number as in the analysis, not "many".'
    assert str(fault.place) == str(tmp_path / "job.yaml:2")


def test_the_place_of_a_parameter_is_where_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("who: me\nn: 1\n")
    assert str(parameter_places(read(tmp_path, BY_FILE))("n")) == str(tmp_path / "job.yaml:2")
    assert str(parameter_places(read(tmp_path, PARAMETERS))("n")) == str(tmp_path / "reana.yaml:1")
    (tmp_path / "job.yaml").unlink()
    assert str(parameter_places(read(tmp_path, BY_FILE))("n")) == str(tmp_path / "reana.yaml:1")
