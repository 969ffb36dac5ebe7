"""Command lines that are known when the user compiles: which they are, and that they are those of cwltool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cwltool.context import LoadingContext
from cwltool.load_tool import load_tool
from cwltool.process import Process
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reana_batch.frontends.cwl.commands import Commands, settings_of
from reana_batch.frontends.cwl.faults import Places
from reana_batch.frontends.cwl.files import Folders
from reana_batch.frontends.cwl.locations import url_of
from reana_batch.frontends.cwl.ports import Ports
from reana_batch.frontends.cwl.records import JOBS_MARK, OWN_MARK, WORKSPACE_MARK, CommandRecord, FileRecord
from reana_batch.frontends.cwl.values import Items, Known, Out, Value

from .records import FEATURES, HEAD, find

TOOL: dict[str, Any] = {
    "cwlVersion": "v1.2",
    "class": "CommandLineTool",
    "baseCommand": "fit",
    "inputs": {
        "word": {"type": "string?", "inputBinding": {"prefix": "--word=", "separate": False}},
        "count": {"type": "int?", "inputBinding": {"prefix": "-n", "position": 2}},
        "file": {"type": "File?", "inputBinding": {"position": 1}},
        "each": {"type": "string[]?", "inputBinding": {"prefix": "--each"}},
        "many": {"type": ["null", {"type": "array", "items": "int", "inputBinding": {"prefix": "-m"}}]},
        "joined": {"type": "File[]?", "inputBinding": {"itemSeparator": ",", "prefix": "--files"}},
    },
    "arguments": [{"prefix": "--in", "valueFrom": "$(runtime.outdir)/$(inputs.word).root"}],
    "outputs": {"made": "stdout"},
    "stdout": "made.txt",
}


class Made:
    """A tool, and its commands in an analysis."""

    def __init__(self, folder: Path, tool: Any) -> None:
        path = folder / "tool.cwl"
        path.write_text(json.dumps(tool), "utf-8")
        self.process: Process = load_tool(str(path), LoadingContext({"relax_path_checks": True}))
        self.folders = Folders(str(folder), str(folder))
        self.ports = Ports(self.folders, Places(str(folder)))

    def record(self, *, number: int = 0, **inputs: Any) -> CommandRecord | None:
        values = {name: each if isinstance(each, Value) else Known(each) for name, each in inputs.items()}
        return Commands(self.folders, self.ports).record(self.process, values, "fit", number)

    def of_cwltool(self, inputs: Any) -> list[str]:
        """Return the command line that cwltool makes of the values themselves."""
        (job,) = self.process.job(inputs, None, settings_of(self.folders))  # type: ignore[arg-type]  # nothing is called back
        return list(job.command_line)  # type: ignore[union-attr]  # a job of a tool has one


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("tool"), TOOL)


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(-(2**31), 2**31 - 1)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_ .-]{0,8}", fullmatch=True)


def file(name: str) -> dict[str, Any]:
    return {"class": "File", "location": url_of(f"{WORKSPACE_MARK}/data/{name}"), "basename": name}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "word": texts,
            "count": numbers,
            "file": names.map(file),
            "each": st.lists(texts, max_size=6),
            "many": st.lists(numbers, max_size=6),
            "joined": st.lists(names.map(file), max_size=6),
        },
    )
)
def test_the_command_line_is_that_of_cwltool(made: Made, inputs: dict[str, Any]) -> None:
    found = made.record(**inputs)
    assert found is not None
    assert found.words == made.of_cwltool(inputs)


def test_the_record_of_a_command(tmp_path: Path) -> None:
    tool = TOOL | {
        "inputs": {"file": "File", "name": "string"},
        "arguments": ["$(inputs.file.nameroot)", "$(inputs.file.path)"],
        "outputs": {
            "log": "stderr",
            "made": {"type": "File", "outputBinding": {"glob": "$(inputs.name).root"}, "format": "edam:format_3650"},
        },
        "requirements": {"EnvVarRequirement": {"envDef": {"MODE": "$(inputs.name)", "HOME": "/here"}}},
        "stdin": "$(inputs.file.path)",
        "stdout": "out/$(inputs.name).txt",
        "stderr": "log",
        "$namespaces": {"edam": "http://edamontology.org/"},
    }
    before = {"class": "File", "location": url_of(f"{tmp_path}/data/a b.csv"), "basename": "a b.csv"}
    assert Made(tmp_path, tool).record(file=before, name="x") == CommandRecord(
        ["fit", "a b", f"{WORKSPACE_MARK}/data/a b.csv"],
        f"{WORKSPACE_MARK}/data/a b.csv",
        "out/x.txt",
        "log",
        ["MODE=x"],
        [FileRecord("log", "log", ""), FileRecord("made", "x.root", "http://edamontology.org/format_3650")],
    )


def test_a_name_that_bash_would_not_read_as_it_is(tmp_path: Path) -> None:
    tool = PLAIN | {"stdout": "$(inputs.word).txt"}
    for word, is_known in (("x", True), ("a b", False), ("../x", False), ("$x", False), ("", False)):
        assert bool(Made(tmp_path, tool).record(**GIVEN | {"word": word})) == is_known


def test_files_of_jobs_before_are_known(tmp_path: Path) -> None:
    text = (
        HEAD
        + FEATURES
        + (
            "inputs: {words: 'string[]'}\n"
            "outputs: {}\n"
            "steps:\n"
            "  say: {run: echo.cwl, scatter: word, in: {word: words}, out: [said]}\n"
            "  more: {run: cat.cwl, in: {parts: say/said}, out: [said]}\n"
        )
    )
    (tmp_path / "cat.cwl").write_text(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: cat\nstdout: all\n"
        "inputs: {parts: {type: 'File[]', inputBinding: {}}}\noutputs: {said: stdout}\n"
    )
    found = find(tmp_path, text, {"words": list("abcde")})
    say, more = found.jobs[1].command, found.jobs[-1].command
    assert say is not None
    assert more is not None
    assert say.words == ["echo", "b"]
    assert more.words == ["cat", *(f"{JOBS_MARK}{number}/{say.stdout}" for number in range(5))]
    assert [step.known for step in found.steps] == [True, True]


PLAIN: dict[str, Any] = {
    "cwlVersion": "v1.2",
    "class": "CommandLineTool",
    "baseCommand": "fit",
    "requirements": {"InlineJavascriptRequirement": {}},
    "inputs": {"word": "string", "file": "File"},
    "outputs": {"made": {"type": "File", "outputBinding": {"glob": "made"}}},
}
GIVEN: dict[str, Any] = {"word": "x", "file": file("in")}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"arguments": ["$(inputs.word)", "${return inputs.word + inputs.file.basename;}"]},
        {"arguments": ["$(runtime.cores)"], "hints": {"ResourceRequirement": {"coresMin": 2}}},
        {"hints": {"DockerRequirement": {"dockerPull": "debian:12"}}},
        {"requirements": {"DockerRequirement": {"dockerPull": "debian:12"}}},
        {"requirements": {"ShellCommandRequirement": {}}, "arguments": [{"valueFrom": "a | b", "shellQuote": False}]},
    ],
)
def test_a_command_that_is_known(more: dict[str, Any], tmp_path: Path) -> None:
    assert Made(tmp_path, PLAIN | more).record(**GIVEN) is not None


OUT = {"type": "File", "outputBinding": {"glob": "made"}}


@pytest.mark.parametrize(
    "more",
    [
        {"arguments": ["$(inputs.file.size)"]},
        {"arguments": ["$(inputs)"]},
        {"arguments": ["$(runtime.tmpdir)"]},
        {"arguments": ["${return JSON.stringify(inputs['file']);}"]},
        {"arguments": ["${return nothing.at.all;}"]},
        {"inputs": PLAIN["inputs"] | {"file": {"type": "File", "loadContents": True}}},
        {"inputs": PLAIN["inputs"] | {"file": {"type": "File", "secondaryFiles": ".index"}}},
        {"inputs": PLAIN["inputs"] | {"word": {"type": "string", "inputBinding": {"position": "$(1)"}}}},
        {"inputs": PLAIN["inputs"] | {"word": "int"}},
        {"outputs": {"made": OUT | {"type": "File?"}}},
        {"outputs": {"made": OUT | {"type": "Directory"}}},
        {"outputs": {"made": OUT | {"secondaryFiles": ".index"}}},
        {"outputs": {"made": {"type": "File", "outputBinding": {"glob": "*.root"}}}},
        {"outputs": {"made": {"type": "File", "outputBinding": {"glob": "../made"}}}},
        {"outputs": {"made": {"type": "File", "outputBinding": {"glob": ["a", "b"]}}}},
        {"outputs": {"made": {"type": "File", "outputBinding": {"glob": "made", "outputEval": "$(self[0])"}}}},
        {"outputs": {"made": {"type": "string"}}},
        {"successCodes": [1]},
        {"temporaryFailCodes": [75]},
        {"requirements": {"InitialWorkDirRequirement": {"listing": ["$(inputs.file)"]}}},
        {"requirements": {"ToolTimeLimit": {"timelimit": 5}}},
        {"requirements": {"EnvVarRequirement": {"envDef": {"PATH": "/bin"}}}},
        {"requirements": {"DockerRequirement": {"dockerPull": "debian:12", "dockerOutputDirectory": "/out"}}},
        {
            "requirements": {"NetworkAccess": {"networkAccess": False}},
            "hints": {"DockerRequirement": {"dockerPull": "debian:12"}},
        },
    ],
)
def test_a_command_that_only_the_job_can_know(more: dict[str, Any], tmp_path: Path) -> None:
    assert Made(tmp_path, PLAIN | more).record(**GIVEN) is None


@pytest.mark.parametrize(
    "given_file",
    [
        Out("before", "made"),
        Items((Known(file("in")), Out("before", "made"))),
        file("in") | {"basename": "other"},
        file("in") | {"secondaryFiles": [file("index")]},
        {"class": "File", "basename": "in", "contents": "text"},
        {"class": "File", "location": "https://example.org/in", "basename": "in"},
    ],
)
def test_a_file_that_is_not_in_its_place(given_file: Any, tmp_path: Path) -> None:
    assert Made(tmp_path, PLAIN).record(word="x", file=given_file) is None


def test_the_directory_of_the_job(tmp_path: Path) -> None:
    found = Made(tmp_path, PLAIN | {"arguments": ["$(runtime.outdir)/x"]}).record(**GIVEN)
    assert found is not None
    assert found.words == ["fit", f"{OWN_MARK}/x"]
