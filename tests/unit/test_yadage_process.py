"""The side that starts Yadage's process: its answer, and its faults at their places."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest

from reana_batch.diagnostics import Diagnostics, Refused, render
from reana_batch.frontends import versions
from reana_batch.frontends.yadage import definition, process
from reana_batch.frontends.yadage.records import WARNINGS, Past, Request
from reana_batch.reading.spec import Spec
from tests.unit.yadage_files import REANA, STEP, spec_in, workflow, write

FILES = {"workflow.yml": workflow(parameters="{a: 1}"), "steps.yml": f"x:\n{STEP}"}


def reading(
    folder: Path, files: dict[str, str], parameters: dict[str, Any] | None = None, past: Past | None = None
) -> process.Reading | str:
    """Return what Yadage knows, or the messages."""
    write(folder, files)
    diagnostics = Diagnostics()
    spec = spec_in(folder, diagnostics)
    written = definition.read(spec, folder, diagnostics)
    assert written is not None
    request = Request(written.data, parameters or {}, str(folder), "", past)
    try:
        return process.read(spec, folder, written, request, diagnostics)
    except Refused:
        return render(diagnostics, diagnostics.sources).replace(str(folder), "DIR")


def test_the_answer_has_all_records(tmp_path: Path) -> None:
    found = reading(tmp_path, FILES)
    assert isinstance(found, process.Reading), found
    assert [(stage.label, stage.pieces, stage.names) for stage in found.stages] == [("s", ["echo ", ""], ["a"])]
    assert [(job.name, job.fields, job.parents) for job in found.jobs] == [("s", ["1"], [])]
    assert (found.groups, found.pending, found.end.known) == ([], [], {})


def test_a_fault_is_shown_at_its_line(tmp_path: Path) -> None:
    shown = reading(tmp_path, {**FILES, "steps.yml": f"x:\n{STEP}".replace("{a}", "{aa}")})
    assert shown == (
        'DIR/steps.yml:2:57: error: This stage has no parameter "aa". [bad-workflow]\n'
        "    process: {process_type: string-interpolated-cmd, cmd: 'echo {aa}'}\n"
        "                                                          ^^^^^^^^^^^\n"
        "hint: did you mean a?\n"
    )


def test_a_parameter_of_the_workflow_is_shown_in_reana_yaml(tmp_path: Path) -> None:
    (tmp_path / "Africa").touch()
    reana = REANA + "inputs:\n  parameters:\n    region: Africa\n"
    write(tmp_path, {**FILES, "reana.yaml": reana})
    diagnostics = Diagnostics()
    spec = spec_in(tmp_path, diagnostics)
    written = definition.read(spec, tmp_path, diagnostics)
    assert written is not None
    request = Request(written.data, {"region": "Africa"}, str(tmp_path), "", None)
    process.read(spec, tmp_path, written, request, diagnostics)
    (warning,) = diagnostics.warnings
    assert warning.message == 'Parameter region becomes a path, because there is a file "Africa".'
    assert warning.place is not None
    assert warning.place.line == 6


def spec_of(folder: Path) -> Spec:
    write(folder, FILES)
    return spec_in(folder, Diagnostics())


def test_yadage_must_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    spec = spec_of(tmp_path)
    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(Refused) as refused:
        versions.check(spec, Diagnostics(), "Yadage", process.VERSIONS)
    (error,) = refused.value.diagnostics.errors
    assert (error.code, error.message) == ("missing-tool", "Yadage is not installed.")
    assert error.hint == "install it: pip install 'reana-batch[yadage]'"
    assert error.place is not None
    assert error.place.line == 2


def test_another_version_of_yadage_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(tmp_path)
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.20.1")
    with pytest.raises(Refused, match=r"yadage must be 0.21.2. This is 0.20.1."):
        versions.check(spec, Diagnostics(), "Yadage", process.VERSIONS)


def test_settings_of_yadage_in_the_environment_have_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKTIVITY_DATAMODEL_IMPL", "none")
    monkeypatch.setenv("YADAGE_STATEPROVIDER", "none")
    assert isinstance(reading(tmp_path, FILES), process.Reading)


def test_each_warning_has_a_message() -> None:
    assert process.MESSAGES.keys() >= WARNINGS
