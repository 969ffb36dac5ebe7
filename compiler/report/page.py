"""The page of the report on a run: its facts, in the template ``report/page.html.j2``."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reana_batch import amounts
from reana_batch.report.charts import charts
from reana_batch.report.run_facts import (
    SHOWN,
    STATES,
    Job,
    RunFacts,
    Spread,
    Step,
    counts_of,
    listed,
    listed_steps,
    spread,
    state_of,
)
from reana_batch.run.usage import OF_PROCESS
from reana_batch.writing.render import Verbatim, packaged, render

_SECTIONS = {
    "summary": "Summary",
    "failures": "Failures",
    "graph": "Graph",
    "steps": "Steps",
    "timeline": "Timeline",
    "durations": "Durations",
    "usage": "Usage",
    "jobs": "Jobs",
    "files": "Files",
    "software": "Software",
    "source": "Analysis",
}
_WORDS = {
    "finished": "jobs finished",
    "running": "jobs running",
    "failed": "jobs failed",
    "lost": "jobs without a record of their end",
    "waiting": "jobs not started",
}
_UNKNOWN = "-"
_MOST_LABELS = 50  # steps that are named with an image


def page(facts: RunFacts) -> str:
    """Return the page as HTML. It has all that it needs, and asks no other site for anything."""
    chosen, steps, script = listed(facts), listed_steps(facts), packaged("report/page.js")
    known = {job.step for job in chosen}
    return render(
        "report/page.html.j2",
        "html",
        facts=facts,
        charts=charts(facts),
        sections=[(name, title) for name, title in _SECTIONS.items() if name != "failures" or facts.failures],
        words=_WORDS,
        table=[(term, value) for term, value in _terms(facts) if value],
        moments=[(term, moment) for term, moment in _moments(facts) if moment],
        steps=[_summed(step, facts) for step in steps],
        used_states=[state for state in STATES if facts.counts[state]],
        shown=SHOWN,
        listed=chosen,
        listed_steps=[step for step in facts.steps if step.number in known],
        listed_states=list(counts_of(chosen)),
        has_cpu=any(job.cpu is not None for job in chosen),
        has_memory=any(job.memory is not None for job in chosen),
        credentials=sorted({name for step in facts.steps for name in step.credentials}),
        images=list(_images(facts)),
        anchors=dict(_anchors(facts)),
        anchor=_anchor,
        counted=amounts.counted,
        number=_number,
        duration=duration,
        size=_size,
        percent=_percent,
        moment=_moment,
        iso=_iso,
        style=Verbatim(packaged("report/page.css")),
        script=Verbatim(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


# --- what the template shows --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Summed:
    """A step with what its jobs took and used. A share is of what they ask for."""

    step: Step
    state: str
    counts: Mapping[str, int]
    times: Spread | None
    waits: Spread | None
    memory: Spread | None
    of_process: bool  # is the memory of a job that of its largest process?
    time_share: float | None
    memory_share: float | None
    cpu_share: float | None


def _summed(step: Step, facts: RunFacts) -> _Summed:
    jobs = facts.jobs_by_step.get(step.number, ())
    counts = counts_of(jobs)
    times, memory = spread(job.seconds for job in jobs), spread(job.memory for job in jobs)
    return _Summed(
        step=step,
        state=state_of(counts),
        counts=counts,
        times=times,
        waits=spread(job.waited for job in jobs),
        memory=memory,
        of_process=any(job.memory_of == OF_PROCESS for job in jobs),
        time_share=times.most / step.runtime if times and step.runtime else None,
        memory_share=memory.most / step.memory if memory and step.memory else None,
        cpu_share=_cpu_share(jobs, step.cpus or 1),
    )


def _cpu_share(jobs: Sequence[Job], cpus: int) -> float | None:
    """Return the part of their CPUs' time that jobs used. None if it is not known of any."""
    known = [(job.cpu, job.seconds) for job in jobs if job.cpu is not None and job.seconds]
    took = sum(seconds for _, seconds in known)
    return sum(cpu for cpu, _ in known) / (took * cpus) if took else None


def _terms(facts: RunFacts) -> Iterator[tuple[str, str]]:
    yield "Analysis", facts.analysis
    yield "Run directory", facts.directory
    yield "Site", facts.site
    yield "Submitted from", facts.host
    yield "Scheduler's ids", ", ".join(facts.ids)
    yield "Goes on with", facts.follows


def _moments(facts: RunFacts) -> Iterator[tuple[str, int]]:
    yield "Created (UTC)", facts.created
    yield "Submitted (UTC)", facts.submitted
    yield "First start (UTC)", facts.started
    yield "Last end (UTC)", facts.ended
    yield "Stopped (UTC)", facts.stopped


@dataclass(frozen=True, slots=True)
class _Image:
    name: str
    digest: str
    used: bool  # or do the jobs run on the machine itself?
    steps: tuple[str, ...]


def _images(facts: RunFacts) -> Iterator[_Image]:
    """Yield each image with the digest that its name has, if it has one."""
    steps: dict[tuple[str, bool], dict[str, None]] = defaultdict(dict)
    for step in facts.steps:
        if step.image:
            steps[step.image, step.in_image][step.label] = None
    for (image, used), labels in steps.items():
        name, _, digest = image.partition("@")
        yield _Image(name, digest, used, tuple(labels)[:_MOST_LABELS])


def _anchors(facts: RunFacts) -> Iterator[tuple[str, str]]:
    """Yield each place in the analysis that the page shows, with the anchor of its line."""
    shown = {source.name: (number, len(source.lines)) for number, source in enumerate(facts.sources)}
    for origin in {step.origin for step in facts.steps} | {group.origin for group in facts.failures}:
        name, _, line = origin.rpartition(":")
        number, lines = shown.get(name, (0, 0))
        if line.isdecimal() and 0 < int(line) <= lines:
            yield origin, _anchor(number, int(line))


def _anchor(source: int, line: int) -> str:
    return f"source-{source}-{line}"


# --- values in words --------------------------------------------------------------------------------


def duration(seconds: float | None) -> str:
    """Return a duration for a reader, a dash if it is not known.

    >>> duration(5), duration(75), duration(7260), duration(200_000)
    ('5 s', '1 min 15 s', '2 h 1 min', '2 d 7 h')
    """
    if seconds is None:
        return _UNKNOWN
    if seconds < 10 and seconds % 1:
        return f"{seconds:.1f} s"
    return amounts.duration(round(seconds))


def _number(number: int) -> str:
    return f"{number:,}"


def _size(size: float | None) -> str:
    if size is None:
        return _UNKNOWN
    return amounts.readable_size(round(size))


def _percent(share: float | None) -> str:
    return _UNKNOWN if share is None else f"{share:.0%}"


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
