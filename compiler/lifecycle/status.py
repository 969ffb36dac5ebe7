"""The state of a run, from its records and the answers of its schedulers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from reana_batch import backends, files
from reana_batch.diagnostics import Refused
from reana_batch.run import times
from reana_batch.run.failures import Endings, Failure, failures
from reana_batch.run.manifest import ExpansionEntry, StepEntry
from reana_batch.run.parts import Run, StepProgress
from reana_batch.run.queue import JobState, Queue, Submission, Trace
from reana_batch.run.run_json import RunRecord, read_record
from reana_batch.run.sampling import rows_of_each

# The states of a run, in REANA's words. A run that is "deleted" is deleted in part.
STATES = ("created", "queued", "running", "finished", "failed", "stopped", "deleted", "unknown")
# Codes of faults which mean that a batch system, or the machine of a run, does not answer.
NO_ANSWER = ("scheduler", "missing-tool")


@dataclass(frozen=True, slots=True)
class Blocked:
    """A step with jobs that did not start because others failed."""

    step: str
    jobs: int  # how many did not start
    waits_for: str  # the step that they wait for
    failed: str  # the failed step, which is ``waits_for`` or a step before it


@dataclass(frozen=True)
class RunStatus:
    """The state of a run, with its jobs and failures. Its times and its size are read when they are first used."""

    run: Run
    state: str  # one of STATES
    progress: tuple[StepProgress, ...]
    queue: Queue
    record: RunRecord
    failures: tuple[Failure, ...] = ()
    missing_outputs: tuple[str, ...] = field(default=())
    last_words: str = ""  # the last messages of the batch system, if no job says why the run failed
    open_expansions: tuple[ExpansionEntry, ...] = ()  # the expansions that are not compiled yet
    silence: Refused | None = None  # why the batch system did not answer

    @property
    def done(self) -> int:
        return sum(step.done for step in self.progress)

    @property
    def total(self) -> int:
        return sum(step.total for step in self.progress)

    @cached_property
    def span(self) -> times.Span:
        """When the first job started, and when the last one ended."""
        return times.span(self.times.values())

    @cached_property
    def times(self) -> Mapping[str, times.StepTimes]:
        """The times of each step, by its name in the whole run."""
        steps = list(self.run.steps())
        most = rows_of_each(len(steps))
        return {part.name_of(step): times.step_times(part, step, most) for part, step in steps}

    @cached_property
    def size(self) -> int:
        """The bytes that the run takes on disk. The workspace belongs to the run that the others share it with."""
        return sum(facts.st_size for _, facts in files.walk(self.run.directory))

    @property
    def may_go_on(self) -> bool:
        """Whether jobs of the run wait or run, or its batch system does not answer."""
        return self.state in ("queued", "running", "unknown")

    @property
    def has_ended(self) -> bool:
        """Whether the run has ended, whatever the result."""
        return self.state in ("finished", "failed", "stopped")

    @property
    def seconds(self) -> int:
        """The seconds that the run took from its first job on, or has taken until now."""
        began = self.span.started
        return self.span.seconds if self.has_ended or not began else int(time.time()) - began

    @property
    def keeper(self) -> str:
        """The name in messages of the program that keeps the workflow running."""
        return backends.lowering(self.run.manifest.backend).TARGET.keeper

    @property
    def not_started(self) -> int:
        return sum(step.waiting for step in self.progress)

    def blocked(self) -> list[Blocked]:
        """Return the steps with jobs that could not start because others failed."""
        needs = {part.name_of(step): _waited_for(part, step) for part, step in self.run.steps()}
        failed = {failure.step for failure in self.failures}
        blocked: dict[str, Blocked] = {}
        for step in self.progress if self.state == "failed" else ():
            before = needs[step.name]
            causes = {name: name for name in before if name in failed} or {
                name: blocked[name].failed for name in before if name in blocked
            }
            if step.waiting and causes:
                blocked[step.name] = Blocked(step.name, step.waiting, *next(iter(causes.items())))
        return list(blocked.values())


def _waited_for(part: Run, step: StepEntry) -> list[str]:
    """Return the steps that a step waits for, by their names in the whole run, with those that expansions have added."""
    compiled = part.compiled()
    added = (inner.name_of(each) for need in step.needs if need in compiled for inner, each in compiled[need].steps())
    return [*(part.path + need for need in step.needs), *added]


def title_of(system: str) -> str:
    """Return the title of a batch system."""
    return backends.lowering(system).TARGET.title


def created(current: RunStatus) -> str:
    """Return the time at which the run was made, in REANA's format. Empty if it was not recorded."""
    return time_text(current.record.created)


