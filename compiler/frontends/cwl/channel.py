"""The lines between a server of CWL steps and the job script that started it."""

from __future__ import annotations

from select import PIPE_BUF
from typing import IO, NamedTuple


class Row(NamedTuple):
    """A row to run. Paths are relative to the run directory."""

    stem: str
    request: str
    out: str
    err: str
    directory: str
    place: str  # of its commands: image or machine


class Channel:
    """The requests of the job script, and the answers."""

    def __init__(self, source: IO[str], sink: IO[str]) -> None:
        self._source, self._sink = source, sink

    def row(self) -> Row | None:
        """Return the next row, or None if there is none."""
        words = self._source.readline().split()
        return Row(*words[1:]) if words else None

    def answer(self, line: str) -> None:
        """Send a line at once, as the job script expects. It is cut to what a pipe takes at once."""
        self._sink.write(line.encode()[: PIPE_BUF - 1].decode("utf-8", "ignore") + "\n")
        self._sink.flush()

    def run(self, seconds: int) -> int:
        """Ask for the command of the row and return its exit code. EOFError is raised if the job script has ended."""
        self.answer(f"run {seconds}")
        words = self._source.readline().split()
        if not words:
            raise EOFError
        return int(words[1])
