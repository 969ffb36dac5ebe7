"""The reading of documents and inputs: what is accepted, and what the faults say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reana_batch.diagnostics import Diagnostics, Refused, render
from reana_batch.frontends import FRONTENDS
from reana_batch.frontends.cwl import process
from reana_batch.frontends.cwl.messages import MESSAGES, sentence
from reana_batch.frontends.cwl.records import Fault, Request
from reana_batch.reading.analysis import read_spec

from .records import FEATURES, HEAD, TOOLS, find

STEP = """\
inputs: {word: string}
outputs: {said: {type: File, outputSource: e/said}}
steps:
  e:
    run: echo.cwl
    in: {word: word}
    out: [said]
"""
GOOD = HEAD + STEP


@pytest.mark.parametrize(
    ("text", "kind", "line", "words"),
    [
        ("", "not-cwl", 1, "it is empty."),
        ("[1]", "not-cwl", 1, "it is not a mapping."),
        ("class: Workflow\n", "not-cwl", 1, "it has no cwlVersion."),
        (GOOD.replace("v1.2", "v9"), "version", 1, "v9 v1.0 v1.1 v1.2"),
        (HEAD + "inputs: [1\n", "document", 4, "Expected ',' or ']', but got '<stream end>'."),
        (GOOD.replace("run: echo", "run: ecco"), "document", 7, 'run names "ecco.cwl", which does not exist.'),
        (GOOD.replace("{word: word}", "{word: ward}"), "document", 8, 'source names "ward", which does not exist.'),
        (GOOD.replace("e/said", "e/sayd"), "document", 4, 'outputSource names "e/sayd", which does not exist.'),
        (GOOD.replace("out: [said]", "out: [said, more]"), "no-output", 9, "more said"),
        (GOOD.replace("{word: word}", "{}"), "document", 8, "The step gives no value to word of its tool."),
        (
            GOOD.replace("{word: string}", "{word: int}"),
            "document",
            3,
            "Source 'word' of type \"int\" is incompatible with sink 'word' of type \"string\".",
        ),
        (
            GOOD.replace("inputs:", "requirements: {FooRequirement: {}}\ninputs:"),
            "document",
            3,
            'CWL has no class "FooRequirement".',
        ),
        (GOOD.replace("    out:", "    lable: x\n    out:"), "no-field", 9, "lable"),
    ],
)
def test_a_faulty_document_is_shown_at_its_line(tmp_path: Path, text: str, kind: str, line: int, words: str) -> None:
    said = find(tmp_path, text, {"word": "x"}).said()
    assert (kind, line) in [each[:2] for each in said], said
    found = next(each[2] for each in said if each[:2] == (kind, line))
    assert found == words or (kind == "no-field" and found.startswith(words))


def test_all_unknown_names_are_found_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("run: echo", "run: ecco").replace("{word: word}", "{word: ward}").replace("e/said", "e/sayd")
    assert [line for _, line, _ in find(tmp_path, text, {"word": "x"}).said()] == [4, 7, 8]


def test_a_document_must_exist(tmp_path: Path) -> None:
    assert find(tmp_path, GOOD, document="other.cwl").said() == [("missing-document", 0, "other.cwl")]


def test_a_part_of_a_document_has_a_name(tmp_path: Path) -> None:
    text = "cwlVersion: v1.2\n$graph:\n- {id: one, class: CommandLineTool, baseCommand: x, inputs: [], outputs: []}\n"
    assert find(tmp_path, text, document="workflow.cwl#one").names() == ["one"]
    assert find(tmp_path, text, document="workflow.cwl#two").said() == [("no-part", 1, "workflow.cwl two one")]
    assert find(tmp_path, text).said() == [("no-main", 0, "workflow.cwl one")]


def test_a_class_that_has_no_command_is_refused(tmp_path: Path) -> None:
    text = "cwlVersion: v1.2\nclass: Operation\ninputs: []\noutputs: []\n"
    assert find(tmp_path, text).said() == [("unsupported", 1, "the class Operation.")]


def test_an_image_that_is_built_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("inputs:", "requirements:\n  DockerRequirement:\n    dockerFile: FROM x\ninputs:", 1)
    (fault, *_) = find(tmp_path, text, {"word": "x"}).said()
    assert fault == ("unsupported", 5, "an image that dockerFile makes.")


# --- inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "kind", "words"),
    [
        ({}, "missing-input", "word"),
        ({"word": None}, "missing-input", "word"),
        ({"word": 3}, "bad-input", "word the value is not string."),
    ],
)
def test_inputs_must_fit(tmp_path: Path, parameters: dict[str, Any], kind: str, words: str) -> None:
    found = find(tmp_path, GOOD, parameters)
    assert found.said() == [(kind, 3, words)]
    assert found.faults[0].parameter == "word"


def test_an_unknown_input_is_a_warning(tmp_path: Path) -> None:
    found = find(tmp_path, GOOD, {"word": "x", "wort": "y"})
    assert found.names() == ["e"]
    assert (found.faults[0].kind, found.faults[0].parameter) == ("unused-input", "wort")


FILES = (
    HEAD
    + FEATURES
    + """\
inputs:
  table: {type: File, secondaryFiles: [.idx]}
outputs: []
steps:
  s: {run: split.cwl, in: {file: table}, out: [words]}
