"""The files of a Yadage workflow: what their references lead to, and the faults."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.yadage import definition
from tests.unit.yadage_files import STEP, loaded, read, sound, spec_in, with_defaults, workflow, write

STEPS = {"steps.yml": f"x:\n{STEP}"}
BARE = STEP.replace("\n  ", "\n").lstrip()

# Each is a workflow that Yadage's library reads: the files, the workflow's file and its folder.
ALIKE: dict[str, tuple[dict[str, str], str, str]] = {
    "a fragment": ({"workflow.yml": workflow(), **STEPS}, "workflow.yml", ""),
    "a fragment without a slash": ({"workflow.yml": workflow("{$ref: 'steps.yml#x'}"), **STEPS}, "workflow.yml", ""),
    "a whole file": ({"workflow.yml": workflow("{$ref: s.yml}"), "s.yml": BARE}, "workflow.yml", ""),
    "the whole workflow": (
        {"workflow.yml": "$ref: sub/w.yml", "sub/w.yml": workflow(), "sub/steps.yml": STEPS["steps.yml"]},
        "workflow.yml",
        "",
    ),
    "keys next to a reference": (
        {"workflow.yml": workflow("{$ref: 'steps.yml#/x', process: {$ref: none.yml}}"), **STEPS},
        "workflow.yml",
        "",
    ),
    "the same file": (
        {"workflow.yml": workflow("{$ref: '#/stages/1/scheduler/step'}") + workflow(f"\n{STEP}".replace("\n", "\n    "))[8:]},
        "workflow.yml",
        "",
    ),
    "through another reference": (
        {"workflow.yml": workflow("{$ref: 'l.yml#/q/x'}"), "l.yml": "q: {$ref: steps.yml}", **STEPS},
        "workflow.yml",
        "",
    ),
    "a reference to a reference": (
        {"workflow.yml": workflow("{$ref: 'l.yml#/q'}"), "l.yml": "q: {$ref: 'steps.yml#/x'}", **STEPS},
        "workflow.yml",
        "",
    ),
    "an escaped key": ({"workflow.yml": workflow("{$ref: 's.yml#/a~1b~0c%20d'}"), "s.yml": f"a/b~c d:\n{STEP}"}, "workflow.yml", ""),
    "a blank in a path": ({"workflow.yml": workflow("{$ref: 's%20t.yml'}"), "s t.yml": BARE}, "workflow.yml", ""),
    "an index": (
        {"workflow.yml": workflow(parameters="{a: {$ref: 'p.yml#/v/-1'}}"), "p.yml": "v: [{x: 1}, {x: 2}]", **STEPS},
        "workflow.yml",
        "",
    ),
    "the workflow's references are relative to the toplevel": (
        {"t/w.yml": workflow("{$ref: s.yml}"), "s.yml": BARE, "t/s.yml": "no: step"},
        "t/w.yml",
        "",
    ),
    "other references are relative to their own file": (
        {
            "top/w.yml": workflow("{$ref: sub/s.yml}"),
            "top/sub/s.yml": STEP.replace("{process_type: string-interpolated-cmd, cmd: 'echo {a}'}", "{$ref: p.yml}"),
            "top/sub/p.yml": "{process_type: interpolated-script-cmd, script: a, interpreter: sh}",
            "p.yml": "no: process",
        },
        "w.yml",
        "top",
    ),
    "the workflow read again": (
        {
            "sub/w.yml": workflow("{$ref: 'other.yml#/s'}", "{a: {b: {$ref: p.yml}}}"),
            "p.yml": "{x: 1}",
            "sub/p.yml": "{x: 2}",
            "other.yml": f"s:\n{STEP}".replace("outputmap: {o: a}", "outputmap: {$ref: 'sub/w.yml#/stages/0/scheduler/parameters/a'}"),
        },
        "sub/w.yml",
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIKE)
def test_the_workflow_is_that_of_the_library(name: str, tmp_path: Path) -> None:
    files, file, toplevel = ALIKE[name]
    option = f"\ninputs: {{options: {{toplevel: {toplevel}}}}}" if toplevel else ""
    reana = f"workflow: {{type: yadage, file: {file}}}{option}\n"
    found = sound(tmp_path, {**files, "reana.yaml": reana})
    assert with_defaults(found.data) == loaded(tmp_path, file, toplevel)


def test_references_to_lists_and_texts_are_followed(tmp_path: Path) -> None:
    """The library follows them, but fails when it writes the result."""
    files = {
        "workflow.yml": workflow(parameters="{a: {$ref: 'p.yml#/list'}, b: {$ref: 'p.yml#/text'}}"),
        "p.yml": "{list: [1, 2], text: one}",
        **STEPS,
    }
    parameters = sound(tmp_path, files).data["stages"][0]["scheduler"]["parameters"]
    assert parameters == {"a": [1, 2], "b": "one"}


def test_a_workflow_in_reana_yaml(tmp_path: Path) -> None:
    step = "{$ref: '#/stages/1/scheduler/step'}"
    inline = workflow(step) + workflow(f"\n{STEP}".replace("\n", "\n    "))[8:]
    reana = "workflow:\n  type: yadage\n  specification:\n    " + inline.replace("\n", "\n    ").rstrip() + "\n"
    found = sound(tmp_path, {"reana.yaml": reana})
    assert found.data["stages"][0]["scheduler"]["step"]["process"]["cmd"] == "echo {a}"
    assert found.files == ()
    path = ("stages", 0, "scheduler", "step", "process", "cmd")
    place = found.place(path)
    assert reana.split("\n")[place.line - 1][place.column - 1 :].startswith("'echo {a}'")


def test_places_are_in_the_files_of_the_values(tmp_path: Path) -> None:
    found = sound(tmp_path, {"workflow.yml": workflow(), **STEPS})
    path: list[str | int] = ["stages", 0, "scheduler", "step", "process", "cmd"]
    file, line, column, width = found.place(path)
    assert (Path(file).name, line, column, width) == ("steps.yml", 2, 57, 10)
    assert found.key_place(path)[1:] == (2, 52, 3)
    assert found.place_in(path, len("echo "), 3)[1:] == (2, 63, 3)
    assert found.source_of(path) == "'echo {a}'"
    assert found.place([*path, "x", 1]) == found.place(path)
    assert (Path(found.place(path[:3]).file).name, found.place(path[:3]).line) == ("workflow.yml", 5)
    key = found.key_place(path[:4])
    assert (Path(key.file).name, key.line, key.column) == ("workflow.yml", 7, 5)
    assert found.place(["stages", 5]) == found.place(["stages"])
    assert found.files == ("workflow.yml", "steps.yml")


def test_values_are_plain_json_of_their_own(tmp_path: Path) -> None:
    anchored = workflow("&step {$ref: 'steps.yml#/x'}") + workflow("*step", name="t")[8:]
    data = sound(tmp_path, {"workflow.yml": anchored, **STEPS}).data
    first, second = (stage["scheduler"]["step"] for stage in data["stages"])
    assert first == second
    assert first is not second
    assert json.loads(json.dumps(data)) == data


FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "a file": ({"workflow.yml": workflow("{$ref: step.yml}"), **STEPS}, "did you mean steps.yml?"),
    "a folder": ({"workflow.yml": workflow("{$ref: sub}"), "sub/s.yml": "1"}, '"sub" does not exist'),
    "another folder": ({"workflow.yml": workflow("{$ref: s.yml}"), "sub/s.yml": "1"}, "did you mean sub/s.yml?"),
    "a key": ({"workflow.yml": workflow("{$ref: 'steps.yml#/y'}"), **STEPS}, "known there: x."),
    "an index": ({"workflow.yml": workflow("{$ref: 'p.yml#/3'}"), "p.yml": "[1]"}, 'There is no "3" in'),
    "below a text": ({"workflow.yml": workflow("{$ref: 'p.yml#/a/b'}"), "p.yml": "a: text"}, "p.yml#/a."),
    "itself": ({"workflow.yml": workflow("{$ref: '#/stages/0/scheduler/step'}")}, "leads to itself."),
    "each other": (
        {"workflow.yml": workflow("{$ref: 'l.yml#/a'}"), "l.yml": "{a: {$ref: '#/b'}, b: {$ref: '#/a'}}"},
        "leads to itself through others.",
    ),
    "a value around it": (
        {"workflow.yml": workflow("{$ref: 'l.yml#/a'}"), "l.yml": "a: {process: {x: {$ref: '#/a'}}}"},
        "leads to a value that contains it.",
    ),
    "a long chain": (
        {
            "workflow.yml": workflow("{$ref: 'l.yml#/a0'}"),
            "l.yml": "\n".join(f"a{i}: {{$ref: '#/a{i + 1}'}}" for i in range(5000)) + "\na5000: 1",
        },
        "leads to itself through others.",
    ),
    "another server": ({"workflow.yml": workflow("{$ref: 'https://example.org/s.yml'}")}, "No files are downloaded."),
    "the disk": ({"workflow.yml": workflow("{$ref: /etc/passwd}")}, "leads out of the analysis"),
    "the folder above": ({"workflow.yml": workflow("{$ref: ../s.yml}")}, "leads out of the analysis"),
    "a file that is not YAML": ({"workflow.yml": workflow("{$ref: s.yml}"), "s.yml": "a: [1"}, "s.yml:1:"),
    "an empty file": ({"workflow.yml": workflow("{$ref: s.yml}"), "s.yml": ""}, "s.yml is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_reference_that_leads_nowhere_is_a_fault(name: str, tmp_path: Path) -> None:
    files, message = FAULTS[name]
    found, shown = read(tmp_path, files)
    assert found is None
    assert message in shown
    assert "Traceback" not in shown
    logging.disable(logging.CRITICAL)
    if name not in ("a long chain", "another server", "the disk"):
        with pytest.raises((Exception, RecursionError)):
            loaded(tmp_path)
    logging.disable(logging.NOTSET)


def test_all_references_that_lead_nowhere_are_reported(tmp_path: Path) -> None:
    files = {"workflow.yml": workflow("{$ref: a.yml}") + workflow("{$ref: b.yml}")[8:]}
    assert read(tmp_path, files)[1].count("does not exist") == 2


def inner(level: int) -> str:
    return f"{{$ref: '#/l{level + 1}'}}"


def test_references_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    """Each level is ten times the one below."""
    levels = [f"l{i}: [{', '.join([inner(i)] * 10)}]" for i in range(12)]
    files = {"workflow.yml": workflow("{$ref: 'l.yml#/l0'}"), "l.yml": "\n".join([*levels, "l12: [1]"])}
    found, shown = read(tmp_path, files)
    assert found is None
    assert "With its references the workflow has more than 1,000,000 values." in shown


def test_references_that_nest_too_deep_are_refused(tmp_path: Path) -> None:
    levels = [f"l{i}: [[[{inner(i)}]]]" for i in range(80)]
    files = {"workflow.yml": workflow("{$ref: 'l.yml#/l0'}"), "l.yml": "\n".join([*levels, "l80: [1]"])}
    assert "nested more than 200 levels deep." in read(tmp_path, files)[1]


def test_an_undeclared_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "here", {"workflow.yml": workflow(), **STEPS})
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/workflow.yml").symlink_to(tmp_path / "here/workflow.yml")
    diagnostics = Diagnostics()
    spec = spec_in(tmp_path / "here", diagnostics)
    assert definition.read(spec, tmp_path / "mirror", diagnostics) is None
    (error,) = diagnostics.errors
    assert error.code == "missing-file"
    assert str(error.hint) == "steps.yml exists in the analysis, but is not declared: add it to inputs.files."


TOPLEVELS: dict[str, str] = {
    "github:user/repo:folder": "No files are downloaded.",
    "https://example.org/w": "No files are downloaded.",
    "from-cap/17": "No files are downloaded.",
    "gitlab-cern:a/b": "No files are downloaded.",
    "none": 'The folder "none" of toplevel does not exist.',
    "tob": "did you mean top?",
    "../x": 'A path must not contain ".."',
    "/tmp": "A path must be relative",
}


@pytest.mark.parametrize("toplevel", TOPLEVELS)
def test_a_toplevel_that_is_not_there_is_a_fault(toplevel: str, tmp_path: Path) -> None:
    found, shown = read(tmp_path, {"workflow.yml": workflow(), "top/x.yml": "1"}, f"toplevel={toplevel}")
    assert found is None
    assert TOPLEVELS[toplevel] in shown
    assert shown.count("error:") == 1


def test_a_folder_named_like_a_server_is_a_folder(tmp_path: Path) -> None:
    found = sound(
        tmp_path, {"from-cap/workflow.yml": workflow("{$ref: s.yml}"), "from-cap/s.yml": BARE}, "toplevel=from-cap"
    )
    assert found.files == ("from-cap/workflow.yml", "from-cap/s.yml")


def test_a_missing_workflow_is_reported_once(tmp_path: Path) -> None:
    found, shown = read(tmp_path, {"workflo.yml": "1"})
    assert found is None
    assert shown.count("error:") == 1
    assert "did you mean workflo.yml?" in shown


def test_the_workflow_below_the_toplevel_is_an_input(tmp_path: Path) -> None:
    write(tmp_path, {"top/workflow.yml": workflow()})
    diagnostics = Diagnostics()
    spec = spec_in(tmp_path, diagnostics, ("toplevel=top",))
    assert spec.input_files == ("top/workflow.yml",)
    assert diagnostics.errors == []
