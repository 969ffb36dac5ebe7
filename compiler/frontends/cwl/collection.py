"""The outputs of a CWL document, brought from the workspace to where the user wants them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

from reana_batch.frontends.cwl.locations import files, is_file, url_of
from reana_batch.frontends.cwl.records import OUTPUT_OBJECT, WORKSPACE
from reana_batch.frontends.cwl.staging import FOLDER
from reana_batch.frontends.cwl.values import Json

# What is described again, or what cwltool leaves out of an output object.
_LEFT_OUT = frozenset({"location", "path", "dirname", "nameroot", "nameext", "contents", "listing"})


class Collection:
    """Brings the outputs of a workspace into a directory. A file that is there already is replaced."""

    def __init__(self, workspace: Path, directory: Path, *, move: bool) -> None:
        self._workspace = workspace
        self._directory = Path(os.path.abspath(directory))
        self._move = move
        self._inputs = {_identity(path) for path in (workspace / FOLDER).rglob("*") if path.is_file()}
        self._placed: dict[str, Path] = {}

    def outputs(self) -> dict[str, Json]:
        """Return the output object, with the files at their places in the directory.

        Raises OSError if the object or a file cannot be read or written.
        """
        found: dict[str, Json] = json.loads((self._workspace / OUTPUT_OBJECT).read_text("utf-8"))
        for path in sorted(_paths(found)):  # a directory before the files in it
            self._place(path)
        return {name: self._value(value) for name, value in found.items()}

    def _value(self, value: Json) -> Json:
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if not isinstance(value, dict):
            return value
        location = value.get("location")
        if not (is_file(value) and isinstance(location, str)):
            return {key: self._value(each) for key, each in value.items()}
        if not location.startswith(WORKSPACE):
            return value
        kept = {key: self._value(each) for key, each in value.items() if key not in _LEFT_OUT}
        return _described(self._placed[_path(location)], kept)

    def _place(self, path: str) -> None:
        """Bring a file or directory of the workspace, unless it is in one that has been brought."""
        above = next((str(each) for each in Path(path).parents if str(each) in self._placed), "")
        if above and path not in self._placed:
            self._placed[path] = self._placed[above] / os.path.relpath(path, above)
        if path not in self._placed:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._placed[path] = self._directory / os.path.basename(path)
            self._bring(self._workspace / path, self._placed[path])

    def _bring(self, source: Path, target: Path) -> None:
        """Move or copy a file or directory. Directories of one name become one."""
        if source.is_dir():
            if not target.is_dir():
                target.unlink(missing_ok=True)
                target.mkdir()
            for name in sorted(os.listdir(source)):
                self._bring(source / name, target / name)
            return
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        if self._move and _identity(source) not in self._inputs:  # an input is the user's own file
            shutil.move(source, target)
        else:
            shutil.copy2(source, target)


def _paths(outputs: Json) -> set[str]:
    """Return the paths in the workspace that an output object names."""
    locations = (each.get("location") for each in files(outputs))
    return {_path(each) for each in locations if isinstance(each, str) and each.startswith(WORKSPACE)}


def _path(location: str) -> str:
    return unquote(location.removeprefix(WORKSPACE))


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _described(path: Path, known: Mapping[str, Json] = MappingProxyType({})) -> dict[str, Json]:
    """Return what an output object says of a file or directory on this machine, with what is known of it."""
    is_folder = path.is_dir()
    found: dict[str, Json] = {
        "class": "Directory" if is_folder else "File",
        "location": url_of(str(path)),
        "basename": path.name,
        **known,
        "path": str(path),
    }
    if is_folder:
        return {**found, "listing": [_described(path / name) for name in sorted(os.listdir(path))]}
    return {**found, "checksum": known.get("checksum") or f"sha1${_sha1(path)}", "size": path.stat().st_size}


def _sha1(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
