"""The filters of logs, as in reana-client: by step, state, batch system and image."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from reana_batch.run.logs import JobLog
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.records import RowStates

STATES = ("finished", "failed", "running")

# The values of a job that a filter accepts: of a log, its step, the part that this is in, and the states of its rows.
FILTERS: Mapping[str, Callable[[JobLog, StepEntry, Run, RowStates], Collection[str]]] = {
    "step": lambda log, step, part, _: (log.label, step.label, part.name_of(step)),
    "status": lambda log, _step, _part, states: (_state(log.row, states),),
    "compute_backend": lambda _log, step, part, _: _backends(part.system_of(step)),
    "docker_img": lambda _log, step, _part, _states: (step.environment,),
}


def _backends(name: str) -> tuple[str, str]:
    """Return the name of a batch system, and REANA's name for it."""
    return name, f"{name}cern"


def _state(row: int, states: RowStates) -> str:
    if row in states.done:
        return "finished"
    return "failed" if row in states.failed else "running"


def fitting(run: Run, logs: Iterable[JobLog], filters: Iterable[tuple[str, str]]) -> Iterator[JobLog]:
    """Yield the logs that fit. Several values of one filter are alternatives."""
    wanted: dict[str, set[str]] = {}
    for name, value in filters:
        wanted.setdefault(name, set()).add(value)
    steps = {part.name_of(step): (step, part) for part, step in run.steps()}
    states: dict[str, RowStates] = {}
    for log in logs:
        step, part = steps[log.step]
        if log.step not in states:
            states[log.step] = part.records(step).states()
        facts = (log, step, part, states[log.step])
        if all(not values.isdisjoint(FILTERS[name](*facts)) for name, values in wanted.items()):
            yield log
