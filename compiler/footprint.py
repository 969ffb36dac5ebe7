"""What a run asks of a batch system: jobs that wait for each other, calls that submit them, and the system's own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from reana_batch.ir import ChunkPattern, Need, Pattern, Step, Workflow, chunk_pattern


class Slice(NamedTuple):
    """Scheduler jobs that a batch system knows together: all of a step, or those of one of its arrays."""

    step: str
    jobs: range  # the numbers of these jobs in the step
    # Earlier slices, each by its place in the list of all, with its jobs that a job waits for. These count in slices.
    needs: tuple[tuple[int, ChunkPattern], ...] = ()


@dataclass(frozen=True, slots=True)
class Footprint:
    """The slices of a run in the order of their submission, and what the system adds to it.

    ``calls`` counts how often the submission starts each program, and ``calls_of`` how many of these are for each step
    that needs its own. ``files`` counts what a complete run has of the
    system's own files, without those that ``lower`` has yielded, and without ``stamps``.
    """

    slices: tuple[Slice, ...]
    calls: Mapping[str, int]
    files: int
    calls_of: Mapping[str, int] = field(default_factory=dict)
    effects: Mapping[str, str] = field(default_factory=dict)  # what settings of the site do to the run, each a sentence

    @property
    def all_calls(self) -> int:
        return sum(self.calls.values())


def stamps(workflow: Workflow) -> int:
    """Return how many files say that a whole step or expansion is done, because jobs wait for all of it."""
    whole = {need.step for step in workflow.steps for need in step.needs if need.pattern is Pattern.ALL}
    return len(whole) + len(whole & workflow.expansion_names)


def whole_steps(workflow: Workflow) -> tuple[Slice, ...]:
    """Return a slice for each step. Its jobs wait for single jobs where rows do.

    A step whose nodes submit several jobs waits for whole steps, and others wait for all of it.
    """
    steps = {step.name: step for step in workflow.steps}
    place = {name: number for number, name in enumerate(steps)}

    def pattern(need: Need, child: Step) -> ChunkPattern:
        parent = steps[need.step]
        is_bundled = child.placed.bundle > 1 or parent.placed.bundle > 1
        return Pattern.ALL if is_bundled else chunk_pattern(need, child, parent)

    return tuple(
        Slice(step.name, range(step.chunks), tuple((place[need.step], pattern(need, step)) for need in step.needs))
        for step in workflow.steps
    )
