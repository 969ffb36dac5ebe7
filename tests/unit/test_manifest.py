"""Manifests of other versions, and damaged ones. No other module knows the form of a manifest or record."""

from __future__ import annotations

import ast
import json
import typing
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from reana_batch.diagnostics import Refused
from reana_batch.run import manifest, run_json
from reana_batch.run.manifest import Manifest, StepEntry
from reana_batch.run.run_json import Intent, RunRecord

ROOT = Path(__file__).parents[2]
STEP: dict[str, Any] = {"name": "s", "label": "s", "folder": "s", "origin": "r:1", "rows": 3, "chunk_size": 2}
RECORD: dict[str, Any] = {"backend": "make", "outputs": {"files": ["a"], "directories": []}, "steps": [STEP]}


def read(tmp_path: Path, record: object) -> Manifest:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(record))
    return manifest.read(path)


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made_by", "named"),
    [("2.0.1", "2.0.1"), (None, "a newer version"), ("\x1b[31m", "a newer version"), (["1"], "a newer version")],
)
def test_a_newer_version_is_refused_with_the_cure(tmp_path: Path, made_by: object, named: str) -> None:
    with pytest.raises(Refused) as caught:
        read(tmp_path, {"manifest_version": manifest.MANIFEST_VERSION + 1, "reana_batch": made_by})
    [fault] = caught.value.diagnostics.errors
    assert f"has version {manifest.MANIFEST_VERSION + 1}" in fault.message
    assert fault.hint == f"the run was made by reana-batch {named}: update reana-batch to that."


def test_an_older_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrades = {
        1: lambda record: {**record, "steps": record.pop("jobs")},
        2: lambda record: {**record, "backend": record.pop("system")},
    }
    monkeypatch.setattr(manifest, "MANIFEST_VERSION", 3)
    monkeypatch.setattr(manifest, "_UPGRADES", MappingProxyType(upgrades))
    outputs = {"files": ["a"], "directories": []}
    step = StepEntry("s", "s", "s", "r:1", 3, 2)
    expected = Manifest("make", output_files=("a",), steps=(step,))
    assert read(tmp_path, {"system": "make", "outputs": outputs, "jobs": [STEP]}) == expected
    assert read(tmp_path, {"manifest_version": 2, "system": "make", "outputs": outputs, "steps": [STEP]}) == expected
    assert read(tmp_path, RECORD | {"manifest_version": 3}) == expected
    with pytest.raises(Refused, match="is damaged"):
        read(tmp_path, {"manifest_version": 1, "system": "make", "outputs": outputs})


def test_every_older_version_has_an_upgrade() -> None:
    assert set(manifest._UPGRADES) == set(range(1, manifest.MANIFEST_VERSION))


def test_a_manifest_of_many_steps_is_written_one_by_one() -> None:
    written = 0

    def entries() -> Iterator[StepEntry]:
        for number in range(1_000):
            assert written == number + 1  # the head, and the steps up to there
            yield StepEntry(f"s{number}", "s", "s", "r:1", 1, 1)

    for _ in manifest.lines(Manifest("make"), entries()):
        written += 1
    assert written == 1_002


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"manifest_version": "1"},
        {"manifest_version": 0},
        {"manifest_version": True},
        {"backend": None},
        {"outputs": []},
        {"outputs": {"files": ["a"]}},
        {"tests": [1]},
        {"expansions": [{"name": "../x", "label": "", "origin": "", "reason": ""}]},
        {"steps": [STEP, STEP]},
    ],
)
def test_a_damaged_manifest(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="is damaged"):
        read(tmp_path, RECORD | change)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 0},
        {"rows": True},
        {"rows": 10**400},
        {"folder": "../s"},
        {"folder": "/s"},
        {"folder": "s\0"},
        {"folder": "\ud800"},
        {"needs": ["t"]},
        {"needs": "s"},
        {"bundle": 0},
        {"row_names": [["a", "r:1"]]},
        {"row_names": ["ab", "cd", "ef"]},
        {"row_names": 7},
        {"row_origins": ["r:1"]},
    ],
)
def test_a_damaged_step(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="is damaged"):
        read(tmp_path, RECORD | {"steps": [STEP | change]})


