"""Stand-ins for values that only pass through a command line.

cwltool makes the command line with them. Then they are replaced by the values. The time that cwltool takes grows with
the square of a list's length, so three items stand for a long list.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

from reana_batch.frontends.cwl.locations import path_of, url_of
from reana_batch.frontends.cwl.records import CommandRecord, command_record
from reana_batch.frontends.cwl.values import Json

# Numbers that documents rarely have. They are the largest of CWL's int.
_FIRST_NUMBER = 2_147_400_000
_LIKE = re.compile(r"21474\d{5}|standin-\d")

# Three items are enough to see what is between the items.
_ITEMS = 3


def can_be_stand_in(text: str) -> bool:
    """Return whether a part of a text could be taken for a stand-in."""
    return bool(_LIKE.search(text))


class StandIns:
    """The stand-ins for the inputs of a job."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}  # by stand-in
        self._lists: list[tuple[list[str], list[str]]] = []  # stand-ins for three items, and the texts of all

    def add(self, number: int, value: Json) -> Json:
        """Return the stand-in for the input with this number, or the value itself if it has none."""
        if isinstance(value, dict) and value.get("class") == "File":
            return self._file(number, path_of(value["location"]))
        if isinstance(value, list):
            return self._list(number, value)
        text = _text(value)
        if text is None:
            return value
        found = _like(value, number * _ITEMS)
        self._texts[str(found)] = text
        return found

    def _file(self, number: int, path: str) -> Json:
        """Return a stand-in for a file. Its path has the same parts."""
        folder, name = os.path.split(path)
        root, ending = os.path.splitext(name)
        parts = {f"/standin-{number}-folder": folder, f"standin-{number}-root": root, f".standin-{number}-end": ending}
        self._texts.update(parts)
        return _located("{}/{}{}".format(*parts))

    def _list(self, number: int, items: list[Json]) -> Json:
        texts = [text for each in items if (text := _text(each)) is not None]
        if len(items) <= _ITEMS or len(texts) < len(items) or len({type(each) for each in items}) > 1:
            return items
        found = [_like(items[0], number * _ITEMS + index) for index in range(_ITEMS)]
        self._lists.append(([str(_text(each)) for each in found], texts))
        return found

    def filled(self, text: str) -> CommandRecord | None:
        """Return a command line, whose JSON is ``text``, with the values for the stand-ins.

        None is returned if what is between the items of a list is not always the same.
        """
        for stand_in, real in self._texts.items():
            text = text.replace(stand_in, json.dumps(real)[1:-1])
        found = command_record(json.loads(text))
        words: list[str] | None = found.words
        for stand_ins, texts in self._lists:
            words = words and _spread(words, stand_ins, texts)
        return found._replace(words=words) if words else None


def _text(value: Json) -> str | None:
    """Return the text of a value in a command line, or None if no value stands for it."""
    if isinstance(value, dict):
        return path_of(value["location"]) if value.get("class") == "File" else None
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) and value != "" else None


def _like(value: Json, number: int) -> Json:
    """Return another value of the same type."""
    if isinstance(value, dict):
        return _located(f"/standin-{number}-item")
    return f"standin-{number}-text" if isinstance(value, str) else _FIRST_NUMBER + number


def _located(path: str) -> Json:
    return {"class": "File", "location": url_of(path), "basename": os.path.basename(path)}


def _spread(words: Sequence[str], stand_ins: Sequence[str], texts: Sequence[str]) -> list[str] | None:
    """Return the words with the texts for the three stand-ins, and between them what is between those."""
    places = [[index for index, word in enumerate(words) if each in word] for each in stand_ins]
    if not any(places):
        return list(words)
    if any(len(each) != 1 for each in places):
        return None
    first, second, third = (index for (index,) in places)
    if first == third:
        return _spread_in_word(words, first, stand_ins, texts)
    patterns = {
        words[index].replace(each, _HERE) for index, each in zip((first, second, third), stand_ins, strict=True)
    }
    between = words[first + 1 : second]
    if not first < second < third or len(patterns) > 1 or between != words[second + 1 : third]:
        return None
    (pattern,) = patterns
    spread = [word for text in texts for word in (*between, pattern.replace(_HERE, text))]
    return [*words[:first], *spread[len(between) :], *words[third + 1 :]]


# Stands for an item in a word. No word of a command line has this character.
_HERE = "\0"


def _spread_in_word(
    words: Sequence[str], index: int, stand_ins: Sequence[str], texts: Sequence[str]
) -> list[str] | None:
    """Return the words with the texts in one of them."""
    start, *rest = words[index].split(stand_ins[0])
    between, *rest = rest[0].split(stand_ins[1]) if rest else []
    pieces = rest[0].split(stand_ins[2]) if rest else []
    if len(pieces) != _ITEMS - 1 or pieces[0] != between:
        return None
    return [*words[:index], start + between.join(texts) + pieces[1], *words[index + 1 :]]
