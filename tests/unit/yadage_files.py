"""Yadage workflows in files, read by the front end and by Yadage's own library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yadageschemas
from yadageschemas.dialects.raw_with_defaults import extend_with_defaults

from reana_batch.diagnostics import Diagnostics, render
from reana_batch.frontends import FRONTENDS
from reana_batch.frontends.yadage import definition
from reana_batch.frontends.yadage.definition import Definition
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.spec import Spec

SCHEMA = {"schema_name": "yadage/workflow-schema", "schemadir": None}
REANA = "workflow:\n  type: yadage\n  file: workflow.yml\n"

STEP = """\
  process: {process_type: string-interpolated-cmd, cmd: 'echo {a}'}
  environment: {environment_type: docker-encapsulated, image: busybox}
  publisher: {publisher_type: frompar-pub, outputmap: {o: a}}
"""


def workflow(step: str = "{$ref: 'steps.yml#/x'}", parameters: str = "{a: 1}", name: str = "s") -> str:
    """Return a workflow of one stage."""
    return f"""\
stages:
- name: {name}
  dependencies: []
  scheduler:
    scheduler_type: singlestep-stage
    parameters: {parameters}
    step: {step}
"""


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in {"reana.yaml": REANA, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def spec_in(folder: Path, diagnostics: Diagnostics, options: tuple[str, ...] = ()) -> Spec:
    return read_spec(folder / "reana.yaml", FRONTENDS, diagnostics, options=options)


def read(folder: Path, files: Mapping[str, str], *options: str) -> tuple[Definition | None, str]:
    """Return the workflow and all messages that the user would see."""
    write(folder, files)
    diagnostics = Diagnostics()
    found = definition.read(spec_in(folder, diagnostics, options), folder, diagnostics)
    return found, render(diagnostics, diagnostics.sources).replace(str(folder), "DIR")


def sound(folder: Path, files: Mapping[str, str], *options: str) -> Definition:
    found, shown = read(folder, files, *options)
    assert found is not None, shown
    return found


def loaded(folder: Path, file: str = "workflow.yml", toplevel: str = "") -> Any:
    """Return the workflow that Yadage's library reads, with its defaults."""
    options = {"toplevel": str(folder / toplevel), "load_as_ref": False, **SCHEMA}
    return yadageschemas.load(file, options, validopts=SCHEMA)


def with_defaults(data: Any) -> Any:
    """Return plain data with the defaults of Yadage's library, which checks it."""
    data = json.loads(json.dumps(data))
    extend_with_defaults(data, **SCHEMA)
    yadageschemas.validate_spec(data, SCHEMA)
    return data
