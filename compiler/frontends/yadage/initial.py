"""The parameters of a Yadage workflow's init: those of the option initfiles, and inputs.parameters over them."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.frontends.mirror import undeclared
from reana_batch.reading.document import mapping_at, read_document
from reana_batch.reading.inputs import PATH_HINT, hint_of_missing, path_problem
from reana_batch.reading.spec import Spec

_PATH = ("inputs", "options")


class Initial(NamedTuple):
    """What init gets."""

    parameters: dict[str, Any]  # a value of -p is a text
    directory: str  # of relative paths in them, relative to the workspace


def read(spec: Spec, root: Path, diagnostics: Diagnostics) -> Initial:
    """Return what init gets, with files read in the directory ``root``. Faults are recorded."""
    parameters: dict[str, Any] = {}
    for name, place in _files(spec, diagnostics):
        parameters |= _content(spec, root, name, place, diagnostics)
    return Initial({**parameters, **spec.values}, _directory(spec, root, diagnostics))


def _files(spec: Spec, diagnostics: Diagnostics) -> Iterator[tuple[str, Place | None]]:
    """Yield the files of the option initfiles with their places. A text stands for one file."""
    written = mapping_at(spec.document.data, *_PATH).get("initfiles")
    chosen = spec.options.get("initfiles", "")
    if chosen != str(written):  # -o has replaced it
        yield from [(chosen, None)] if chosen else []
        return
    for index, name in enumerate(written if isinstance(written, list) else [written]):
        place = spec.document.place([*_PATH, "initfiles", *([index] if isinstance(written, list) else [])])
        if isinstance(name, str):
            yield name, place
        elif chosen:
            diagnostics.error("bad-type", "initfiles must be a list of paths.", place, "write the paths of YAML files.")


def _content(spec: Spec, root: Path, name: str, place: Place | None, diagnostics: Diagnostics) -> dict[str, Any]:
    """Return the parameters in a file."""
    if problem := path_problem(name):
        diagnostics.error("input-path", f"initfiles: {problem}", place, PATH_HINT)
        return {}
    if not (root / name).is_file():
        hint = undeclared(spec, root, posixpath.normpath(name)) or hint_of_missing(root, name, True)
        diagnostics.error("missing-file", f'"{name}" does not exist.', place, hint)
        return {}
    shown = os.path.join(os.path.dirname(spec.document.file), posixpath.normpath(name))
    document = read_document(root / name, shown, diagnostics)
    if document is not None and not isinstance(document.data, dict):
        diagnostics.error("bad-type", "A file of initfiles must be a mapping.", document.place([]))
    return dict(document.data) if document is not None and isinstance(document.data, dict) else {}


def _directory(spec: Spec, root: Path, diagnostics: Diagnostics) -> str:
    name = spec.options.get("initdir", "")
    written = "initdir" in mapping_at(spec.document.data, *_PATH)
    place = spec.document.place([*_PATH, "initdir"]) if written else None
    if name and (problem := path_problem(name)):
        diagnostics.error("input-path", f"initdir: {problem}", place, PATH_HINT)
        return ""
    if name and not (root / name).is_dir():
        message = f'The folder "{name}" of initdir does not exist, so no parameter names a file in it.'
        hint = undeclared(spec, root, posixpath.normpath(name)) or hint_of_missing(root, name, True)
        diagnostics.warning("missing-file", message, place, hint)
    return name
