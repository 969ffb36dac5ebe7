"""The output of commands: answers on stdout, and notes and warnings on stderr. Progress is in ``progress``.

On a terminal, rich draws tables and trees to fit its width. Elsewhere every row is one line, whatever its length, and a
tab separates its cells.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from reana_batch.amounts import readable_size
from reana_batch.printable import printable, printable_log

if TYPE_CHECKING:
    from rich.table import Table as RichTable
    from rich.text import Text

    from reana_batch.diagnostics import Diagnostics

# Rows that a terminal shows of a table or tree; the others are counted.
_MOST_ROWS = 200
_GAP = "   "  # between two columns

Span = tuple[str, str]  # a text and its style: a colour, "dim", "bold" or none


# --- the pieces of an answer ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A line on stdout."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A line on stderr that belongs to an answer, so that stdout has the table alone."""

    text: str


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that is printed unchanged. On a terminal, control characters are escaped.

    In the log of a job, a carriage return begins a new line.
    """

    pieces: Iterable[str]
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A cell that a terminal shows in words, such as ``2,000 jobs``, and that programs read as ``2000``."""

    plain: str
    shown: str


Cell = str | Number


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a header."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of two levels: lines, each with lines of its own."""

    title: str
    branches: Sequence[tuple[Line, Sequence[Line]]]


Piece = Line | Note | Raw | Table | Tree


def line(text: str, style: str = "") -> Line:
    """Return a line of one style."""
    return Line(((text, style),))


def size_text(size: int, *, human: bool) -> str:
    """Return a number of bytes, with a unit if ``human``."""
    return readable_size(size) if human else str(size)


# --- printing ------------------------------------------------------------------------------------


def say(text: str, colour: str | None = None) -> None:
    """Print a line on stderr. If the reader of stderr has ended, the command continues, and stdout gets the answer."""
    with contextlib.suppress(BrokenPipeError):
        click.secho(printable(text), fg=colour, err=True)


def show(diagnostics: Diagnostics) -> None:
    """Print diagnostics on stderr, errors in red, warnings in yellow."""
    from reana_batch.diagnostics import Severity, render

    colours = {Severity.WARNING: "yellow", Severity.ERROR: "red"}
    for severity, colour in colours.items():
        found = (d for d in diagnostics if d.severity is severity)
        text = render(found, diagnostics.sources, diagnostics.count(severity))
        if text:
            say(text.rstrip("\n"), colour)


def print_pieces(pieces: Iterable[Piece]) -> None:
    """Print the pieces of an answer in order."""
    for piece in pieces:
        _PRINTERS[type(piece)](piece)


def _print_raw(raw: Raw) -> None:
    readable = printable_log if raw.is_log else printable
    for text in raw.pieces:
        # click removes colours from text, but not from bytes.
        click.echo(readable(text) if sys.stdout.isatty() else text.encode("utf-8", "surrogateescape"), nl=False)


def _print_table(table: Table) -> None:
    if sys.stdout.isatty():
        _draw(drawn_table(table))
    else:
        _print_lines(_table_lines(table))


def _print_tree(tree: Tree) -> None:
    if sys.stdout.isatty():
        _draw(_drawn_tree(tree))
    else:
        _print_lines(_tree_lines(tree))


def _print_lines(lines: Iterable[str]) -> None:
    click.echo("".join(f"{each}\n" for each in lines), nl=False)


_PRINTERS: dict[type, Callable[[Any], None]] = {
    Line: lambda piece: click.echo(_styled(piece)),
    Note: lambda piece: say(piece.text),
    Raw: _print_raw,
    Table: _print_table,
    Tree: _print_tree,
}


def _styled(piece: Line) -> str:
    return "".join(click.style(printable(text), **_click_style(style)) for text, style in piece.spans)


def _click_style(style: str) -> dict[str, Any]:
    return {style: True} if style in ("dim", "bold") else {"fg": style or None}


# --- off a terminal ------------------------------------------------------------------------------


def _table_lines(table: Table) -> Iterator[str]:
    """Yield a line for each row, with a tab between its cells.

    An empty cell is ``-``, because bash loses an empty field when it reads a line with tabs.
    """
    for row in (table.header, *table.rows):
        yield "\t".join(_one_line(cell.plain if isinstance(cell, Number) else cell) or "-" for cell in row)


def _tree_lines(tree: Tree) -> Iterator[str]:
    yield _one_line(tree.title)
    for number, (branch, leaves) in enumerate(tree.branches, start=1):
        is_last = number == len(tree.branches)
        yield f"{'└' if is_last else '├'}── {_plain(branch)}"
        for place, leaf in enumerate(leaves, start=1):
            yield f"{' ' if is_last else '│'}   {'└' if place == len(leaves) else '├'}── {_plain(leaf)}"


def _plain(piece: Line) -> str:
    return _one_line("".join(text for text, _ in piece.spans))


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


# --- on a terminal -------------------------------------------------------------------------------


def _draw(drawn: Any) -> None:
    from rich.console import Console

    Console(highlight=False).print(drawn)


def drawn_table(table: Table, most: int = _MOST_ROWS, *, folded: bool = True) -> RichTable:
    """Return a table as reana-client prints them: upper case headers, no lines. The rows after the first are counted.

    A cell that is too wide has several lines if ``folded``, else its end is cut off.
    """
    from rich.table import Table as RichTable

    drawn = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, len(_GAP), 0, 0))
    for index, name in enumerate(table.header):
        drawn.add_column(name, overflow="fold" if folded else "ellipsis", no_wrap=index == 0 or not folded)
    for row in table.rows[:most]:
        drawn.add_row(*(_text((cell.shown if isinstance(cell, Number) else cell, "")) for cell in row))
    if len(table.rows) > most:
        drawn.add_row(_text((f"and {len(table.rows) - most:,} more", "")))
    return drawn


def _drawn_tree(tree: Tree) -> Any:
    from rich.tree import Tree as RichTree

    drawn = RichTree(_text((tree.title, "bold")))
    for branch, leaves in tree.branches[:_MOST_ROWS]:
        below = drawn.add(_text(*branch.spans))
        for leaf in leaves[:_MOST_ROWS]:
            below.add(_text(*leaf.spans))
    if len(tree.branches) > _MOST_ROWS:
        drawn.add(_text((f"and {len(tree.branches) - _MOST_ROWS:,} more steps", "")))
    return drawn


def _text(*spans: Span) -> Text:
    from rich.text import Text

    return Text.assemble(*((printable(text), style) for text, style in spans))
