"""Steps and tables for tests. A call names fields of a step without the part that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reana_batch.diagnostics import Place
from reana_batch.ir import Asked, Command, Placed, Script, Step


def make_step(name: str, commands: tuple[Command, ...], origin: Place, **fields: Any) -> Step:
    """Return a step. Resources and credentials are those that it asks for."""

    def part(kind: type[Any]) -> dict[str, Any]:
        return {field: fields.pop(field) for field in kind._fields if field in fields}

    fields["action"] = Script(commands, **part(Script))
    fields["asked"] = Asked(**part(Asked))
    fields["placed"] = Placed(**part(Placed))
    return Step(**{"name": name, "label": name, "origin": origin, **fields})


@dataclass(frozen=True)
class Numbers:
    """A table of one column with the numbers of its rows, produced while they are read."""

    count: int
    columns: tuple[str, ...] = ("n",)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return ((str(number),) for number in range(self.count))
