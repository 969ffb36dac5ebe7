"""Which rows the rows of a run wait for, read from its batch files."""

from __future__ import annotations

from collections.abc import Sequence

from reana_batch.ir import Pattern
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.row_texts import StepRows

# A step that a row waits for, with the rows; None stands for all of them.
Parent = tuple[str, Sequence[int] | None]


class Parents:
    """The rows that the rows of one part of a run wait for."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._mappings: dict[tuple[str, str], list[list[int]]] = {}

    def of(self, step: StepEntry, row: int) -> list[Parent]:
        """Return the steps that a row waits for."""
        words = step.patterns or [Pattern.ALL.value] * len(step.needs)
        return [(need, self._rows(step, row, word)) for need, word in zip(step.needs, words, strict=True)]

    def _rows(self, step: StepEntry, row: int, word: str) -> Sequence[int] | None:
        if word == Pattern.ALL.value:
            return None
        if word == Pattern.EACH.value:
            return (row,)
        if (step.name, word) not in self._mappings:
            self._mappings[step.name, word] = StepRows(self._run.directory, step).mapping(word)
        return self._mappings[step.name, word][row]