"""
)


def test_files_are_in_the_workspace(tmp_path: Path) -> None:
    for name in ("a b.txt", "a b.txt.idx"):
        (tmp_path / name).write_text("x")
    for given in ({"path": "a b.txt"}, {"location": "a b.txt"}, {"location": "a%20b.txt"}):
        file = find(tmp_path, FILES, {"table": {"class": "File", **given}}).inputs("s")["file"]
        assert (file["location"], file["basename"], file["size"]) == ("workspace:a%20b.txt", "a b.txt", 1)
        assert [each["location"] for each in file["secondaryFiles"]] == ["workspace:a%20b.txt.idx"]


def test_a_file_must_exist(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    table = {"class": "File", "path": "b"}
    assert find(tmp_path, FILES, {"table": table}).said() == [("missing-file", 9, "b")]
    found = find(tmp_path, FILES, {"table": {**table, "path": "a"}}).said()
    assert [each[2] for each in found] == ['The secondary file "a.idx" of "a" is missing.']


def test_files_of_the_document_are_files_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    text = FILES.replace("{type: File, secondaryFiles: [.idx]}", "{type: File, default: {class: File, path: a.txt}}")
    assert find(tmp_path, text).inputs("s")["file"]["location"] == "workspace:a.txt"
    assert find(tmp_path, text.replace("a.txt", "b.txt")).faults[0].kind == "missing-file"
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("x")
    assert [each.kind for each in find(tmp_path, text.replace("a.txt", "../outside.txt")).faults] == ["outside"]


def test_files_on_the_web_stay_there(tmp_path: Path) -> None:
    text = FILES.replace(", secondaryFiles: [.idx]", "")
    file = {"class": "File", "location": "https://example.org/a.txt"}
    assert find(tmp_path, text, {"table": file}).inputs("s")["file"]["location"] == file["location"]


def test_a_file_that_is_only_written_has_no_random_name(tmp_path: Path) -> None:
    text = FILES.replace(", secondaryFiles: [.idx]", "")
    file = {"class": "File", "contents": "hello"}
    assert find(tmp_path, text, {"table": file}).inputs("s")["file"].keys() & {"location", "basename"} == set()


def test_a_job_order_adds_requirements(tmp_path: Path) -> None:
    asked = {"cwl:requirements": [{"class": "ResourceRequirement", "coresMin": 3}]}
    assert find(tmp_path, GOOD, {"word": "x", **asked}).steps[0].cpus == 3


# --- expressions ---------------------------------------------------------------------------------


def test_an_expression_that_throws_is_shown_at_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("inputs:", f"{FEATURES}  InlineJavascriptRequirement: {{}}\ninputs:", 1)
    text = text.replace("    in:", "    when: '${ throw new Error(\"stop\"); }'\n    in:")
    ((kind, line, words),) = find(tmp_path, text, {"word": "x"}).said()
    assert (kind, line) == ("expression", 14)
    assert words.startswith("This expression fails:")
    assert "stop" in words


def test_an_output_that_picks_nothing_is_a_fault(tmp_path: Path) -> None:
    text = (
        HEAD
        + FEATURES
        + "inputs: {a: 'string?'}\nsteps: []\noutputs:\n"
        + ("  o: {type: string, outputSource: [a, a], pickValue: first_non_null}\n")
    )
    ((kind, line, words),) = find(tmp_path, text).said()
    assert (kind, line, words) == ("document", 11, "pickValue: first_non_null finds only null values.")


# --- the process ---------------------------------------------------------------------------------

REANA = """\
inputs:
  parameters:
    word: 3
workflow:
  type: cwl
  file: workflow.cwl
"""


def reading(folder: Path, files: dict[str, str], parameters: dict[str, Any]) -> process.Reading | str:
    """Return what cwltool knows, or the messages."""
    for name, text in {"reana.yaml": REANA, **TOOLS, **files}.items():
        (folder / name).write_text(text, "utf-8")
    diagnostics = Diagnostics()
    spec = read_spec(folder / "reana.yaml", FRONTENDS, diagnostics)
    try:
        return process.read(spec, Request("workflow.cwl", parameters, str(folder), ""), diagnostics)
    except Refused:
        return render(diagnostics, diagnostics.sources).replace(str(folder), "DIR")


def test_the_process_answers(tmp_path: Path) -> None:
    found = reading(tmp_path, {"workflow.cwl": GOOD}, {"word": "x"})
    assert isinstance(found, process.Reading), found
    assert [(job.name, job.inputs) for job in found.jobs] == [("e", {"word": 0})]
    assert [each.value for each in found.values] == ["x"]
    assert (found.end.version, found.end.workflow) == ("v1.2", True)
    assert found.steps[0].place == (str(tmp_path / "workflow.cwl"), 6, 3)


def test_a_fault_shows_the_line_of_the_document(tmp_path: Path) -> None:
    shown = reading(tmp_path, {"workflow.cwl": GOOD.replace("run: echo", "run: ecco")}, {"word": "x"})
    assert shown == (
        'DIR/workflow.cwl:7:5: error: run names "ecco.cwl", which does not exist. [bad-workflow]\n'
        "      run: ecco.cwl\n"
        "      ^\n"
    )


def test_a_fault_of_a_parameter_shows_reana_yaml(tmp_path: Path) -> None:
    shown = reading(tmp_path, {"workflow.cwl": GOOD}, {"word": 3})
    assert isinstance(shown, str)
    assert shown.startswith("DIR/reana.yaml:3:11: error: Input word does not fit: the value is not string. [bad-type]")
    assert "DIR/workflow.cwl:3" in shown


@pytest.mark.parametrize("kind", MESSAGES)
def test_each_kind_has_a_sentence(kind: str) -> None:
    _, text, _, _ = sentence(Fault(kind, None, "", ["a", "b", "c."]))
    assert "{" not in text
