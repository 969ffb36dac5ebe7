"""The results of jobs in the workspace: where they are, and the values that name them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from reana_batch import layout
from reana_batch.frontends.cwl import values
from reana_batch.frontends.cwl.locations import OWN, mapped, url_of
from reana_batch.frontends.cwl.records import WORKSPACE
from reana_batch.frontends.cwl.values import Json, Known, Later, Out, Value

# Keys of a file that hold for one job only, or follow from others.
_OF_A_JOB = OWN | {"nameroot", "nameext"}


class Missing(Exception):
    """A result that a value names cannot be read. The text is a sentence."""


class Results:
    """The results of a run. Each file is read once."""

    def __init__(self, workspace: str) -> None:
        self.workspace = os.path.abspath(workspace)
        self.paths = list(dict.fromkeys([self.workspace, os.path.realpath(workspace)]))  # its own, and without links
        self._roots = [url_of(each) for each in self.paths]
        self._read: dict[str, Any] = {}

    def known(self, value: Json) -> Json:
        """Return the value of its JSON, with what the jobs before have made. Locations are URLs of files.

        Missing is raised if a result cannot be read, and BadPick if ``pickValue`` cannot choose.
        """
        found = values.resolve(values.read(value), self._find)
        assert isinstance(found, Known)
        return self.absolute(mapped(found.json, self._with_size))

    def resolved(self, value: Json) -> Json:
        """Return the JSON of the same value. Locations are those of the results. Raises as :meth:`known`."""
        return mapped(values.write(values.resolve(values.read(value), self._find)), self._with_size)

    def _with_size(self, file: dict[str, Json]) -> dict[str, Json]:
        """Return a file of the workspace with its size. The compiler knows what a job makes, but not its size."""
        location = file.get("location")
        if file["class"] != "File" or "size" in file or not str(location).startswith(WORKSPACE):
            return file
        with contextlib.suppress(OSError):  # the job that opens the file says what is wrong
            return {**file, "size": os.path.getsize(f"{self.workspace}/{unquote(str(location)[len(WORKSPACE) :])}")}
        return file

    def _find(self, source: Out | Later) -> Value:
        if isinstance(source, Out):
            content = self._file(os.path.join(self.workspace, f"{source.job}.json"), source.job)
            return self._value(content, source.job, source.port)
        part, _, name = source.pending.rpartition(":")
        folders = map(layout.expansion_folder, part.split("/"))
        path = os.path.join(os.path.dirname(self.workspace), *folders, layout.LEARNED)
        content = self._file(path, part)
        try:
            return self._value(content[part][name], name, source.port)
        except KeyError:
            raise Missing(f"The expansion {part} did not find {name}.") from None

    def _value(self, content: Mapping[str, Json], name: str, port: str) -> Value:
        if port not in content:
            raise Missing(f"The result of {name} does not have the output {port}.")
        return values.read(content[port])

    def _file(self, path: str, name: str) -> Any:
        if path not in self._read:
            try:
                self._read[path] = json.loads(Path(path).read_bytes())
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "it is not JSON"
                raise Missing(f"The result of {name} cannot be read: {why}.") from None
        return self._read[path]

    def write(self, path: str, outputs: Mapping[str, Json]) -> None:
        """Write the result of a job."""
        self.write_object(path, {port: values.write(Known(value)) for port, value in outputs.items()})

    def write_object(self, path: str, content: Mapping[str, Json]) -> None:
        """Write an object of JSON. The file is complete, or it does not exist."""
        text = json.dumps({name: self.relative(value) for name, value in content.items()})
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{path}.{os.getpid()}.tmp"
        Path(temporary).write_text(text + "\n", encoding="utf-8")
        os.replace(temporary, path)
        self._read.pop(path, None)

    def absolute(self, value: Json) -> Json:
        """Return a value with URLs of files for locations in the workspace."""
        return _relocated(value, self._absolute)

    def _absolute(self, location: str) -> str:
        below = location.startswith(WORKSPACE)
        return f"{self._roots[0]}/{location[len(WORKSPACE) :]}" if below else location

    def relative(self, value: Json) -> Json:
        """Return a value with locations in the workspace that do not name its place. It has no keys of one job only."""
        return _relocated(value, self._relative, _OF_A_JOB)

    def _relative(self, location: str) -> str:
        if location.startswith("/"):  # cwltool gives the path of an input that is an output too
            location = url_of(location)
        for root in self._roots:
            if location.startswith(root + "/"):
                return WORKSPACE + location[len(root) + 1 :]
        return location


def _relocated(value: Json, change: Callable[[str], str], dropped: frozenset[str] = frozenset()) -> Json:
    def moved(file: dict[str, Json]) -> dict[str, Json]:
        kept = {key: each for key, each in file.items() if key not in dropped}
        places = {key: change(kept[key]) for key in ("location", "path") if isinstance(kept.get(key), str)}
        return {**kept, **places}

    return mapped(value, moved)
