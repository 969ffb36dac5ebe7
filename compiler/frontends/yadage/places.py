"""Where in the definition Yadage's data comes from, and the mark that replaces the workspace's path."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

import yadageschemas
from yadageschemas.dialects.raw_with_defaults import extend_with_defaults

from reana_batch.frontends.yadage.records import WORKSPACE

Path = tuple[str | int, ...]


class Problem(Exception):
    """A fault of the user's, with its kind and its words as in the record of a fault."""

    def __init__(self, kind: str, path: Path, *words: str) -> None:
        self.kind, self.path, self.words = kind, path, list(words)
        super().__init__(kind)


class Places:
    """The definition with Yadage's defaults, and the paths of its parts in the original."""

    def __init__(self, definition: Any) -> None:
        self._original = definition
        self.filled = copy.deepcopy(definition)
        extend_with_defaults(self.filled, "yadage/workflow-schema", yadageschemas.schemadir)
        self._paths: dict[int, Path] = {}
        self._stages(self.filled, ())

    def _stages(self, workflow: Mapping[str, Any], path: Path) -> None:
        for index, stage in enumerate(workflow["stages"]):
            at = (*path, "stages", index)
            self._paths[id(stage["scheduler"])] = at
            self._body(stage["scheduler"], (*at, "scheduler"))
            parameters = stage["scheduler"].get("parameters", ())
            for number, parameter in enumerate(parameters):
                self._paths[id(parameter["value"])] = self.parameter(at, parameter["key"], number)

    def _body(self, body: Mapping[str, Any], path: Path) -> None:
        if "step" in body:
            self._paths[id(body["step"])] = (*path, "step")
        if "workflow" in body:
            self._stages(body["workflow"], (*path, "workflow"))
        for index, case in enumerate(body.get("cases", ())):
            self._body(case, (*path, "cases", index))

    def of(self, part: Any) -> Path | None:
        """Return the path of a scheduler's stage, a step or a parameter's value that is a mapping, or None."""
        return self._paths.get(id(part))

    def at(self, path: Path) -> Any:
        """Return the value at ``path`` in the original, or None."""
        value = self._original
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def parameter(self, stage: Path, key: str | int, number: int | None = None) -> Path:
        """Return the path of a parameter of a stage, or of all its parameters."""
        parameters = self.at((*stage, "scheduler", "parameters"))
        if isinstance(parameters, dict) and key in parameters:
            return (*stage, "scheduler", "parameters", key)
        if isinstance(parameters, list):
            keys = [each.get("key") for each in parameters if isinstance(each, dict)]
            index = number if number is not None else keys.index(key) if key in keys else None
            if index is not None:
                return (*stage, "scheduler", "parameters", index, "value")
        return (*stage, "scheduler")

    def dependency(self, stage: Path, index: int) -> Path:
        """Return the path of a dependency of a stage."""
        inner = (index,) if isinstance(self.at((*stage, "dependencies")), list) else ("expressions", index)
        return (*stage, "dependencies", *inner)

    def text(self, path: Path, text: str) -> Path:
        """Return the path of a text below ``path`` in the original, or ``path``."""
        return self._find(self.at(path), text, path) or path

    def _find(self, value: Any, text: str, path: Path) -> Path | None:
        if value == text:
            return path
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        found = (self._find(each, text, (*path, key)) for key, each in pairs if key != "workflow")
        return next((each for each in found if each), None)


class Mark:
    """The mark in the place of the workspace's path, in texts that are kept."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        # A path such as /data/ws2 is not below /data/ws.
        self._found = re.compile(re.escape(directory) + r"(?![\w.~+@-])")

    def text(self, text: str) -> str:
        """Return ``text`` with the mark."""
        return self._found.sub(lambda _: WORKSPACE, text) if self._directory in text else text

    def set(self, value: Any) -> Any:
        """Return JSON with the mark in each text."""
        return _mapped(value, self.text)

    def real(self, value: Any) -> Any:
        """Return JSON with the workspace's path in the place of the mark."""
        return _mapped(value, lambda text: text.replace(WORKSPACE, self._directory))


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _mapped(each, change) for key, each in value.items()}
    return [_mapped(each, change) for each in value] if isinstance(value, list) else value
