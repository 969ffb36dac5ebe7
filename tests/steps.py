"""Steps for tests, with all fields given by their names, whichever part of a step they belong to."""

from __future__ import annotations

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
