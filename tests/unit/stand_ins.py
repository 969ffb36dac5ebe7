"""A run of two steps, and programs of a test that are used as the tools of a batch system."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reana_batch import pipeline
from reana_batch.compilation import Options
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle.creation import write_run

ANALYSIS = """
workflow:
  type: serial
  specification:
    steps:
      - {name: gen, environment: "debian:12", commands: [echo 1]}
      - {name: fit, environment: "debian:12", commands: [echo 2]}
"""

# Takes what each program does in bash, under its name.
Tools = Callable[..., None]


def compiled(tmp_path: Path, backend: str) -> Path:
    """Return the directory of a run of two steps that has not been submitted."""
    (tmp_path / "reana.yaml").write_text(ANALYSIS)
    options = Options(backend=backend, settings=("container_runtime=none",))
    write_run(pipeline.compile_spec(tmp_path / "reana.yaml", options, Diagnostics()), tmp_path / "made.1")
    return tmp_path / "made.1"


def in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Return what puts programs into PATH. Each writes its words into the file ``called``."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(**programs: str) -> None:
        for name, does in programs.items():
            (folder / name).write_text(f'#!/bin/bash\necho "{name} $*" >>"{tmp_path}/called"\n{does}\n')
            (folder / name).chmod(0o755)

    return put
