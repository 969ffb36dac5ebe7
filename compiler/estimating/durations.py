"""How long the rows of each step take, and how that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reana_batch.ir import Step, Workflow

# The sources of a duration, the best first.
MEASURED = "measured"  # in an earlier run
GIVEN = "given"  # by the user
LIMIT = "limit"  # the time limit of the row, which it takes at most
ASSUMED = "assumed"
SOURCES = (MEASURED, GIVEN, LIMIT, ASSUMED)

# The seconds of a row of which nothing is known.
ASSUMED_SECONDS = 60.0


class Durations(NamedTuple):
    """The seconds of the rows of a step. They repeat if the step has more rows."""

    source: str
    seconds: tuple[float, ...]

    def of(self, rows: range) -> float:
        """Return the seconds that these rows take one after the other."""
        if len(self.seconds) == 1:
            return len(rows) * self.seconds[0]
        return sum(self.seconds[row % len(self.seconds)] for row in rows)


class Given(NamedTuple):
    """The durations that the user gives: of all rows of which no other is known, and of the steps of a name or label."""

    seconds: float | None = None
    of_steps: Mapping[str, float] = {}

    def of(self, step: Step) -> float | None:
        """Return the seconds of a row of a step, if the user names it."""
        return next(
            (self.of_steps[name] for name in (step.name, step.title, step.label) if name in self.of_steps), None
        )


def durations(workflow: Workflow, measured: Mapping[str, tuple[float, ...]], given: Given) -> dict[str, Durations]:
    """Return the durations of each step, by its name. What the user says of a step counts before what was measured."""
    return {step.name: _of_step(step, measured.get(step.name, ()), given) for step in workflow.steps}


def _of_step(step: Step, measured: tuple[float, ...], given: Given) -> Durations:
    own, limit = given.of(step), step.placed.resources.runtime
    if own is not None:
        return Durations(GIVEN, (own,))
    if measured:
        return Durations(MEASURED, measured)
    if given.seconds is not None:
        return Durations(GIVEN, (given.seconds,))
    if limit is not None:
        return Durations(LIMIT, (float(limit * max(1, len(step.action.commands))),))
    return Durations(ASSUMED, (ASSUMED_SECONDS,))
