"""Workflows that both this program and cwltool run, and a form of their outputs that does not depend on the place."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

FLOWS = Path(__file__).parent / "flows"

# cwltool names a stdout without a name by a digest of the tool, in which paths are absolute.
_DIGEST = re.compile(r"\b[0-9a-f]{40}\b")
_KEPT = ("class", "basename", "size", "checksum", "format", "contents")


def names() -> list[str]:
    """Return the names of all flows."""
    return sorted(path.parent.name for path in FLOWS.glob("*/reana.yaml"))


def copy(flow: str, directory: Path) -> Path:
    """Return a copy of the analysis."""
    return Path(shutil.copytree(FLOWS / flow, directory))


def analysis(workspace: Path) -> tuple[str, Path]:
    """Return the name of the document and a file in the workspace with its inputs. Paths in it are relative to that."""
    found = yaml.safe_load((workspace / "reana.yaml").read_text("utf-8"))
    parameters = found["inputs"]["parameters"]
    if "input" in parameters:
        parameters = yaml.safe_load((workspace / parameters["input"]).read_text("utf-8"))
    inputs = workspace / "inputs.json"
    inputs.write_text(json.dumps(parameters), "utf-8")
    return found["workflow"]["file"], inputs


def shown(value: Any) -> Any:
    """Return an output without what depends on the place of the run, and on the order of a directory."""
    if isinstance(value, list):
        return [shown(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("class") not in ("File", "Directory"):
        return {name: shown(each) for name, each in value.items()}
    inner = {
        name: sorted((shown(each) for each in value[name]), key=lambda each: each["basename"])
        for name in ("secondaryFiles", "listing")
        if name in value
    }
    own = {name: value[name] for name in _KEPT if name in value}
    return own | {"basename": _DIGEST.sub("DIGEST", own["basename"])} | inner


def made(directory: Path) -> dict[str, str]:
    """Return the content of the files in a directory, by path. It is empty if there is none."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return {_DIGEST.sub("DIGEST", str(path.relative_to(directory))): path.read_text("utf-8") for path in found}


def lost(value: Any, directory: Path) -> list[str]:
    """Return the locations in an output that are not in the directory."""
    if isinstance(value, list):
        return [name for each in value for name in lost(each, directory)]
    if not isinstance(value, Mapping):
        return []
    inner = [name for each in value.values() for name in lost(each, directory)]
    location = value.get("location", "")
    return [*inner, location] if location and not (directory / unquote(location.partition(":")[2])).exists() else inner
