"""A CWL document that is a part of reana.yaml, as the text of a file in which all places are the same."""

from __future__ import annotations

import json
from typing import NamedTuple

import yaml

from reana_batch.reading.document import Loader
from reana_batch.reading.spec import Spec

_PATH = ("workflow", "specification")


class Source(NamedTuple):
    """Where a document is."""

    path: str
    text: str = ""  # if it is a part of that file: the part, at its lines and columns


def source(spec: Spec) -> Source:
    """Return the document that workflow.file names, or else the one in workflow.specification."""
    if spec.workflow_file:
        return Source(spec.workflow_file)
    place = spec.document.place(_PATH)
    data = spec.document.data["workflow"]["specification"]
    text = "\n" * (place.line - 1) + " " * (place.column - 1) + spec.document.source_of(_PATH)
    return Source(str(spec.path), text if _value(text) == data else json.dumps(data))


def _value(text: str) -> object:
    """Return the value of a text as YAML. If it uses an anchor outside of it, return None."""
    try:
        return yaml.load(text, Loader)  # noqa: S506  # it is a safe loader
    except yaml.YAMLError:
        return None
