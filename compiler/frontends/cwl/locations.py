"""Locations of files in values: paths, URLs of files, and those of the workspace. cwltool is not needed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

# How the URL of a file of this machine begins.
FILE = "file://"

# The classes of values that have a location.
CLASSES = frozenset({"File", "Directory"})

# Keys of a file that hold for one machine or job only: cwltool's own note, and paths.
OWN = frozenset({"http://commonwl.org/cwltool#generation", "path", "dirname"})


def url_of(path: str) -> str:
    """Return the URL of a file."""
    return FILE + quote(path)


def path_of(url: str) -> str:
    """Return the path of the URL of a file. A path stays as it is, except that what is encoded in it is decoded."""
    return unquote(url.removeprefix(FILE))


def is_file(value: Any) -> bool:
    """Return whether a value is a file or a directory."""
    return isinstance(value, dict) and value.get("class") in CLASSES


def maps(node: Any) -> Iterator[Any]:
    """Yield the objects in a value or in a part of a document, each before those in it."""
    if isinstance(node, Mapping):
        yield node
    if isinstance(node, Mapping | list):
        for each in node.values() if isinstance(node, Mapping) else node:
            yield from maps(each)


def files(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the files and directories in a value, with those in secondaryFiles and listings."""
    return filter(is_file, maps(value))


def mapped(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a value with what ``change`` makes of each file and directory, and then of those in it.

    A list without files is not copied.
    """
    if isinstance(value, dict):
        found = change(value) if is_file(value) else value
        return {key: mapped(each, change) for key, each in found.items()}
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return [mapped(each, change) for each in value]
    return value
