"""What a plan says of each step: how many of its jobs run and why, and how many stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from reana_batch.lifecycle.comparison import Plan, Reason, StepPlan

# Reasons that the place in the analysis explains. The others are about files and records.
_PLACED = frozenset({"new", "command", "values", "image", "hints", "definition"})


class StepSummary(NamedTuple):
    """The jobs of one step, by what happens to them."""

    name: str  # in the whole run
    label: str
    jobs: int
    kept: int
    runs: tuple[tuple[Reason, int], ...]  # each reason with its jobs, the most frequent first


def summaries(plan: Plan, path: str = "") -> Iterator[StepSummary]:
    """Yield the summary of each step, those of kept expansions after their planners."""
    for each in plan.steps:
        yield StepSummary(path + each.step.name, each.step.label, each.step.rows, len(each.kept), _counted(each))
        if each.part is not None:
            yield from summaries(each.part, f"{path}{each.step.name}/")


def _counted(step: StepPlan) -> tuple[tuple[Reason, int], ...]:
    """Return the reasons with their jobs. Places of single rows are left out where the place does not explain them."""
    reasons = (each if each.kind in _PLACED else each._replace(place="") for each in step.runs.values())
    return tuple(Counter(reasons).most_common())


def sentence(reason: Reason) -> str:
    """Return a reason with its place."""
    return f"{reason.text} at {reason.place}" if reason.place else reason.text


def plan_record(plan: Plan) -> dict[str, Any]:
    """Return the plan for ``--json``."""
    return {
        "jobs": plan.jobs,
        "kept": plan.kept,
        "steps": [
            {
                "name": each.name,
                "label": each.label,
                "jobs": each.jobs,
                "kept": each.kept,
                "runs": [
                    {"jobs": count, "kind": reason.kind, "reason": reason.text, "place": reason.place}
                    for reason, count in each.runs
                ],
            }
            for each in summaries(plan)
        ],
        "orphans": [{"step": name, "jobs": len(rows)} for name, rows in plan.orphans.items()],
    }
