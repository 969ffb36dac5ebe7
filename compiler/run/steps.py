"""Finding of the steps that a user names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reana_batch.diagnostics import Refused, closest, refuse
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run

# Steps, each with the part of the run that it is in.
Steps = Sequence[tuple[Run, StepEntry]]


def matching(steps: Steps, name: str) -> Steps:
    """Return the steps with this name or label."""
    return [(part, step) for part, step in steps if name in (part.name_of(step), step.name, step.label)]


def named(steps: Steps, name: str) -> Steps:
    """Return the steps with this name or label. Raises Refused if there is none."""
    found = matching(steps, name)
    if not found:
        raise unknown(name, (step.label for _, step in steps))
    return found


def unknown(name: str, labels: Iterable[str]) -> Refused:
    """Return the exception for a name that no step has. Its hint has the one that is meant, or those that there are."""
    known = [*dict.fromkeys(labels)]
    meant = closest(name, known)
    hint = f"did you mean {meant}?" if meant else f"known: {', '.join(known[:20])}."
    return refuse("unknown-step", f'There is no step "{name}".', hint=hint)


def with_row(steps: Steps, name: str, row: int) -> Steps:
    """Return those of the steps of a name that have this row. Raises Refused if none has."""
    found = [(part, step) for part, step in steps if row < step.rows]
    if not found:
        last = max(step.rows for _, step in steps) - 1
        raise refuse("unknown-step", f'Step "{name}" has no job {row}.', hint=f"they are numbered from 0 to {last}.")
    return found
