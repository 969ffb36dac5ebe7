"""What ``cwl-runner DOCUMENT [JOB]`` reads and collects, against cwltool."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from cwltool.main import main

from reana_batch.diagnostics import Refused
from reana_batch.frontends.cwl.collection import Collection
from reana_batch.frontends.cwl.given import Given, read
from reana_batch.frontends.cwl.records import OUTPUT_OBJECT, WORKSPACE
from reana_batch.frontends.cwl.staging import Links

from . import flows

# cwltool leaves files open whose checksum it has computed.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

ECHO = """
cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  words: {type: 'string[]', inputBinding: {}}
  number: {type: int, default: 5, inputBinding: {}}
stdout: said.txt
outputs: {said: stdout}
"""


def cwltool(document: Path | str, job: Path, outdir: Path) -> dict[str, Any]:
    """Return the output object of cwltool."""
    found = io.StringIO()
    words = ["--no-container", "--quiet", "--relax-path-checks", f"--outdir={outdir}", str(document), str(job)]
    assert main(words, stdout=found, stderr=io.StringIO()) == 0
    outputs: dict[str, Any] = json.loads(found.getvalue())
    return outputs


def given(document: Path | str, *words: Path | str, folder: str = "") -> Given:
    return read(str(document), [str(word) for word in words], folder)


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    document = tmp_path / "echo.cwl"
    document.write_text(ECHO, "utf-8")
    return document


def job(path: Path, **inputs: Any) -> Path:
    path.write_text(yaml.safe_dump(inputs), "utf-8")
    return path


# --- DOCUMENT and JOB ----------------------------------------------------------------------------


def test_a_job_is_read_as_it_is_written(echo: Path, tmp_path: Path) -> None:
    asked = given(echo, job(tmp_path / "job.yml", words=["a", "b c"], number=7))
    assert asked == (f"file://{echo}", {"words": ["a", "b c"], "number": 7})
    assert given(echo) == (f"file://{echo}", {})


def test_inputs_are_options_too(echo: Path) -> None:
    assert given(echo, "--words", "a", "--words", "b", "--number", "3").inputs == {"words": ["a", "b"], "number": 3}


def test_a_job_comes_from_standard_input(echo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("words: [x]"))
    assert given(echo, "-").inputs == {"words": ["x"]}


def test_a_job_can_name_its_document(echo: Path, tmp_path: Path) -> None:
    naming = job(tmp_path / "naming.yml", words=["a"], number=1, **{"cwl:tool": "echo.cwl"})
    assert given(naming) == (f"file://{echo}", {"words": ["a"], "number": 1})
    assert given(naming, job(tmp_path / "more.yml", number=2)).inputs == {"words": ["a"], "number": 2}


def test_a_job_can_add_requirements(echo: Path, tmp_path: Path) -> None:
    added = [{"class": "EnvVarRequirement", "envDef": {"WORD": "x"}}]
    asked = given(echo, job(tmp_path / "job.yml", words=["a"], **{"cwl:requirements": added}))
    assert asked.inputs == {"words": ["a"], "cwl:requirements": added}


def test_a_part_of_a_document_is_named_after_a_hash(echo: Path) -> None:
    assert given(f"{echo}#main").document == f"file://{echo}#main"
    echo.rename(echo.with_name("a#b c.cwl"))
    assert given(echo.with_name("a#b c.cwl")).document == f"file://{echo.parent}/a%23b%20c.cwl"
    assert given("https://example.org/a.cwl#b").document == "https://example.org/a.cwl#b"


@pytest.mark.parametrize(
    ("text", "code"), [("- 1\n", "bad-type"), ("", "bad-type"), ("a: [\n", "bad-workflow"), (None, "missing-file")]
)
def test_a_faulty_job_is_refused(echo: Path, tmp_path: Path, text: str | None, code: str) -> None:
    faulty = tmp_path / "job.yml"
    if text is not None:
        faulty.write_text(text, "utf-8")
    with pytest.raises(Refused) as refused:
        given(echo, faulty)
    assert [fault.code for fault in refused.value.diagnostics.errors] == [code]


# --- files ---------------------------------------------------------------------------------------


def test_files_are_links_next_to_those_of_the_same_directory(tmp_path: Path) -> None:
    for name in ("a/x", "a/y", "b/x", "a/dir/deep/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, "utf-8")
    (tmp_path / "a/dir/empty").mkdir()
    (tmp_path / "a/dir/again").symlink_to(tmp_path / "a/dir")
    (tmp_path / "a/link").symlink_to("x")
    root = tmp_path / "root"
    root.mkdir()
    names = ("a/x", "a/y", "b/x", "a/link", "a/x", "a/dir", "a/dir/deep/z")
    links = Links(root)
    found = links.value([_file(f"file://{tmp_path}/{name}", size=3) for name in names])
    paths = ["inputs/0/x", "inputs/0/y", "inputs/1/x", "inputs/0/link", "inputs/0/x", "inputs/0/dir"]
    assert found == [_file(f"workspace:{path}", size=3) for path in (*paths, "inputs/0/dir/deep/z")]
    assert [(root / path).read_text("utf-8") for path in paths[:5]] == ["a/x", "a/y", "b/x", "a/x", "a/x"]
    assert (root / "inputs/0/x").samefile(tmp_path / "a/x")
    assert not (root / "inputs/0/link").is_symlink()
    assert sorted(path.name for path in (root / "inputs/0/dir").rglob("*")) == ["again", "deep", "empty", "z"]


def test_files_of_all_values_are_found(tmp_path: Path) -> None:
    (tmp_path / "a b#c").touch()
    location = f"file://{tmp_path}/a%20b%23c"
    inner = {"$items": [{"$default": [{"$out": ["x", "y"]}, _file(location, path="old", dirname="old")]}]}
    found = Links(tmp_path).value(_file(location, secondaryFiles=[_file(location)]) | {"other": inner})
    staged = _file("workspace:inputs/0/a%20b%23c")
    assert found == staged | {
        "secondaryFiles": [staged],
        "other": {"$items": [{"$default": [{"$out": ["x", "y"]}, staged]}]},
    }


def test_what_is_not_on_this_machine_keeps_its_location(tmp_path: Path) -> None:
    values = [_file(f"file://{tmp_path}/missing"), _file("https://example.org/x"), {"class": "File", "contents": "x"}]
    links = Links(tmp_path)
    assert links.value(values) == values
    assert list(tmp_path.iterdir()) == []


def _file(location: str, **more: Any) -> dict[str, Any]:
    return {"class": "File", "location": location, **more}


# --- outputs -------------------------------------------------------------------------------------

MAKES = """
cwlVersion: v1.2
class: CommandLineTool
requirements: {ShellCommandRequirement: {}}
arguments:
- shellQuote: false
  valueFrom: "mkdir -p dir/inner; echo 1 > dir/inner/a; echo 2 > 'b #c.txt'; echo 3 > 'b #c.txt.idx'; : > empty"
