"""The facts of the report on a run, as plain data, and what follows from them. Nothing here reads a file.

Times are seconds since 1970, durations are seconds, sizes are bytes. What is not known is 0 for a time, and None otherwise.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

# The states of a job, in the order in which charts stack them. A job is lost if it started, and neither ended nor runs.
STATES = ("finished", "running", "failed", "lost", "waiting")
# The same, with what needs attention first.
URGENT = ("failed", "lost", "running", "waiting", "finished")
# The words for them.
SHOWN = {state: state for state in STATES} | {"waiting": "not started"}
# A run of more jobs than this has only some of them in the table of the page.
MOST_LISTED = 2000
_LISTED = 1000  # of a run with more
# More steps than this are drawn as one for each label.
MOST_DRAWN = 60
# More nodes than this are not drawn at all.
MOST_NODES = 80
# A run of more steps than this has only some of them in the tables of the page.
MOST_STEPS_LISTED = 300


@dataclass(frozen=True, slots=True)
class Job:
    """One row of a step."""

    step: int  # the number of its step in the report
    row: int
    state: str
    label: str = ""  # if the row has one of its own
    submitted: int = 0  # by the batch system's word
    ready: int = 0  # when it could start
    started: int = 0
    ended: int = 0
    host: str = ""
    scheduler_job: str = ""
    attempt: int | None = None
    cpu: float | None = None
    memory: int | None = None  # the peak
    memory_of: str = ""  # "job", or "process" if it is that of the largest one

    @property
    def seconds(self) -> int | None:
        """The time that it took."""
        return self.ended - self.started if self.started and self.ended >= self.started else None

    @property
    def waited(self) -> int | None:
        """The time from when it could start until it started."""
        return self.started - self.ready if self.ready and self.started >= self.ready else None


@dataclass(frozen=True, slots=True)
class Spread:
    """How numbers are spread: the least, the quarters, and the greatest."""

    count: int
    least: float
    low: float
    middle: float
    high: float
    most: float


def spread(numbers: Iterable[float | None]) -> Spread | None:
    """Return how the known numbers are spread. None if there are none."""
    known = sorted(number for number in numbers if number is not None)
    if not known:
        return None
    quarters = statistics.quantiles(known, n=4, method="inclusive") if len(known) > 1 else known * 3
    low, middle, high = quarters
    return Spread(len(known), known[0], low, middle, high, known[-1])


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the run, with what its jobs ask for."""

    number: int
    name: str
    label: str
    origin: str
    rows: int
    needs: tuple[int, ...] = ()  # the numbers of steps
    patterns: tuple[str, ...] = ()  # of the needs; empty if each row waits for all rows of each
    image: str = ""
    in_image: bool = False  # does the site start its commands in the image?
    memory: int | None = None
    runtime: int | None = None
    cpus: int | None = None  # None if it asks for none; it then has one
    credentials: tuple[str, ...] = ()
    system: str = ""  # the batch system


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A failed job in full."""

    row: int
    host: str
    scheduler_job: str
    started: int
    command: str
    log: str  # its end
    log_path: str


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Jobs of one step that failed for one cause. ``jobs`` has the first ones in full."""

    step: str
    origin: str
    cause: str
    count: int
    rows: tuple[int, ...]
    jobs: tuple[FailedJob, ...]


