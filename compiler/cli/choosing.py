"""The choice of several runs by their names, states and ages."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reana_batch.cli import completing
from reana_batch.cli.options import find_run, root_of

if TYPE_CHECKING:
    from reana_batch import RunStatus
    from reana_batch.diagnostics import Diagnostics

Filters = tuple[tuple[str, str], ...]  # names and values
Option = Callable[[Callable[..., Any]], Callable[..., Any]]  # a decorator of a command
_Found = TypeVar("_Found")

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

# Whether a run has the value of a filter.
_FILTERS: dict[str, Callable[[RunStatus, str], bool]] = {
    "name": lambda current, value: value.lower() in current.run.directory.name.partition(".")[0].lower(),
    "status": lambda current, value: current.state == value,
    "backend": lambda current, value: current.run.manifest.backend == value,
}


@dataclass(frozen=True)
class Choice:
    """What the options say of the runs to choose: values of each filter, one of which must hold, and an age."""

    filters: Filters
    older_than: int | None  # seconds

    def __bool__(self) -> bool:
        return bool(self.filters) or self.older_than is not None

    def fits(self, current: RunStatus) -> bool:
        """Return whether a run is among the chosen ones. A run that did not record when it was made has no age."""
        allowed: dict[str, list[bool]] = {}
        for name, value in self.filters:
            allowed.setdefault(name, []).append(_FILTERS[name](current, value))
        return all(map(any, allowed.values())) and self._is_old(current)

    def _is_old(self, current: RunStatus) -> bool:
        made = current.record.created
        return self.older_than is None or (made is not None and time.time() - made > self.older_than)


def parsed_filters(
    given: Iterable[str], names: Collection[str], states: Collection[str] = (), status: str = "A status"
) -> Filters:
    """Return the names, in lower case, and values of ``--filter``. Raises UsageError if one is unknown or empty.

    An empty part of a name would be in every name. ``status`` is the subject of the sentence about wrong states.
    """
    found = [(text, *text.partition("=")) for text in given]
    for text, name, _, value in found:
        if not value or name.lower() not in names:
            raise click.UsageError(f'--filter is {"=VALUE, ".join(names)}=VALUE, not "{text}".')
        if name.lower() == "status" and value not in states:
            raise click.UsageError(f'{status} is one of {", ".join(states)}, not "{value}".')
    return tuple((name.lower(), value) for _, name, _, value in found)


def filter_option(parse: Callable[[Iterable[str]], Filters], text: str, complete: completing.Completer) -> Option:
    """Return the option ``--filter``, whose values ``parse`` reads. ``text`` is its help."""
    return click.option(
        "--filter",
        "filters",
        multiple=True,
        metavar="NAME=VALUE",
        callback=lambda _context, _option, given: parse(given),
        help=text,
        shell_complete=complete,
    )


def _filters(given: Iterable[str]) -> Filters:
    from reana_batch.lifecycle.status import STATES

    return parsed_filters(given, _FILTERS, STATES)


def _age(_context: click.Context, _option: click.Parameter, given: str | None) -> int | None:
    if given is None:
        return None
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", given)
    if match is None:
        raise click.UsageError(f'--older-than is a number of m, h, d or w, such as 30d, not "{given}".')
    return int(match[1]) * _SECONDS[match[2]]


def choice_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose runs. Their values become one argument, ``choice``."""

    @functools.wraps(function)
    def chosen(*, filters: Filters, older_than: int | None, **rest: Any) -> Any:
        return function(choice=Choice(filters, older_than), **rest)

    by_age = click.option(
        "--older-than", callback=_age, metavar="AGE", help="Only runs made longer ago: a number of m, h, d or w."
    )
    by_value = filter_option(
        _filters,
        "Only these runs: name=PART of it, status=STATUS, backend=NAME. Several values of one are alternatives.",
        completing.filters,
    )
    return by_value(by_age(chosen))


def named_runs(runs: Path | None, names: Sequence[str]) -> list[Path]:
    """Return all runs of these names, or of all names if there are none. NAME.N and a path are that run alone."""
    from reana_batch.run.names import all_runs

    root = root_of(runs)
    if not names:
        return all_runs(root)
    found: list[Path] = []
    for name in names:
        found += [find_run(name, runs)] if "/" in name or "." in name else all_runs(root, name)
    return list(dict.fromkeys(found))


def look_at_each(directories: Iterable[Path]) -> tuple[list[RunStatus], Diagnostics]:
    """Return the states of the runs, and the faults of runs that cannot be read."""
    from reana_batch import Run

    return of_each(directories, lambda directory: Run(directory).status())


def of_each(directories: Iterable[Path], look: Callable[[Path], _Found]) -> tuple[list[_Found], Diagnostics]:
    """Return what ``look`` returns of the runs, and the faults of runs that cannot be read."""
    from reana_batch.diagnostics import Diagnostics, Refused, no_access

    found, diagnostics = [], Diagnostics()
    for directory in directories:
        try:
            found.append(look(directory))
        except Refused as refused:
            diagnostics.add(refused.diagnostics)
        except OSError as error:
            diagnostics.add(no_access(error).diagnostics)
    return found, diagnostics
