"""The schemas of reana.yaml, completed from the tables of workflow types, credentials and resource hints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reana_batch.credentials import CREDENTIALS
from reana_batch.frontend import FrontEnd
from reana_batch.reading import hints
from reana_batch.reading.schema import load_schema


def of_analysis(front_ends: Mapping[str, FrontEnd]) -> dict[str, Any]:
    """Return the schema of reana.yaml. Its workflow type is one of ``front_ends``."""
    schema = load_schema("reana.schema.json")
    workflow = schema["properties"]["workflow"]["properties"]
    workflow["type"] = {"enum": sorted(front_ends)}
    workflow["resources"]["properties"] |= _credentials()
    return schema


def of_specification() -> dict[str, Any]:
    """Return the schema of a workflow.specification that holds steps."""
    schema = load_schema("specification.schema.json")
    rules = {name: {"type": row.kind} for name, row in hints.READERS.items()}
    schema["$defs"]["step"]["properties"] |= _credentials() | rules
    return schema


def _credentials() -> dict[str, Any]:
    return {name: {"type": "boolean"} for name in CREDENTIALS}
