"""What reaches a port of a step, or an output of a workflow: sources, ``linkMerge``, ``pickValue`` and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cwltool.utils import aslist

from reana_batch.frontends.cwl.faults import Faulty, Places
from reana_batch.frontends.cwl.files import Folders, changed, plain
from reana_batch.frontends.cwl.records import Fault
from reana_batch.frontends.cwl.values import (
    BadPick,
    Known,
    Later,
    Out,
    Value,
    defaulted,
    flattened,
    listed,
    picked,
    sources,
)

NULL = Known(None)


class Ports:
    """The values of ports. Equal values are one object, so that they have one record."""

    def __init__(self, folders: Folders, places: Places) -> None:
        self._folders = folders
        self._places = places
        self._defaults: dict[int, Known] = {}

    def value(self, entry: Any, scope: Mapping[str, Value], key: str) -> Value:
        """Return the value of a port whose sources are under this key."""
        value = self._merged(entry, scope, key) if entry.get(key) else NULL
        if "pickValue" in entry:
            value = self._picked(entry, value)
        return self.with_default(entry, value)

    def with_default(self, entry: Any, value: Value) -> Value:
        """Return the value, or the default of a port if it is null."""
        if "default" not in entry:
            return value
        default = self._default(entry)
        return default if value == NULL else defaulted(value, default.json)

    def _default(self, entry: Any) -> Known:
        default = entry["default"]
        if id(default) not in self._defaults:
            self._defaults[id(default)] = Known(plain(changed(default, self._folders.outside)))
        return self._defaults[id(default)]

    def _merged(self, entry: Any, scope: Mapping[str, Value], key: str) -> Value:
        names = aslist(entry[key])
        unknown = [each for each in names if each not in scope]
        if unknown:
            words = [f'{key} names "{unknown[0].rpartition("#")[2]}", which does not exist.']
            raise Faulty(Fault("document", self._places.of(entry, key), "", words))
        found = [scope[each] for each in names]
        method = entry.get("linkMerge", "merge_nested" if len(found) > 1 else None)
        if method is None:
            return found[0]
        return listed(found) if method == "merge_nested" else flattened(found)

    def _picked(self, entry: Any, value: Value) -> Value:
        if isinstance(value, Known) and not isinstance(value.json, list):
            return value
        try:
            return picked(entry["pickValue"], value)
        except BadPick as error:
            raise Faulty(Fault("document", self._places.of(entry, "pickValue"), "", [str(error)])) from error


def is_known(value: Value) -> bool:
    """Return whether nothing in the value is made by the run."""
    return isinstance(value, Known)


def makers(values: list[Value]) -> str:
    """Return the names of those that make results in these values, as part of a sentence."""
    names = dict.fromkeys(_maker(each) for value in values for each in sources(value))
    found = list(names)
    return " and ".join(found) if len(found) <= _MOST_NAMES else f"{found[0]} and {len(found) - 1} others"


def _maker(result: Out | Later) -> str:
    return result.job if isinstance(result, Out) else result.pending


# The most names in a sentence.
_MOST_NAMES = 2
