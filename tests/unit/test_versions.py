"""Versions of the packages that front ends rest on."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from reana_batch import frontends
from reana_batch.diagnostics import Diagnostics, Refused
from reana_batch.frontends import versions
from reana_batch.frontends.cwl import process
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.spec import Spec


@pytest.mark.parametrize(
    ("version", "accepted"),
    [("9.21.9", False), ("9.22.0", True), ("9.22", True), ("9.99.1", True), ("10.0.0", False), ("3.3.20260925", False)],
)
def test_versions_are_compared_as_numbers(version: str, accepted: bool) -> None:
    assert versions.between((9, 22), (10,))(version) == accepted


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    (tmp_path / "flow.cwl").touch()
    (tmp_path / "reana.yaml").write_text("workflow:\n  file: flow.cwl\n  type: cwl\n", "utf-8")
    return read_spec(tmp_path / "reana.yaml", frontends.FRONTENDS, Diagnostics())


def check(spec: Spec) -> str:
    with pytest.raises(Refused) as refused:
        versions.check(spec, Diagnostics(), "cwltool", process.VERSIONS)
    (error,) = refused.value.diagnostics.errors
    assert error.code == "missing-tool"
    assert error.hint == "install it: pip install 'reana-batch[cwl]'"
    assert error.place is not None
    assert error.place.line == 3
    return error.message


def test_cwltool_must_be_installed(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert check(spec) == "cwltool is not installed."


def test_an_old_cwltool_is_refused(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "3.1.20210628163208")
    assert check(spec) == "cwltool must be 3.3 or newer. This is 3.1.20210628163208."