def time_text(seconds: float | None) -> str:
    """Return a time in REANA's format. Empty if there is none."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) if seconds else ""


def status(directory: Path) -> RunStatus:
    """Return the status of the run in a directory."""
    return status_of(Run(directory))


def status_of(run: Run) -> RunStatus:
    """Return the status of a run. The batch system is asked only if the records are not enough."""
    record = read_record(run.directory)
    progress, queue, silence = run.progress(), Queue(()), None
    if record.deleted:
        return RunStatus(run, "deleted", tuple(progress), queue, record)
    if run.is_complete(progress):
        missing = tuple(run.missing_outputs())
        return RunStatus(run, "finished", tuple(progress), queue, record, missing_outputs=missing)
    trace = trace_of(run, record, progress)
    if trace is not Trace.NONE:
        try:
            progress, queue = _look(run, progress, record.last_submission)
        except Refused as refused:
            silence = silence_of(refused)
    state = _state(record, run, progress, queue, trace, silence)
    endings = _endings(run) if state == "failed" else {}
    failed = _failed(run, endings, queue) if state not in ("created", "queued") else ()
    opened = tuple(run.open_expansions())
    words = ""
    if state == "failed" and not failed:
        words = backends.driver(run.manifest.backend).last_words(run.directory)
    seen = (run, state, tuple(progress), queue, record, failed)
    return RunStatus(*seen, last_words=words, open_expansions=opened, silence=silence)


def _failed(run: Run, endings: Endings, queue: Queue) -> tuple[Failure, ...]:
    """Return the failed jobs, without those that are in the queue again."""
    found = failures(run, endings)
    if not queue.returned:
        return tuple(found)
    return tuple(each for each in found if each.entry.chunk_of(each.row) not in queue.returned.get(each.step, ()))


def known_status(directory: Path) -> RunStatus:
    """Return the status of the run in a directory. Raises Refused if its batch system does not answer."""
    return known(status(directory))


def known(current: RunStatus) -> RunStatus:
    """Return the status. Raises Refused if the batch system did not answer."""
    if current.state == "unknown" and current.silence is not None:
        raise current.silence
    return current


def silence_of(refused: Refused) -> Refused:
    """Return the exception if it means that a batch system did not answer. Raise it otherwise."""
    if any(fault.code not in NO_ANSWER for fault in refused.diagnostics.errors):
        raise refused
    return refused


def trace_of(run: Run, record: RunRecord, progress: list[StepProgress]) -> Trace:
    """Return what run.json, records and the batch system's files say of the submission."""
    if record.submitted or any(step.done + step.failed + step.running for step in progress):
        return Trace.ACCEPTED
    asked = Trace.ASKED if record.intent else Trace.NONE
    return max(asked, backends.driver(run.manifest.backend).trace(run.directory))


def _look(run: Run, before: list[StepProgress], last: Submission) -> tuple[list[StepProgress], Queue]:
    """Return the queue, and the progress after the query.

    Jobs that ended meanwhile may have submitted others. So if the queue is empty and there is progress, it asks again.
    """
    while True:
        queue = _query(run, last)
        progress = run.progress()
        if queue.active or progress == before:
            return _without_returned(run, progress, queue), queue
        before = progress


def _without_returned(run: Run, progress: list[StepProgress], queue: Queue) -> list[StepProgress]:
    """Return the progress in which rows wait whose job has come back to the queue, whatever it wrote down before."""
    steps = {part.name_of(step): (part, step) for part, step in run.steps()}
    return [
        _waiting_again(*steps[each.name], each, queue.returned[each.name])
        if each.name in queue.returned and (each.failed or each.running)
        else each
        for each in progress
    ]


def _waiting_again(part: Run, step: StepEntry, known: StepProgress, chunks: Collection[int]) -> StepProgress:
    states = part.records(step).states()
    failed, lost = states.failed - states.done, states.lost
    return replace(
        known,
        failed=sum(step.chunk_of(row) not in chunks for row in failed),
        running=sum(step.chunk_of(row) not in chunks for row in lost),
    )


def _query(run: Run, last: Submission) -> Queue:
    """Return the queue of the run, with the queues of its guests that answer."""
    queues, guests = queues_of(run, last), run.guests
    queue = queues.pop(run.manifest.backend)
    for name, other in queues.items():
        queue = queue.joined(other, guests[name])
    return queue


def queues_of(run: Run, last: Submission) -> dict[str, Queue]:
    """Return the queue of each batch system of the run, by its name. Guests that do not answer are omitted."""
    own = run.manifest.backend
    queues = {own: backends.driver(own).query(run.directory, last)}
    for name in run.guests:
        with contextlib.suppress(Refused):
            queues[name] = backends.driver(name).query(run.directory, Submission())
    return queues


def _endings(run: Run) -> Endings:
    """Return why jobs of an ended run did not end by themselves, by step and chunk."""
    driver = backends.driver(run.manifest.backend)
    return {
        (part.path + step, chunk): reason
        for part in run.parts()
        for (step, chunk), reason in driver.endings(part.directory).items()
    }


def _state(
    record: RunRecord,
    run: Run,
    progress: list[StepProgress],
    queue: Queue,
    trace: Trace,
    silence: Refused | None,
) -> str:
    if run.is_complete(progress):
        return "finished"
    if queue.alive or (queue.active and not record.stopped):
        started = any(step.done + step.failed + step.running for step in progress)
        runs = any(job.state is JobState.RUNNING and job.step for job in queue.jobs)
        return "running" if started or runs else "queued"
    if record.stopped:
        return "stopped"
    if silence is not None:
        return "unknown"
    return "failed" if trace is Trace.ACCEPTED else "created"
