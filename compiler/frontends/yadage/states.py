"""The directories and the graph of Yadage's steps. They replace the classes of packtivity and adage, and make nothing."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from reana_batch.frontends.yadage.values import Leafs, leafs

_serial = itertools.count()


class Braces(Exception):
    """Texts in parameters whose braces Yadage cannot replace: for each the parameter, the text and the reason."""

    def __init__(self, found: list[tuple[str | int, str, Exception]]) -> None:
        self.found = found
        super().__init__(str(found[0][2]))


class State:
    """The directories of a step, with the interface of packtivity's LocalFSState."""

    datamodel = None

    def __init__(
        self,
        readwrite: list[str] | None = None,
        readonly: list[str] | None = None,
        dependencies: Sequence[State] | None = None,
        identifier: str = "",
    ) -> None:
        self.readwrite = [os.path.normpath(path) for path in readwrite or ()]
        self._given = [os.path.normpath(path) for path in readonly or ()]
        # Yadage passes them in no order.
        self._dependencies = sorted(dependencies or (), key=lambda each: each.serial)
        self._identifier = identifier
        self.serial = next(_serial)
        self._last: tuple[Leafs, Leafs] | None = None

    def identifier(self) -> str:
        """Return the name of the step, as packtivity has it."""
        return self._identifier

    def json(self) -> dict[str, Any]:
        """Return nothing: Yadage only makes identifiers of it, and we do not."""
        return {}

    def _readable(self) -> list[str]:
        return [*self._given, *(path for each in self._dependencies for path in each.readwrite or each.readonly)]

    @property
    def readonly(self) -> list[str]:
        """The directories that the step reads."""
        return sorted(self._readable())

    def contextualize_value(self, value: Any) -> Any:
        """Return a text with the paths of directories in the place of fields such as {workdir}."""
        if not isinstance(value, str) or not ("{" in value or "}" in value):
            return value
        names = {f"readdir{index}": path for index, path in enumerate(self._readable())}
        if self.readwrite:
            names["workdir"] = self.readwrite[0]
        try:
            return value.format(**names)
        except (AttributeError, IndexError):  # packtivity keeps such a text too
            return value

    def model(self, data: Leafs) -> Leafs:
        """Return parameters with :meth:`contextualize_value` of each text. Raises Braces."""
        if self._last is None or self._last[0] is not data:
            try:
                self._last = data, data.formatted(self.contextualize_value)
            except (KeyError, ValueError, TypeError) as error:
                raise Braces(list(self._faults(data))) from error
        return self._last[1]

    def _faults(self, data: Leafs) -> Iterator[tuple[str | int, str, Exception]]:
        for pointer, value in leafs(data.typed()):
            try:
                self.contextualize_value(value)
            except (KeyError, ValueError, TypeError) as error:
                yield pointer.parts[0] if pointer.parts else "", value, error


class Members:
    """A node that stands for many nodes whose results several jobs take, so that each job has one input."""

    def __init__(self, identifier: str, nodes: Sequence[Any]) -> None:
        self.identifier = identifier
        self.nodes = nodes
        self.task = self
        self.state = State(dependencies=[node.task.state for node in nodes if node.task.state])


class Graph:
    """The nodes of a workflow, with the interface of adage's graph."""

    def __init__(self, added: Callable[[Any], None]) -> None:
        self._nodes: dict[str, Any] = {}
        self._added = added
        self._groups: dict[tuple[str, ...], Members] = {}

    def nodes(self) -> Iterator[str]:
        """Return the identifiers of the nodes, in the order in which they were added."""
        return iter(self._nodes)

    def getNode(self, identifier: str) -> Any:  # noqa: N802  # Yadage calls it
        """Return a node."""
        return self._nodes[identifier]

    def addNode(self, node: Any, depends_on: Iterable[Any] = ()) -> None:  # noqa: ARG002, N802  # Yadage calls it
        """Add a node. The inputs of its task say what it depends on."""
        self._nodes[node.identifier] = node
        self._added(node)

    def group(self, identifiers: Sequence[str]) -> Members:
        """Return the node that stands for several nodes."""
        key = tuple(identifiers)
        if key not in self._groups:
            members = Members(f"group {len(self._groups)}", [self._nodes[each] for each in key])
            self._groups[key] = self._nodes[members.identifier] = members
        return self._groups[key]
