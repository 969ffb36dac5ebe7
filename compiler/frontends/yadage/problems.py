"""The faults of a workflow that Yadage meets when it expands it, each at its path in the definition."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from reana_batch.frontends.yadage.places import Mark, Path, Places, Problem
from reana_batch.frontends.yadage.records import WARNINGS, Fault
from reana_batch.frontends.yadage.selection import Unreadable
from reana_batch.frontends.yadage.states import Braces
from reana_batch.frontends.yadage.values import JqError, leafs

# A word that does not look like the name of a file.
_PLAIN = re.compile(r"[\w-]+")


class Problems:
    """The faults and warnings that were found so far, each once."""

    def __init__(self, places: Places, mark: Mark) -> None:
        self._places, self._mark = places, mark
        self._found: dict[tuple[str, Path, tuple[str, ...]], None] = {}
        self.spoilt: set[str] = set()  # identifiers of steps without a result, because they have faults

    def add(self, kind: str, path: Path, *words: str) -> None:
        """Record a fault or a warning, as the kind says."""
        self._found[kind, path, tuple(self._mark.text(word) for word in words)] = None

    @property
    def faults(self) -> list[Fault]:
        """All faults and warnings."""
        return [Fault(kind, list(path), list(words)) for kind, path, words in self._found]

    @property
    def fatal(self) -> bool:
        """True if any of them is more than a warning."""
        return any(kind not in WARNINGS for kind, _, _ in self._found)

    def _other(self, path: Path, error: Exception) -> None:
        self.add(type(error).__name__, path, str(error).strip().partition("\n")[0])

    def of_condition(self, stage: Path, error: Exception) -> None:
        """Record why Yadage cannot evaluate the dependencies of a stage."""
        if isinstance(error, Problem):
            self.add(error.kind, error.path, *error.words)
        else:
            self._other((*stage, "dependencies"), error)

    def of_stage(self, stage: Path, error: Exception) -> None:
        """Record why Yadage cannot make the steps of a stage."""
        if isinstance(error, Problem):
            self.add(error.kind, error.path, *error.words)
        elif isinstance(error, JqError):
            self.add("jq", self._places.text((*stage, "scheduler"), error.program), str(error))
        else:
            self._other((*stage, "scheduler"), error)

    def of_reference(self, path: Path, parameter: Any, error: Exception) -> None:
        """Record why a parameter has no value."""
        if isinstance(error, Problem):
            self.add(error.kind, path, *error.words)
        elif isinstance(error, Unreadable):
            self.add("jsonpath", path, str(error))
        elif isinstance(error, AssertionError) and isinstance(parameter, Mapping) and "step" in parameter:
            self.add("several-steps", path, str(parameter["step"]))
        elif isinstance(error, AssertionError) and isinstance(parameter, Mapping) and "scope" in parameter:
            self.add("several-steps", path, str(parameter["scope"]))
        else:
            self._other(path, error)

    def of_step(self, stage: Path, step: Path | None, name: str, parameters: Any, error: Exception) -> None:
        """Record why a step has no result."""
        publisher = (*(step or stage), "publisher")
        if isinstance(error, Braces):
            self.of_braces(stage, error)
        elif isinstance(error, JqError):
            self.add("jq", self._places.text(publisher, error.program), str(error))
        elif isinstance(error, KeyError):
            missing = str(error.args[0])
            known = parameters if isinstance(parameters, dict) else {}
            self.add("unknown-parameter", self._publisher(publisher, missing), missing, *known)
        elif isinstance(error, OSError):
            self.add("no-result", publisher, name, f"{error.filename}: {error.strerror}")
        else:
            self.add("no-result", publisher, name, str(error).strip().replace("\n", " ") or type(error).__name__)

    def _publisher(self, publisher: Path, parameter: str) -> Path:
        """Return the path of the text in a publisher that names a parameter."""
        for key in ("outputmap", "publish"):
            for pointer, value in leafs(self._places.at((*publisher, key))):
                if value == parameter or re.search(rf"\{{{re.escape(parameter)}\W", str(value)):
                    return (*publisher, key, *pointer.parts)
        return publisher

    def of_braces(self, stage: Path, error: Braces) -> None:
        """Record a text in a parameter whose braces Yadage cannot replace. Without a stage it is init's."""
        for parameter, text, reason in error.found:
            if not stage:
                self.add("init-braces", (), str(parameter), text)
                continue
            field = isinstance(reason, KeyError) and re.fullmatch(r"\w+", str(reason.args[0]))
            words = [str(reason.args[0])] if field else []
            self.add("unknown-field" if field else "braces", self._places.parameter(stage, parameter), *words, text)

    def of_command(self, path: Path, parameters: Any, names: Iterable[str], error: Exception) -> None:
        """Record why the command of a step cannot be made."""
        known = sorted(parameters) if isinstance(parameters, dict) else []
        missing = [name for name in names if name not in known] if isinstance(error, KeyError) else []
        for name in missing:
            self.add("unknown-parameter", path, name, *known)
        if not missing:
            text = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            self.add("format", path, text.strip().partition("\n")[0].rstrip("."))

    def of_init(self, stage: Path, parameters: Any, result: Any) -> None:
        """Warn of parameters that are changed: words that are names of files too, and numbers."""
        after = result.typed()
        for pointer, value in parameters.leafs():
            new = pointer.get(after)
            if new == value:
                continue
            name = str(pointer.parts[0]) if pointer.parts else ""
            path = self._places.parameter(stage, name) if stage else ()
            if isinstance(value, str) and isinstance(new, str) and _PLAIN.fullmatch(value) and os.path.isfile(new):
                self.add("path", path, name, value)
            elif not isinstance(value, str | bool):
                self.add("number", path, name, str(value), str(new))
