"""The plan of a run with a changed analysis, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reana_batch.amounts import counted
from reana_batch.cli.answers import Answer
from reana_batch.cli.terminal import Line, line

if TYPE_CHECKING:
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle.comparison import Plan


def plan_answer(plan: Plan, diagnostics: Diagnostics | None = None) -> Answer:
    """Return the answer of a command that shows a plan and changes nothing."""
    from reana_batch.report.plan import plan_record

    return Answer(lambda: plan_record(plan), _lines(plan), diagnostics)


def _lines(plan: Plan) -> Iterator[Line]:
    from reana_batch.report.plan import sentence, summaries

    for step in summaries(plan):
        for reason, count in step.runs:
            yield line(f"{step.name}: {_part(count, step.jobs)}: {sentence(reason)}", "yellow")
        if step.kept:
            yield line(f"{step.name}: {_part(step.kept, step.jobs)} {'stays' if step.kept == 1 else 'stay'}")
    for name, rows in plan.orphans.items():
        yield line(
            f"{name}: {counted(len(rows), 'job')} of the earlier run {_have(len(rows))} no place any more", "dim"
        )
    yield line(f"==> {plan.jobs - plan.kept:,} of {counted(plan.jobs, 'job')} would run. Nothing was changed.", "green")


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _part(count: int, total: int) -> str:
    """Return how many of a step's jobs these are."""
    return counted(total, "job") if count == total else f"{count:,} of {counted(total, 'job')}"
