"""Where the files of a workflow are: locations as cwltool has them, and as records have them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from cwltool.stdfsaccess import StdFsAccess
from ruamel.yaml.scalarfloat import ScalarFloat

from reana_batch.frontends.cwl.locations import FILE, OWN, is_file, mapped, path_of, url_of
from reana_batch.frontends.cwl.records import WORKSPACE

# A file of the mirror that a job downloads is empty and has this age.
_NOT_YET = 1


class Folders:
    """The workspace, or what replaces it when the user compiles, and the analysis with the document."""

    def __init__(self, directory: str, analysis: str, *, whole: bool = False) -> None:
        self.directory = directory
        self._whole = whole  # are other files of this machine inputs too?
        self._workspace = url_of(directory) + "/" if directory else ""
        self._analysis = url_of(analysis) + "/" if analysis else ""

    def inside(self, location: str) -> str:
        """Return a location of cwltool's with ``workspace:``, if the run has it there."""
        for folder in (self._workspace, self._analysis):
            if folder and location.startswith(folder):
                return WORKSPACE + quote(unquote(location.removeprefix(folder)))
        return location

    def outside(self, location: str) -> str:
        """Return a location of a record as cwltool reads it."""
        return self._workspace + location.removeprefix(WORKSPACE) if location.startswith(WORKSPACE) else location

    def absolute(self, location: str) -> str:
        """Return a location of a job order as cwltool reads it. It may be a path or a URL."""
        if location.startswith((WORKSPACE, "_:")):
            return self.outside(location)
        if "://" in location:
            return location
        return url_of(os.path.normpath(os.path.join(self.directory, unquote(location))))

    def from_path(self, path: str) -> str:
        """Return the location of a path of a job order. In a path, nothing is encoded."""
        return path if "://" in path else url_of(os.path.normpath(os.path.join(self.directory, path)))

    def path(self, location: str) -> str | None:
        """Return the path of a location here, or None if it is elsewhere."""
        location = self.outside(location)
        return path_of(location) if location.startswith(FILE) else None

    def is_missing(self, location: str) -> bool:
        """Return whether a location of a record is where inputs come from, and nothing is there."""
        path = self.path(location) if self._whole or location.startswith(WORKSPACE) else None
        return path is not None and not os.path.exists(path)

    def relative(self, location: str) -> str:
        """Return the path of a location of a record, in the workspace or on this machine. Messages name it so."""
        return path_of(location.removeprefix(WORKSPACE))

    def has_content(self, location: str) -> bool:
        """Return whether the size and content of a file are those that the run will see."""
        path = self.path(location)
        if path is None:
            return False
        try:
            found = os.stat(path)
        except OSError:
            return False
        return found.st_size > 0 or int(found.st_mtime) != _NOT_YET


def access(folders: Folders) -> type[StdFsAccess]:
    """Return the class with which cwltool reads files. It knows the locations of records."""

    class Access(StdFsAccess):
        def _abs(self, p: str) -> str:
            path = folders.path(p)
            return path if path is not None else super()._abs(p)

    return Access


def location_of(file: dict[str, Any]) -> str:
    """Return the location of a file, or an empty text. In a document it can be under ``path``."""
    return str(file.get("location", file.get("path", "")))


def changed(json: Any, change: Callable[[str], str]) -> Any:
    """Return the value with other locations."""

    def moved(file: dict[str, Any]) -> dict[str, Any]:
        location = location_of(file)
        return {**file, "location": change(location)} if location else file

    return mapped(json, moved)


def plain(json: Any) -> Any:
    """Return a value of cwltool's as plain JSON."""
    if isinstance(json, dict):
        drop = OWN if is_file(json) else frozenset()
        return {str(key): plain(each) for key, each in json.items() if key not in drop}
    if isinstance(json, list | tuple):
        return [plain(each) for each in json]
    return json if isinstance(json, bool | None) else number(json) if isinstance(json, int | float) else str(json)


def number(found: float) -> int | float:
    """Return a number as a command line gets it: 1.5e6 without its exponent as 1500000, and 1.0 as 1.0."""
    whole = isinstance(found, int) or (
        isinstance(found, ScalarFloat) and found.is_integer() and getattr(found, "_exp", None)
    )
    return int(found) if whole else float(found)