def test_a_manifest_deeper_than_any_stack(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"steps": ' + "[" * 1_000_000)
    with pytest.raises(Refused, match="is damaged"):
        manifest.read(path)


# --- the record of a run --------------------------------------------------------------------------


def test_what_is_noted_of_a_run_is_read_again(tmp_path: Path) -> None:
    intent = Intent("here", {"schedd": "s"}, "htcondor")
    (tmp_path / "state").mkdir()
    run_json.note(tmp_path, created=1, submitted=2, stopped=3, deleted=4, ids=["1"], host="there")
    run_json.note(tmp_path, spec="a/reana.yaml", restarts="run.1", intent=intent)
    assert run_json.read_record(tmp_path) == RunRecord(1, 2, 3, 4, "a/reana.yaml", "run.1", ("1",), "there", intent)
    run_json.note(tmp_path, stopped=None)
    assert run_json.read_record(tmp_path).stopped is None


def test_a_record_takes_nothing_else() -> None:
    assert typing.get_type_hints(run_json.Facts).keys() == {each.name for each in fields(RunRecord)}
    note = ast.parse((ROOT / "compiler/run/run_json.py").read_text("utf-8"))
    taking = [node for node in ast.walk(note) if isinstance(node, ast.FunctionDef) and node.args.kwarg]
    assert [ast.unparse(node.args) for node in taking] == ["directory: Path, **facts: Unpack[Facts]"]


# --- modules that know the form -------------------------------------------------------------------

# The modules that read and write the JSON of a run, and the lines of a record.
_PARSING = ("manifest", "records", "run_json", "frozen", "learned", "inputs", "json_fields", "sessions")
PARSING = {f"compiler/run/{name}.py" for name in _PARSING}
# Front ends, passes and the readers of analyses have mappings of their own, and see no run.
FOLDERS = ("compiler/run", "compiler/writing", "compiler/lifecycle", "compiler/report", "compiler/cli", "backends")
MODULES = sorted(
    str(path.relative_to(ROOT))
    for path in (*(ROOT / "compiler").glob("*.py"), *(path for each in FOLDERS for path in (ROOT / each).rglob("*.py")))
)
NAMES = {"step", "steps", "manifest", "record", "records", "entry", "expansion", "part"}


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name. Empty for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def looks_into(node: ast.AST) -> bool:
    """Return whether an expression takes a value by its key from a variable named like an entry."""
    if isinstance(node, ast.Subscript):
        return (
            last_name(node.value) in NAMES
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        first = node.args[0] if node.args else None
        return last_name(node.func.value) in NAMES and isinstance(first, ast.Constant) and isinstance(first.value, str)
    return False


def is_untyped(node: ast.AST) -> bool:
    """Return whether a node declares an entry to be a mapping."""
    if isinstance(node, ast.arg):
        name, kind = node.arg, node.annotation
    elif isinstance(node, ast.AnnAssign):
        name, kind = last_name(node.target), node.annotation
    else:
        return False
    return name in NAMES and kind is not None and any(word in ast.unparse(kind) for word in ("Any", "str, str]"))


def faults(source: str) -> list[int]:
    """Return the lines at which a program uses an entry as a mapping."""
    nodes = ast.walk(ast.parse(source))
    return sorted(node.lineno for node in nodes if looks_into(node) or is_untyped(node))  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", [module for module in MODULES if module not in PARSING])
def test_entries_have_types_outside_the_modules_that_parse_them(module: str) -> None:
    assert faults((ROOT / module).read_text("utf-8")) == []


def test_only_these_modules_read_json_of_a_run() -> None:
    knowing = {module for module in MODULES if "read_json" in (ROOT / module).read_text("utf-8")}
    assert knowing - {"compiler/run/small_files.py"} <= PARSING


def test_the_check_sees_what_it_forbids() -> None:
    source = 'step["name"]\nrun.manifest["steps"]\nrecord.get("row")\ndef f(step: dict[str, Any]): ...\n'
    source += "manifest: Mapping[str, Any] = {}\nsteps[name]\nrecords.get(name)\nstep.name\n"
    assert faults(source) == [1, 2, 3, 4, 5]
    assert all((ROOT / module).exists() for module in PARSING)
