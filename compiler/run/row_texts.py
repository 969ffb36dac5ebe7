"""The rows of a step as its run directory has them: their scripts, outputs and parents, read from the batch files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reana_batch import files, layout
from reana_batch.run.manifest import StepEntry
from reana_batch.writing.identity import ScriptPart, digest
from reana_batch.writing.jobs import escaped, unescaped

Cells = list[str]


@dataclass
class StepRows:
    """The rows of a step, in the directory of its part of a run. Tables are read while they are used."""

    directory: Path
    step: StepEntry

    @cached_property
    def _folder(self) -> Path:
        return self.directory / layout.BATCH / "steps" / self.step.folder

    @property
    def has_columns(self) -> bool:
        """Whether the step has a table with columns."""
        return bool(self.step.output_columns) or any(map(_has_columns, self.step.scripts))

    def cells(self) -> Iterator[Cells]:
        """Yield the cells of each row, as they are written in the table."""
        if not self.has_columns:
            yield from ([] for _ in range(self.step.rows))
            return
        for line in self._lines("rows"):
            yield line.split("\x1f")[:-1]

    def keys(self) -> Iterator[bytes]:
        """Yield the identity of each row. Rows of any runs with the same identity do the same."""
        whole = {part: part.digest for part in self.step.scripts if not _has_columns(part)}
        head = f"{self.step.label}\0{self.step.environment}\0{self.step.hints}"
        for row, cells in enumerate(self.cells()):
            parts = [whole.get(part) or digest(*self._pieces(part, cells)) for part in self.step.scripts]
            # A server writes the results of a row to a place that has its number.
            text = "\0".join([head, *parts, *([str(row)] if self.step.served else [])])
            yield hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def texts(self) -> Iterator[str]:
        """Yield the scripts of each row, as one text."""
        return self._texts(self.step.scripts)

    def commands(self) -> Iterator[str]:
        """Yield the commands of each row, as one text. It is empty if a server makes them in the job."""
        parts = () if self.step.served else self.step.scripts
        return self._texts([part for part in parts if part.words.startswith("command.")])

    def _texts(self, parts: Sequence[ScriptPart]) -> Iterator[str]:
        whole = {part: "".join(self._pieces(part, [])) for part in parts if not _has_columns(part)}
        for cells in self.cells():
            texts = (whole[part] if part in whole else "".join(self._pieces(part, cells)) for part in parts)
            yield unescaped("\n".join(texts))

    def _pieces(self, part: ScriptPart, cells: Cells) -> Iterator[str]:
        """Yield the pieces and cells of a script, escaped like cells, so that equal scripts are equal here."""
        for word in part.words.split(" "):
            yield cells[int(word[1:])] if word.startswith("=") else self._piece(word)

    def _piece(self, name: str) -> str:
        if name not in self._read:
            self._read[name] = escaped(_text(self._folder / name))
        return self._read[name]

    @cached_property
    def _read(self) -> dict[str, str]:
        return {}

    def outputs(self) -> Iterator[list[str]]:
        """Yield the declared outputs of each row: paths, and patterns."""
        for cells in self.cells():
            yield [*self.step.outputs, *(unescaped(cells[column]) for column in self.step.output_columns)]

    def mapping(self, pattern: str) -> list[list[int]]:
        """Return the parent's rows that each row waits for. ``pattern`` is the folder of the mapping."""
        return [list(map(int, line.split())) for line in self._lines(pattern)]

    def _lines(self, folder: str) -> Iterator[str]:
        for shard in range(-(-self.step.rows // layout.TABLE_SHARD)):
            yield from _text(self._folder / folder / str(shard)).split("\n")[:-1]


def _has_columns(part: ScriptPart) -> bool:
    return "=" in part.words and any(word.startswith("=") for word in part.words.split(" "))


def _text(path: Path) -> str:
    """Return the text of a batch file, with its line ends as they are."""
    return files.read_regular(path).decode("utf-8", "replace")
