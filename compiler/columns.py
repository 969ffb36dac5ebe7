"""Make the table of a step from the texts of its rows. The values that differ between the rows become its columns."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from reana_batch.ir import Column, Repeated, Rows, Table

# Texts are compared word by word, so that a column has only the "a" of "results/a.txt".
_WORD = re.compile(r"\w+|\W")

# The most holes of a text, because each has a file before and after it. With more, one column has the whole text from
# the first hole to the last.
_MOST_HOLES = 400


class Columns:
    """The table of a step, filled while its texts are split. Equal columns are one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._names: dict[tuple[str, ...], str] = {}
        self._wished: dict[tuple[str, ...], str] = {}

    def suggest(self, name: str, cells: Sequence[str]) -> None:
        """Suggest ``name`` for a column with exactly these cells. There may never be such a column.

        A name that other cells have gets a number. A number is not a name.
        """
        cells = tuple(cells)
        if cells in self._wished or name.isdecimal():
            return
        taken = set(self._wished.values())
        others = (f"{name}.{number}" for number in itertools.count(2))
        self._wished[cells] = next(each for each in itertools.chain([name], others) if each not in taken)

    def column(self, cells: Sequence[str]) -> str | Column:
        """Return the column with these cells, or the text if all cells are equal."""
        cells = tuple(cells)
        if cells.count(cells[0]) == self._count:
            return cells[0]
        if cells not in self._names:
            # Columns without a suggested name get a number. Suggested names are never numbers.
            self._names[cells] = self._wished.get(cells, str(len(self._names)))
        return Column(self._names[cells])

    def split(self, texts: Sequence[str]) -> tuple[str | Column, ...]:
        """Return the parts of the template that becomes ``texts`` with the cells of each row."""
        if all(text == texts[0] for text in texts):
            return (texts[0],)
        model = _WORD.findall(texts[0])
        varying = [False] * len(model)
        for text in texts:
            words = _WORD.findall(text)
            if len(words) != len(model):
                return self._around(texts)
            for index, word in enumerate(words):
                if word != model[index]:
                    varying[index] = True
        return self._pieces(texts, model, varying) if sum(varying) <= _MOST_HOLES else self._around(texts)

    def _pieces(self, texts: Sequence[str], model: list[str], varying: list[bool]) -> tuple[str | Column, ...]:
        cells: list[list[str]] = [[] for each in varying if each]
        holes = [index for index, each in enumerate(varying) if each]
        for text in texts:
            words = _WORD.findall(text)
            for cell, index in zip(cells, holes, strict=True):
                cell.append(words[index])
        columns = iter(cells)
        parts = [self.column(next(columns)) if each else word for word, each in zip(model, varying, strict=True)]
        return joined(parts)

    def _around(self, texts: Sequence[str]) -> tuple[str | Column, ...]:
        """Return the common beginning and end of all texts, with one column between."""
        start, end = _common(texts), _common([text[::-1] for text in texts])[::-1]
        shortest = min(map(len, texts)) - len(start)
        end = end[-shortest:] if 0 < shortest < len(end) else end if shortest > 0 else ""
        middle = [text[len(start) : len(text) - len(end)] for text in texts]
        return joined([start, self.column(middle), end])

    def table(self) -> Table:
        """Return the table of all columns made so far."""
        if not self._names:
            return Repeated(self._count)
        return Rows(tuple(self._names.values()), tuple(zip(*self._names, strict=True)))


def _common(texts: Sequence[str]) -> str:
    """Return the common beginning of all texts, up to the end of a word."""
    low, high = min(texts), max(texts)
    length = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    while length > 0 and re.fullmatch(r"\w", low[length - 1]):
        length -= 1
    return low[:length]


def joined(parts: Sequence[str | Column]) -> tuple[str | Column, ...]:
    """Return ``parts`` with neighbouring texts joined and empty ones removed."""
    together: list[str | Column] = []
    for part in parts:
        if isinstance(part, str) and together and isinstance(together[-1], str):
            together[-1] += part
        elif part != "":
            together.append(part)
    return tuple(together)
