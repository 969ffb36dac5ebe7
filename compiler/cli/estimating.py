"""The options of an estimate, and the function that uses their values."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from reana_batch.cli import completing

if TYPE_CHECKING:
    from reana_batch.compilation import Compilation
    from reana_batch.estimating.durations import Given
    from reana_batch.estimating.estimate import Estimate


def _core_hours(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """Return the core seconds of ``--budget``."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9}(\.[0-9]{1,4})?)h", text)
    if not match:
        raise click.UsageError(f'--budget must be core hours such as 500h, not "{text}".')
    return round(float(match[1]) * 3600)


def _durations(_context: click.Context, _option: click.Parameter, texts: Sequence[str]) -> Given:
    """Return the values of ``--duration``."""
    from reana_batch.estimating.durations import Given
    from reana_batch.reading import expressions

    found: dict[str, float] = {}
    for text in texts:
        step, _, time = text.rpartition("=")
        if step in found:
            raise click.UsageError(f"--duration gives two times for {f'the step {step}' if step else 'all steps'}.")
        try:
            found[step] = expressions.lifetime(time)
        except expressions.Unreadable:
            message = f'--duration must be a whole time such as 90s, 10m or fit=2h, not "{text}".'
            raise click.UsageError(message) from None
    return Given(found.pop("", None), found)


class Asked(NamedTuple):
    """The values of the options."""

    slots: int | None
    durations: Given
    budget: int | None  # in core seconds


_OPTIONS = (
    click.option(
        "--slots",
        type=click.IntRange(min=1),
        metavar="N",
        help="CPUs that the jobs get at a time; with make, jobs at a time.  [default: all that they can use]",
    ),
    click.option(
        "--duration",
        "durations",
        multiple=True,
        metavar="[STEP=]TIME",
        callback=_durations,
        help="How long a row of a step takes, or of all steps of which nothing is known.",
        shell_complete=completing.steps_of_analysis,
    ),
    click.option(
        "--budget", metavar="HOURS", callback=_core_hours, help="Refuse a run of more core hours, such as 500h."
    ),
)


def estimating_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of an estimate, as the argument ``asked``."""

    @functools.wraps(function)
    def called(*args: Any, slots: int | None, durations: Given, budget: int | None, **others: Any) -> Any:
        return function(*args, asked=Asked(slots, durations, budget), **others)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


def estimate_of(compilation: Compilation, asked: Asked, given: Mapping[str, Any], jobs: int | None = None) -> Estimate:
    """Return the estimate of a run. Raises Refused if it exceeds its budget.

    ``given`` are the options of the analysis, and ``jobs`` is how many make runs at a time.
    """
    from reana_batch import cpus
    from reana_batch.estimating.estimate import Wanted, check_budget, estimate
    from reana_batch.estimating.measured import Measured, measured

    before = measured(Path(given["measured"])) if given["measured"] else Measured()
    slots = asked.slots
    if slots is None and compilation.target.runs_here:
        slots = jobs or cpus.usable()
    found = estimate(compilation, before, Wanted(slots, given["queue_time"], asked.durations))
    if asked.budget is not None:
        check_budget(found, asked.budget)
    return found
