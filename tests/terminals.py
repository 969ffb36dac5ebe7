"""The terminals of tests: pseudo-terminals, whose other end a program has."""

from __future__ import annotations

import os


def all_of(terminal: int) -> bytes:
    """Return what is written to a terminal until no process has its other end open."""
    shown = b""
    while piece := _read(terminal):
        shown += piece
    return shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux raises this when the other end is closed
        return b""
