"""The input files of a document outside of the analysis, brought to where the workspace will have them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from reana_batch.frontends.cwl.links import link
from reana_batch.frontends.cwl.locations import FILE, is_file, path_of
from reana_batch.frontends.cwl.process import Reading
from reana_batch.frontends.cwl.records import WORKSPACE, TaskRecord, ValueRecord
from reana_batch.frontends.cwl.values import Json

# In the workspace: the input files, in a folder for each directory that they come from.
FOLDER = "inputs"

# What holds for the place of a file alone.
_OF_PLACE = frozenset({"path", "dirname"})


def stage(reading: Reading, root: Path) -> None:
    """Link the files of this machine that a workflow names into ``root``, and change their locations.

    Locations of other kinds are not changed, nor those of files that do not exist. A default may never be used.
    """
    links = Links(root)
    reading.values = [ValueRecord(links.value(each.value)) for each in reading.values]
    reading.end = reading.end._replace(outputs=links.value(reading.end.outputs))
    reading.tasks = [TaskRecord(links.value(each.task)) for each in reading.tasks]


class Links:
    """Links to files that values name, below a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._numbers: dict[str, int] = {}  # of the directories that files come from
        self._made: dict[str, str] = {}

    def value(self, value: Json) -> Json:
        """Return a value in which the locations of files are those of the links."""
        if isinstance(value, list):
            return (
                [self.value(each) for each in value] if any(isinstance(each, dict | list) for each in value) else value
            )
        if not isinstance(value, dict):
            return value
        location = value.get("location")
        if not (is_file(value) and str(location).startswith(FILE)):
            return {key: self.value(each) for key, each in value.items()}
        path = os.path.normpath(path_of(str(location)))
        if not os.path.exists(path):
            return value
        place = {"location": WORKSPACE + quote(self._link(path))}
        return place | {k: self.value(each) for k, each in value.items() if k not in _OF_PLACE and k not in place}

    def _link(self, path: str) -> str:
        """Return the path of a link below the root."""
        above = next((each for each in _parents(path) if each in self._made), None)
        if path not in self._made and above is not None and os.path.isdir(self._root / self._made[above]):
            return f"{self._made[above]}{path.removeprefix(above)}"
        if path not in self._made:
            folder, _, name = path.rpartition("/")
            number = self._numbers.setdefault(folder, len(self._numbers))
            self._made[path] = f"{FOLDER}/{number}/{name}"
            target = self._root / self._made[path]
            target.parent.mkdir(parents=True, exist_ok=True)
            link_tree(Path(path), target)
        return self._made[path]


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def link_tree(source: Path, target: Path, entered: frozenset[str] = frozenset()) -> None:
    """Make a hard link to a file, or a directory with links to all files in one. Copy what cannot be linked.

    Links are followed. A link that leads back to a directory around it is left out.
    """
    real = os.path.realpath(source)
    if os.path.isdir(real):
        target.mkdir(exist_ok=True)
        for name in sorted(os.listdir(real)) if real not in entered else ():
            link_tree(Path(real, name), target / name, entered | {real})
        return
    link(real, str(target))