inputs: {}
outputs:
  also: {type: File, outputBinding: {glob: dir/inner/a}}
  dir: {type: Directory, outputBinding: {glob: dir}}
  file: {type: File, outputBinding: {glob: b*.txt}, secondaryFiles: .idx, format: 'http://example.org/text'}
  inner: {type: 'File[]', outputBinding: {glob: empty}}
  nothing: {type: File?, outputBinding: {glob: missing}}
"""


def located(value: Any, change: dict[str, str]) -> Any:
    """Return a value with other beginnings of its locations and paths."""
    text = json.dumps(value)
    for old, new in change.items():
        text = text.replace(old, new)
    return json.loads(text)


@pytest.mark.parametrize("move", [True, False])
def test_outputs_are_collected_as_cwltool_does(tmp_path: Path, move: bool) -> None:
    document = tmp_path / "makes.cwl"
    document.write_text(MAKES, "utf-8")
    workspace, outdir = tmp_path / "workspace", tmp_path / "out"
    made = cwltool(document, job(tmp_path / "job.yml"), workspace / "outputs")
    (workspace / OUTPUT_OBJECT).parent.mkdir()
    inside = located(made, {f"file://{workspace}/": WORKSPACE})
    (workspace / OUTPUT_OBJECT).write_text(json.dumps(inside), "utf-8")
    for stale in ("dir/old", "empty/old"):
        (outdir / stale).parent.mkdir(parents=True, exist_ok=True)
        (outdir / stale).touch()
    found = Collection(workspace, outdir, move=move).outputs()
    (outdir / "dir/old").unlink()
    found["dir"]["listing"] = [each for each in found["dir"]["listing"] if each["basename"] != "old"]
    assert found == located(made, {str(workspace / "outputs"): str(outdir)})
    assert flows.made(outdir) == {"dir/inner/a": "1\n", "b #c.txt": "2\n", "b #c.txt.idx": "3\n", "empty": ""}
    assert (workspace / "outputs/empty").exists() != move


def test_an_input_that_is_an_output_stays_where_it_is(tmp_path: Path) -> None:
    own, workspace = tmp_path / "own.txt", tmp_path / "workspace"
    own.write_text("mine", "utf-8")
    workspace.mkdir()
    path = Links(workspace).value(_file(f"file://{own}"))["location"].removeprefix(WORKSPACE)
    for folder in ("outputs", "cwl"):
        (workspace / folder).mkdir()
    os.link(workspace / path, workspace / "outputs/own.txt")
    (workspace / OUTPUT_OBJECT).write_text(json.dumps({"x": _file(f"{WORKSPACE}outputs/own.txt")}))
    found = Collection(workspace, tmp_path / "out", move=True).outputs()
    Path(found["x"]["path"]).write_text("changed", "utf-8")
    assert own.read_text("utf-8") == "mine"
