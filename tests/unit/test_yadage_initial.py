"""The parameters that init of a Yadage workflow gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from reana_batch.diagnostics import Diagnostics, render
from reana_batch.frontends import FRONTENDS
from reana_batch.frontends.yadage import initial
from reana_batch.frontends.yadage.initial import Initial
from reana_batch.reading.analysis import read_spec
from tests.unit.yadage_files import REANA, write

FILES = {"workflow.yml": "stages: []\n", "a.yml": "{x: 1, y: 2, z: 3}", "sub/b.yml": "{y: 20}", "list.yml": "[1]"}


def read(folder: Path, inputs: str, options: tuple[str, ...] = (), given: tuple[str, ...] = ()) -> tuple[Initial, str]:
    write(folder, {**FILES, "reana.yaml": f"{REANA}inputs: {inputs}\n"})
    diagnostics = Diagnostics()
    spec = read_spec(folder / "reana.yaml", FRONTENDS, diagnostics, given, options)
    found = initial.read(spec, folder, diagnostics)
    return found, render(diagnostics, diagnostics.sources).replace(str(folder), "DIR")


def test_later_files_and_parameters_win(tmp_path: Path) -> None:
    inputs = "{options: {initfiles: [a.yml, sub/b.yml], initdir: sub}, parameters: {z: 30, n: 5}}"
    found, shown = read(tmp_path, inputs, given=("n=7",))
    assert found == Initial({"x": 1, "y": 20, "z": 30, "n": "7"}, "sub")
    assert shown == ""


@pytest.mark.parametrize(
    ("inputs", "options"),
    [("{options: {initfiles: a.yml}}", ()), ("{options: {initfiles: [b]}}", ("initfiles=a.yml",))],
)
def test_a_text_is_one_file(inputs: str, options: tuple[str, ...], tmp_path: Path) -> None:
    assert read(tmp_path, inputs, options) == (Initial({"x": 1, "y": 2, "z": 3}, ""), "")


def test_without_options_the_parameters_are_those_of_the_inputs(tmp_path: Path) -> None:
    assert read(tmp_path, "{parameters: {a: 1.5}}") == (Initial({"a": 1.5}, ""), "")


FAULTS = {
    "{options: {initfiles: [b.yml]}}": 'DIR/reana.yaml:4:32: error: "b.yml" does not exist. [missing-file]',
    "{options: {initfiles: [/b.yml]}}": "error: initfiles: A path must be relative",
    "{options: {initfiles: [{a: 1}]}}": "error: initfiles must be a list of paths. [bad-type]",
    "{options: {initfiles: [list.yml]}}": "DIR/list.yml:1:1: error: A file of initfiles must be a mapping. [bad-type]",
    "{options: {initdir: ../x}}": 'error: initdir: A path must not contain ".."',
    "{options: {initdir: sup}}": 'warning: The folder "sup" of initdir does not exist',
}


@pytest.mark.parametrize("inputs", FAULTS)
def test_what_cannot_be_read_is_reported(inputs: str, tmp_path: Path) -> None:
    found, shown = read(tmp_path, inputs)
    assert found.parameters == {}
    assert FAULTS[inputs] in shown
