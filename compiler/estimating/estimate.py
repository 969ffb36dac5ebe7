"""The estimate of a run: what it will ask of its site, and how long it may take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reana_batch import call_rate
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import Place, refuse
from reana_batch.estimating import counting
from reana_batch.estimating.counting import Bytes, Files
from reana_batch.estimating.durations import ASSUMED, GIVEN, LIMIT, MEASURED, SOURCES, Durations, Given, durations
from reana_batch.estimating.measured import Expanded, Measured
from reana_batch.estimating.simulation import Jobs, Spell, Timeline, simulate
from reana_batch.footprint import Footprint, Slice
from reana_batch.ir import Step
from reana_batch.run.steps import unknown
from reana_batch.site import Site

_NAMED = 5
# What an estimate may leave out.
JOBS, QUEUE = "jobs", "queue"
_KNOWN = {MEASURED: "as measured", GIVEN: "as you say", LIMIT: "by its time limit"}


class Wanted(NamedTuple):
    """What the user says of the site and the rows."""

    slots: int | None = None  # at a time; None stands for as many as there are jobs
    queue_seconds: int | None = None  # that each job waits before it gets a slot
    given: Given = Given()


class StepEstimate(NamedTuple):
    """A step, how long its rows take, and when its jobs run."""

    step: Step
    durations: Durations
    spell: Spell

    @property
    def seconds(self) -> float:
        """The seconds of all rows together."""
        return self.durations.of(range(self.step.table.count))

    @property
    def cpus(self) -> int:
        return cpus(self.step)

    @property
    def gpus(self) -> int | None:
        """The GPUs of a job. None if its request is in words of the batch system."""
        asked = self.step.placed.resources
        if "gpu" in (asked.gres or ""):
            return None
        return asked.gpus or (1 if asked.gpu_model else 0)


class Unknown(NamedTuple):
    """What only the run can know, and more jobs follow from, with those that did in an earlier run. No figure has them."""

    reason: str
    origin: Place
    earlier: Expanded | None


class Effect(NamedTuple):
    """What a setting of the site does to the run, and where the site's rule is written."""

    setting: str
    text: str
    source: str  # empty if the profile does not say


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run needs, if no job fails. Jobs that only the run can know are not in it."""

    steps: tuple[StepEstimate, ...]
    footprint: Footprint
    files: Files
    bytes_in: Bytes
    bytes_out: Bytes
    timeline: Timeline
    slots: int | None  # None stands for as many as the jobs can use
    queue_seconds: float | None  # None if nothing is known of it; then no job waits in the simulation
    overhead: float | None  # seconds that each job needs besides its rows; None counts as none
    effects: tuple[Effect, ...]
    unknown: tuple[Unknown, ...]
    has_earlier: bool  # has the user named an earlier run?

    @property
    def rows(self) -> int:
        return sum(each.step.table.count for each in self.steps)

    @property
    def jobs(self) -> int:
        """The number of scheduler jobs."""
        return sum(len(each.jobs) for each in self.footprint.slices)

    @property
    def basis(self) -> str:
        """The weakest source of the durations."""
        sources = (each.durations.source for each in self.steps if each.step.table.count)
        return max(sources, key=SOURCES.index, default=MEASURED)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What no figure has, because it is not known: some of the jobs, or the time in the queue."""
        return (JOBS,) * bool(self.unknown) + (QUEUE,) * (self.queue_seconds is None)

    @property
    def core_seconds(self) -> float:
        return sum(each.cpus * each.seconds for each in self.steps)

    @property
    def gpu_seconds(self) -> float | None:
        """The seconds of all GPUs together. None if a step does not say how many it asks for."""
        if any(each.gpus is None for each in self.steps):
            return None
        return sum((each.gpus or 0) * each.seconds for each in self.steps)


def estimate(compilation: Compilation, measured: Measured, wanted: Wanted) -> Estimate:
    """Return the estimate of a run. Raises Refused if the user names an unknown step, or if a job needs more slots."""
    workflow, site = compilation.workflow, compilation.site
    _check_names(workflow.steps, wanted.given)
    found = durations(workflow, measured.rows, wanted.given)
    footprint = compilation.footprint()
    here = measured if measured.backend == compilation.target.name else Measured()
    overhead, waited = here.waiting(is_here=compilation.target.runs_here)
    queue = _queue_seconds(site, waited, wanted)
    timeline = _timeline(compilation, footprint, found, wanted.slots, queue or 0.0, overhead or 0.0)
    spells = _by_step(footprint.slices, timeline.spells)
    return Estimate(
        steps=tuple(StepEstimate(step, found[step.name], spells.get(step.name, Spell())) for step in workflow.steps),
        footprint=footprint,
        files=counting.files(compilation, footprint),
        bytes_in=counting.bytes_in(compilation, measured.size),
        bytes_out=counting.bytes_out(compilation, measured.size),
        timeline=timeline,
        slots=wanted.slots,
        queue_seconds=queue,
        overhead=overhead,
        effects=tuple(_effects(compilation, footprint, found)),
        unknown=tuple(
            Unknown(each.reason, each.origin, measured.expanded.get(each.name)) for each in workflow.expansions
        ),
        has_earlier=bool(measured.backend),
    )


