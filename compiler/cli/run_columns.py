"""The columns that describe runs, as reana-client names them, and what ``--format`` and ``--sort`` make of them."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from reana_batch.amounts import readable_size
from reana_batch.cli import completing
from reana_batch.cli.options import WORKON
from reana_batch.cli.terminal import Cell, Number, Table

if TYPE_CHECKING:
    from reana_batch import RunStatus


class Column(NamedTuple):
    """A column: the cell of a run, and its value for sorting, which is its text if there is no other."""

    cell: Callable[[RunStatus], Cell]
    value: Callable[[RunStatus], Any] | None = None


def _name(current: RunStatus) -> str:
    return current.run.directory.name.partition(".")[0]


def _number(current: RunStatus) -> str:
    return current.run.directory.name.partition(".")[2]


def _marked_number(current: RunStatus) -> Number:
    """Return the number of a run. On a terminal the run of REANA_WORKON has a star, as in reana-client."""
    number, chosen = _number(current), current.run.directory.name == os.environ.get(WORKON)
    return Number(number, f"{number} *" if chosen else number)


def _created(current: RunStatus) -> str:
    from reana_batch.lifecycle.status import created

    return created(current)


def _started(current: RunStatus) -> str:
    from reana_batch.lifecycle.status import time_text

    return time_text(current.span.started)


def _ended(current: RunStatus) -> str:
    from reana_batch.lifecycle.status import time_text

    return time_text(current.span.ended) if current.has_ended else ""


def _progress(current: RunStatus) -> Number:
    return Number(f"{current.done}/{current.total}", f"{current.done:,}/{current.total:,}")


COLUMNS = {
    "name": Column(_name),
    "run_number": Column(
        _marked_number, lambda current: [int(part) for part in re.findall("[0-9]+", _number(current))]
    ),
    "created": Column(_created, lambda current: current.record.created or 0),
    "started": Column(_started),
    "ended": Column(_ended),
    "status": Column(lambda current: current.state),
    "progress": Column(_progress, lambda current: (current.done, current.total)),
    "backend": Column(lambda current: current.run.manifest.backend),
    "duration": Column(lambda current: str(current.seconds), lambda current: current.seconds),
    "size": Column(lambda current: str(current.size), lambda current: current.size),
    "directory": Column(lambda current: str(current.run.directory)),
}
USUAL = ("name", "run_number", "created", "status", "progress", "backend")
VERBOSE = ("started", "ended", "duration", "size", "directory")
# The options that add columns to the usual ones.
_MORE = {
    "--include-duration": ("duration",),
    "--include-progress": (),  # it is there already
    "--include-workspace-size": ("size",),
    "--verbose": VERBOSE,
}

format_option = click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="COLUMN[=VALUE],...",
    callback=lambda _context, _option, given: parsed_format(given),
    help=f"Only these columns, and only rows with these values. Columns: {', '.join(COLUMNS)}.",
    shell_complete=completing.columns(COLUMNS),
)
human_option = click.option("-h", "--human-readable", "human", is_flag=True, help="Sizes in KiB, MiB and so on.")


def parsed_format(given: Iterable[str]) -> list[tuple[str, str | None]]:
    """Return the columns that ``--format`` names, each with the value that it must have, or None."""
    words = [word for text in given for word in re.split("[, ]+", text) if word]
    found = [(name.lower(), value if equals else None) for name, equals, value in (w.partition("=") for w in words)]
    for name, _ in found:
        if name not in COLUMNS:
            raise click.UsageError(f'--format names columns, and "{name}" is not one of {", ".join(COLUMNS)}.')
    return found


def fitting(found: Iterable[RunStatus], formats: Sequence[tuple[str, str | None]]) -> list[RunStatus]:
    """Return the runs that have the values that ``--format`` demands."""
    wanted = [(COLUMNS[name].cell, value) for name, value in formats if value is not None]
    return [each for each in found if all(_plain(cell(each)) == value for cell, value in wanted)]


def ordered(found: Iterable[RunStatus], name: str) -> list[RunStatus]:
    """Return the runs by a column, the largest value first, as reana-client does."""
    column = COLUMNS[name]
    return sorted(found, key=column.value or (lambda each: _plain(column.cell(each))), reverse=True)


def _plain(cell: Cell) -> str:
    return cell.plain if isinstance(cell, Number) else cell


def runs_table(found: Sequence[RunStatus], columns: Iterable[str], *, human: bool = False) -> Iterator[Table]:
    """Yield the table of runs with these columns. With ``human`` sizes have units.

    ``--json`` does not need the table, whose cells can take long.
    """
    cells = {name: COLUMNS[name].cell for name in columns}
    if human and "size" in cells:
        cells["size"] = lambda current: readable_size(current.size)
    yield Table([name.upper() for name in cells], [tuple(cell(each) for cell in cells.values()) for each in found])


def more_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that add columns. Their values become one argument, ``more``: the columns to add."""

    @functools.wraps(function)
    def extended(**given: Any) -> Any:
        asked = [names for option, names in _MORE.items() if given.pop(_variable(option))]
        return function(more=[name for names in asked for name in names], **given)

    for option, names in _MORE.items():
        short = ["-v"] if option == "--verbose" else []
        text = f"Add {', '.join(names)}." if names else "Accepted; the column is always there."
        click.option(*short, option, _variable(option), is_flag=True, help=text)(extended)
    return extended


def _variable(option: str) -> str:
    return option.strip("-").replace("-", "_")


def columns_of(formats: Sequence[tuple[str, str | None]], more: Sequence[str]) -> list[str]:
    """Return the columns to show: those that ``--format`` names, or the usual ones and ``more``."""
    return [name for name, _ in formats] or [*USUAL, *more]
