"""The whole output of each case. ``REWRITE_GOLDEN=1 pytest tests/golden`` accepts the present one; review the diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reana_batch.backends import BACKENDS

from .golden_cases import GOLDEN, HERE, STATIC, Case, golden_path, whole_text

REWRITE = bool(os.environ.get("REWRITE_GOLDEN"))


@pytest.mark.parametrize(("case", "backend"), GOLDEN, ids=[f"{backend}-{case.name}" for case, backend in GOLDEN])
def test_the_run_directory_is_what_the_golden_file_says(case: Case, backend: str, compiled: Path) -> None:
    crash = compiled / backend / case.name / "crash"
    assert not crash.exists(), crash.read_text("utf-8")
    actual = whole_text(compiled / backend / case.name, case.names_only)
    path = golden_path(case, backend)
    if REWRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(actual.encode())
    assert path.exists(), "no golden file yet: REWRITE_GOLDEN=1 makes it"
    assert actual.split("\n") == path.read_bytes().decode().split("\n")


def test_every_golden_file_has_its_case() -> None:
    expected = {golden_path(case, backend) for case, backend in GOLDEN}
    assert {path for backend in BACKENDS for path in (HERE / backend).iterdir()} == expected


def test_the_libraries_are_the_templates(compiled: Path) -> None:
    for name, text in STATIC.items():
        if name == "batch/session-lib.sh":  # written when a session is opened
            continue
        copies = [path for path in compiled.glob(f"*/*/run/{name}") if path.is_file()]
        assert copies
        assert {path.read_text("utf-8") for path in copies} == {text}
