"""The state of a run, from its records and from the answers of the schedulers."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from reana_batch import backends
from reana_batch.diagnostics import Refused
from reana_batch.run.failures import Failure, failures
from reana_batch.run.manifest import ExpansionEntry
from reana_batch.run.parts import Run, StepProgress
from reana_batch.run.queue import JobState, Queue, Submission, Trace
from reana_batch.run.run_json import RunRecord, read_record

# Codes of faults that say that a batch system, or the machine of a run, cannot be asked.
NO_ANSWER = ("scheduler", "missing-tool")


@dataclass(frozen=True, slots=True)
class Blocked:
    """A step with jobs that did not start: how many, the step that they wait for, and the failed one behind that."""

    step: str
    jobs: int
    waits_for: str
    failed: str


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What has become of a run."""

    run: Run
    state: str  # created, queued, running, finished, failed, stopped, deleted (in part), unknown
    progress: tuple[StepProgress, ...]
    queue: Queue
    record: RunRecord
    failures: tuple[Failure, ...] = ()
    missing_outputs: tuple[str, ...] = field(default=())
    last_words: str = ""  # of what ran the workflow, where no job tells why it failed
    open_expansions: tuple[ExpansionEntry, ...] = ()  # what only the rest of the run will tell
    silence: Refused | None = None  # why the batch system did not answer

    @property
    def done(self) -> int:
        return sum(step.done for step in self.progress)

    @property
    def total(self) -> int:
        return sum(step.total for step in self.progress)

    @property
    def keeper(self) -> str:
        """What keeps the workflow going, as messages name it."""
        return backends.lowering(self.run.manifest.backend).TARGET.keeper

    @property
    def not_started(self) -> int:
        return sum(step.waiting for step in self.progress)

    def blocked(self) -> list[Blocked]:
        """Return the steps of a failed run that have jobs which failures kept from starting."""
        needs = {part.name_of(step): [part.path + need for need in step.needs] for part, step in self.run.steps()}
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


def created(current: RunStatus) -> str:
    """Return when the run was made, as REANA writes times; empty if nobody wrote it down."""
    seconds = current.record.created
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) if seconds else ""


def status(directory: Path) -> RunStatus:
    """Return the status of the run in a directory."""
    return status_of(Run(directory))


def status_of(run: Run) -> RunStatus:
    """Return the status of a run, from its records and, unless they tell all, one query."""
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
    failed = tuple(failures(run, endings)) if state not in ("created", "queued") else ()
    opened = tuple(run.open_expansions())
    words = ""
    if state == "failed" and not failed:
        words = backends.driver(run.manifest.backend).last_words(run.directory)
    seen = (run, state, tuple(progress), queue, record, failed)
    return RunStatus(*seen, last_words=words, open_expansions=opened, silence=silence)


def known_status(directory: Path) -> RunStatus:
    """Return the status of the run in a directory. Refused if its batch system does not say."""
    return known(status(directory))


def known(current: RunStatus) -> RunStatus:
    """Return the status. Refused if the batch system did not say it."""
    if current.state == "unknown" and current.silence is not None:
        raise current.silence
    return current


def silence_of(refused: Refused) -> Refused:
    """Return the exception if it says that a batch system did not answer, and raise it if it says anything else."""
    if any(fault.code not in NO_ANSWER for fault in refused.diagnostics.errors):
        raise refused
    return refused


def trace_of(run: Run, record: RunRecord, progress: list[StepProgress]) -> Trace:
    """Return what files say of the run's submission: its record, the batch system's own, and those of its jobs."""
    if record.submitted or any(step.done + step.failed + step.running for step in progress):
        return Trace.ACCEPTED
    asked = Trace.ASKED if record.intent else Trace.NONE
    return max(asked, backends.driver(run.manifest.backend).trace(run.directory))


def _look(run: Run, before: list[StepProgress], last: Submission) -> tuple[list[StepProgress], Queue]:
    """Return the progress after one query, and its answer.

    Jobs that ended meanwhile may have submitted others: then an empty queue means nothing, and we ask again.
    """
    while True:
        queue = _query(run, last)
        progress = run.progress()
        if queue.active or progress == before:
            return progress, queue
        before = progress


def _query(run: Run, last: Submission) -> Queue:
    """Return what the batch systems of the run know; of those that steps are handed on to, only if they answer."""
    queues, guests = queues_of(run, last), run.guests
    queue = queues.pop(run.manifest.backend)
    for name, other in queues.items():
        queue = queue.joined(other, guests[name])
    return queue


def queues_of(run: Run, last: Submission) -> dict[str, Queue]:
    """Return what each batch system of the run knows, by its name."""
    own = run.manifest.backend
    queues = {own: backends.driver(own).query(run.directory, last)}
    for name in run.guests:
        with contextlib.suppress(Refused):
            queues[name] = backends.driver(name).query(run.directory, Submission())
    return queues


def _endings(run: Run) -> dict[tuple[str, int], str]:
    """Return, by step and chunk, why jobs of an ended run were ended by anything but themselves."""
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