@dataclass(frozen=True, slots=True)
class File:
    """An input or output in the workspace. ``note`` says what is missing of it, and why."""

    path: str
    size: int | None = None
    modified: int = 0
    checksum: str = ""  # SHA-256
    note: str = ""
    picture: str = ""  # a data URI


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one kind; ``more`` others of ``more_bytes`` are not listed."""

    listed: tuple[File, ...] = ()
    more: int = 0
    more_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the analysis. ``note`` says where the text is from, or why there is none."""

    name: str
    lines: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class RunFacts:
    """All that the report says of a run."""

    name: str
    state: str
    workflow: str = ""
    type: str = ""
    system: str = ""
    site: str = ""
    directory: str = ""
    analysis: str = ""
    created: int = 0
    submitted: int = 0
    stopped: int = 0
    seen: int = 0  # when these facts were read
    host: str = ""
    ids: tuple[str, ...] = ()
    follows: str = ""  # the run that this one goes on with
    made_by: str = ""
    reported_by: str = ""
    notes: tuple[str, ...] = ()  # sentences on what hinders the run, and what helps
    steps: tuple[Step, ...] = ()
    jobs: tuple[Job, ...] = ()
    failures: tuple[FailureGroup, ...] = ()
    more_failures: int = 0  # groups that are left out
    inputs: Files = Files()
    outputs: Files = Files()
    sources: tuple[Source, ...] = ()
    _by_step: dict[int, tuple[Job, ...]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def jobs_by_step(self) -> Mapping[int, Sequence[Job]]:
        """The jobs of each step, by its number."""
        found: dict[int, list[Job]] = defaultdict(list)
        for job in self.jobs:
            found[job.step].append(job)
        return found

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many jobs are in each state, in the order of STATES."""
        found = Counter(job.state for job in self.jobs)
        return {state: found[state] for state in STATES}

    @cached_property
    def started(self) -> int:
        """When the first job started."""
        return min((job.started for job in self.jobs if job.started), default=0)

    @cached_property
    def ended(self) -> int:
        """When the last job ended. While jobs run it is not known."""
        return 0 if self.counts["running"] else max((job.ended for job in self.jobs), default=0)

    @cached_property
    def end_of_view(self) -> int:
        """The last time that charts show. The clock of a worker can be ahead of the one that says when this was seen."""
        latest = max((max(job.started, job.ended) for job in self.jobs), default=0)
        return max(self.ended or self.seen, latest)

    @cached_property
    def busy(self) -> int | None:
        """The sum of the times that jobs took. None if no job has ended."""
        known = [job.seconds for job in self.jobs if job.seconds is not None]
        return sum(known) if known else None

    @property
    def elapsed(self) -> int | None:
        """The time from the first start to the last end, or until now."""
        return self.end_of_view - self.started if self.started else None


def counts_of(jobs: Iterable[Job]) -> dict[str, int]:
    """Return how many jobs are in each state, without the states that none is in."""
    found = Counter(job.state for job in jobs)
    return {state: found[state] for state in STATES if found[state]}


def state_of(counts: Mapping[str, int]) -> str:
    """Return the state of a step by those of its jobs: the one that needs attention first.

    >>> state_of({"finished": 3, "failed": 1})
    'failed'
    >>> state_of({"finished": 3, "waiting": 1})
    'waiting'
    """
    return next((state for state in URGENT if counts.get(state)), "waiting")


def with_ready_times(steps: Sequence[Step], jobs: Iterable[Job], submitted: int) -> tuple[Job, ...]:
    """Return the jobs with the times at which each could start: when its parents had ended and it was submitted.

    ``submitted`` is when the run was. The time stays unknown if a job waits for rows that the manifest does not name, and
    the batch system has not said when it was submitted.
    """
    given = tuple(jobs)
    ends: dict[int, dict[int, int]] = defaultdict(dict)
    for job in given:
        ends[job.step][job.row] = job.ended
    last = {number: max(rows.values()) for number, rows in ends.items()}
    return tuple(replace(job, ready=_ready(steps[job.step], job, ends, last, submitted)) for job in given)


def _ready(step: Step, job: Job, ends: Mapping[int, Mapping[int, int]], last: Mapping[int, int], submitted: int) -> int:
    found = [job.submitted or submitted]
    for number, parent in enumerate(step.needs):
        pattern = step.patterns[number] if step.patterns else "all"
        if pattern not in ("all", "each") and not job.submitted:
            return 0
        if pattern == "each":
            found.append(ends.get(parent, {}).get(job.row, 0))
        elif pattern == "all":
            found.append(last.get(parent, 0))
    ready = max(found)
    return ready if ready <= job.started else 0  # else the job is of an earlier submission


def listed(facts: RunFacts) -> tuple[Job, ...]:
    """Return the jobs that the table lists: all, or of many the failed, lost, running and slowest ones."""
    if len(facts.jobs) <= MOST_LISTED:
        return facts.jobs
    urgent = {"failed": 0, "lost": 0, "running": 1}
    ordered = sorted(facts.jobs, key=lambda job: (urgent.get(job.state, 2), -(job.seconds or 0)))
    chosen = {(job.step, job.row) for job in ordered[:_LISTED]}
    return tuple(job for job in facts.jobs if (job.step, job.row) in chosen)


def listed_steps(facts: RunFacts) -> tuple[Step, ...]:
    """Return the steps that the tables list: all, or of many those that the graph leads to, and then the urgent ones."""
    if len(facts.steps) <= MOST_STEPS_LISTED:
        return facts.steps
    nodes = graph(facts)
    linked = {node.target for node in nodes} if len(nodes) <= MOST_NODES else set()
    ordered = sorted(facts.steps, key=lambda step: (step.number not in linked, *_urgency(facts, step)))
    chosen = {step.number for step in ordered[:MOST_STEPS_LISTED]}
    return tuple(step for step in facts.steps if step.number in chosen)


def _urgency(facts: RunFacts, step: Step) -> tuple[int, int]:
    jobs = facts.jobs_by_step.get(step.number, ())
    return URGENT.index(state_of(counts_of(jobs))), -max((job.seconds or 0 for job in jobs), default=0)


@dataclass(frozen=True, slots=True)
class Node:
    """What the graph draws as one: a step, or of many steps those of one label."""

    label: str
    target: int  # the number of the first of its steps
    counts: Mapping[str, int]
    parents: tuple[int, ...]  # the numbers of nodes, each smaller than its own


def graph(facts: RunFacts) -> list[Node]:
    """Return the nodes of the graph of steps."""
    merges = len(facts.steps) > MOST_DRAWN
    keys = [step.label if merges else step.name for step in facts.steps]
    number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    members: dict[int, list[Step]] = defaultdict(list)
    for step, key in zip(facts.steps, keys, strict=True):
        members[number[key]].append(step)
    node_of = [number[key] for key in keys]
    return [_node(facts, index, steps, node_of) for index, steps in members.items()]


def _node(facts: RunFacts, index: int, steps: Sequence[Step], node_of: Sequence[int]) -> Node:
    counts = counts_of(job for step in steps for job in facts.jobs_by_step.get(step.number, ()))
    parents = dict.fromkeys(node_of[need] for step in steps for need in step.needs)
    return Node(steps[0].label, steps[0].number, counts, tuple(each for each in parents if each < index))


def lanes(jobs: Iterable[Job], end: int) -> list[tuple[Job, int]]:
    """Return the started jobs, each with a lane in which no two of them run at the same time. Later starts come later."""
    free: list[int] = []  # the end of the last job of each lane
    found = []
    for job in sorted((job for job in jobs if job.started), key=lambda job: (job.started, job.row)):
        lane = next((number for number, until in enumerate(free) if until <= (job.ready or job.started)), len(free))
        until = max(job.ended or end, job.started + 1)
        free[lane : lane + 1] = [until]
        found.append((job, lane))
    return found


def at_once(jobs: Iterable[Job], start: int, end: int, bins: int) -> list[int]:
    """Return the most jobs that ran at the same time in each of equal parts of the time from ``start`` to ``end``."""
    changes: Counter[int] = Counter()
    for job in jobs:
        if job.started:
            changes[job.started] += 1
            changes[max(job.ended or end, job.started + 1)] -= 1
    width = max(end - start, 1) / bins
    found, running, last = [0] * bins, 0, 0
    for moment in sorted(changes):
        here = min(int((moment - start) / width), bins - 1)
        found[last + 1 : here + 1] = [running] * (here - last)
        running += changes[moment]
        found[here] = max(found[here], running)
        last = here
    return found