def check_budget(found: Estimate, budget: int) -> None:
    """Raise Refused if a run needs more seconds of cores than ``budget``, or if nothing is known of some.

    Jobs that only the run can know need what they needed in the earlier run.
    """
    assumed = [each.step for each in found.steps if each.durations.source == ASSUMED and each.step.table.count]
    if assumed:
        names = ", ".join(dict.fromkeys(f'"{step.label}"' for step in assumed[:_NAMED]))
        message = f"The budget cannot be checked, because nothing says how long the rows of {names} take."
        hint = (
            "name it with --duration STEP=TIME, or an earlier run with --measured; a time limit of the step counts too."
        )
        raise refuse("over-budget", message, assumed[0].origin, hint)
    later = [each.earlier.core_seconds if each.earlier else None for each in found.unknown]
    needed = found.core_seconds + sum(each or 0.0 for each in later)
    if needed <= budget and None in later:
        first = found.unknown[later.index(None)]
        message = (
            f"The budget cannot be checked, because only the run can know the jobs that follow from {first.reason}."
        )
        raise refuse("over-budget", message, first.origin, "name an earlier run that is finished with --measured.")
    if needed > budget:
        largest = max(found.steps, key=lambda each: each.cpus * each.seconds)
        needs, allowed = _apart(needed, budget)
        message = f"The run needs {needs} h of core time, and the budget is {allowed} h."
        most = f'"{largest.step.label}" needs {hours(largest.cpus * largest.seconds)} h of it'
        cure = f"{most}, {_KNOWN[largest.durations.source]}; ask for less, name its time with --duration, or raise the budget."
        raise refuse("over-budget", message, largest.step.origin, cure)


def _apart(needed: float, budget: float) -> tuple[str, str]:
    """Return two numbers of hours with so many digits that they differ, of up to nine."""
    pairs = [(hours(needed, digits), hours(budget, digits)) for digits in range(2, 10)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def hours(seconds: float, digits: int = 2) -> str:
    """Return a number of hours with so many digits behind the point, and with more if it is small.

    >>> hours(1_800_000), hours(5400), hours(36.4), hours(0.1)
    ('500', '1.5', '0.0101', '0.000028')
    """
    least = 2 if seconds >= 3600 else 4 if seconds >= 36 else 6
    return f"{seconds / 3600:,.{max(digits, least)}f}".rstrip("0").rstrip(".")


# --- the simulation --------------------------------------------------------------------------------


def cpus(step: Step) -> int:
    """Return the CPUs that a job of a step has: those that it asks for, or one."""
    asked = step.placed.resources
    return (asked.cpus or 1) * max(asked.tasks or 1, asked.nodes or 1)


def _timeline(
    compilation: Compilation,
    footprint: Footprint,
    found: Mapping[str, Durations],
    slots: int | None,
    queue_seconds: float,
    overhead: float,
) -> Timeline:
    steps = {step.name: step for step in compilation.workflow.steps}
    # Make starts as many jobs as it is told, whatever they ask for.
    widths = {name: 1 if compilation.target.runs_here else cpus(step) for name, step in steps.items()}
    for name, step in steps.items():
        if slots is not None and widths[name] > slots:
            message = f"A job asks for {widths[name]} CPUs, and there are {slots} slots."
            raise refuse("over-limit", message, step.origin, f"name at least --slots {widths[name]}.")
    kinds = [
        Jobs(_seconds(steps[each.step], each.jobs, found[each.step], overhead), widths[each.step], each.needs)
        for each in footprint.slices
    ]
    most_jobs = compilation.site.limits.jobs
    return simulate(kinds, slots=slots, most_jobs=most_jobs, queue_seconds=queue_seconds)


def _seconds(step: Step, jobs: range, rows: Durations, overhead: float) -> list[float]:
    """Return how long each of these jobs occupies its slots."""
    size, count = step.placed.chunk_size, step.table.count
    return [overhead + rows.of(range(job * size, min((job + 1) * size, count))) for job in jobs]


def _by_step(slices: Iterable[Slice], spells: Iterable[Spell]) -> dict[str, Spell]:
    found: dict[str, Spell] = {}
    for each, spell in zip(slices, spells, strict=True):
        before = found.get(each.step, spell)
        found[each.step] = Spell(min(before.start, spell.start), max(before.end, spell.end))
    return found


# --- what is known ---------------------------------------------------------------------------------


def _check_names(steps: Sequence[Step], given: Given) -> None:
    known = {name for step in steps for name in (step.name, step.title, step.label)}
    for name in given.of_steps:
        if name not in known:
            raise unknown(name, (step.label for step in steps))


def _queue_seconds(site: Site, waited: float | None, wanted: Wanted) -> float | None:
    """Return how long jobs wait: what the user says of this run, what was measured, or what the site's profile says."""
    known = waited if waited is not None else site.queue_time or None
    return wanted.queue_seconds if wanted.queue_seconds is not None else known


def _effects(compilation: Compilation, footprint: Footprint, found: Mapping[str, Durations]) -> Iterator[Effect]:
    """Yield what the limits of the site, and those of the steps, do to the run."""
    site, texts = compilation.site, {**footprint.effects, **call_rate.effects(compilation, footprint)}
    jobs = sum(len(each.jobs) for each in footprint.slices)
    if site.limits.jobs is not None and jobs > site.limits.jobs:
        texts["limits.jobs"] = f"At most {site.limits.jobs:,} of the {jobs:,} jobs run at a time."
    for step in compilation.workflow.steps:
        limit, rows = step.placed.resources.runtime, found[step.name]
        longest = max(rows.seconds)
        if limit is not None and rows.source != LIMIT and longest > limit * max(1, len(step.action.commands)):
            text = f'Rows of "{step.label}" take up to {longest:,.0f} s, and are ended after {limit:,} s.'
            yield Effect("runtime", text, step.origin.short)
    for setting, text in texts.items():
        yield Effect(setting, text, site.sources.get(setting, ""))
