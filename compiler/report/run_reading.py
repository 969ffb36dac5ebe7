"""Reading of what the report on a run says: its records, logs and analysis."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from reana_batch import files, layout
from reana_batch.amounts import counted
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle import requests
from reana_batch.lifecycle.accounts import accounts_of
from reana_batch.lifecycle.jobs import LOST
from reana_batch.lifecycle.status import RunStatus
from reana_batch.report import run_files
from reana_batch.report.records import LOG_LINES
from reana_batch.report.run_facts import (
    FailedJob,
    FailureGroup,
    Job,
    RunFacts,
    Source,
    Step,
    with_ready_times,
)
from reana_batch.run import usage
from reana_batch.run.failures import Failure
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.records import FAILED
from reana_batch.run.run_json import RunRecord
from reana_batch.run.small_files import tail
from reana_batch.run.usage import Accounts
from reana_batch.version import __version__

_MOST_ROWS_NAMED = 100  # of the rows that failed for one cause
_MOST_IN_FULL = 3
_MOST_GROUPS = 20
_MOST_COMMAND = 4000  # characters
_MOST_SOURCE = 200_000  # bytes of all files of the analysis
_MOST_IDS = 20


def run_facts(current: RunStatus, title_of: Callable[[str], str]) -> RunFacts:
    """Return the facts of the report on a run. Reads its records, logs, workspace and analysis, and changes nothing.

    ``title_of`` is the title of a back end.
    """
    run, record = current.run, current.record
    manifest = run.manifest
    accounts, silent = accounts_of(run) if current.state != "created" else ({}, Diagnostics())
    steps, groups = tuple(_steps(run, title_of)), tuple(_groups(current.failures))
    submitted = int(record.submitted or 0)
    jobs = with_ready_times(steps, _jobs(current, accounts), submitted)
    return RunFacts(
        name=run.directory.name,
        state=current.state,
        workflow=manifest.workflow,
        type=manifest.type,
        system=title_of(manifest.backend),
        site=record.site,
        directory=str(run.directory.absolute()),
        analysis=record.spec,
        created=int(record.created or 0),
        submitted=submitted,
        stopped=int(record.stopped or 0),
        seen=int(time.time()),
        host=record.host,
        ids=record.ids[:_MOST_IDS],
        follows=record.restarts or record.reuses,
        made_by=manifest.made_by,
        reported_by=__version__,
        notes=(*_notes(current), *(f"Usage is not complete: {fault.message}" for fault in silent.errors)),
        steps=steps,
        jobs=jobs,
        failures=groups[:_MOST_GROUPS],
        more_failures=len(groups[_MOST_GROUPS:]),
        inputs=run_files.inputs(run),
        outputs=run_files.outputs(run),
        sources=tuple(_sources(run, record)),
    )


def _notes(current: RunStatus) -> Iterator[str]:
    if current.silence is not None:
        yield from (str(fault.message) for fault in current.silence.diagnostics.errors)
    yield from dict.fromkeys(f"{job.step} is {job.state.value}: {job.reason}." for job in current.queue.held)
    yield from dict.fromkeys(f"{job.step} is {job.state.value}: {job.reason}." for job in current.queue.hindered)
    for each in current.blocked():
        way = "" if each.waits_for == each.failed else f" (through {each.waits_for})"
        yield f"{each.step}: {counted(each.jobs, 'job')} not started, because {each.failed} failed{way}."
    for expansion in current.open_expansions:
        yield f"More jobs will follow from {expansion.reason} ({expansion.origin})."
    yield from (f"The declared output {path} is missing." for path in current.missing_outputs)
    if current.last_words:
        yield current.last_words
    if cure := requests.cure_of(current):
        yield f"To ask for more: {cure}"


# --- steps and jobs -------------------------------------------------------------------------------


def _steps(run: Run, title_of: Callable[[str], str]) -> Iterator[Step]:
    found = list(run.steps())
    number = {part.name_of(step): index for index, (part, step) in enumerate(found)}
    for index, (part, step) in enumerate(found):
        needs = _needs(part, step, number)
        yield Step(
            number=index,
            name=part.name_of(step),
            label=step.label,
            origin=step.origin,
            rows=step.rows,
            needs=tuple(need for need, _ in needs),
            patterns=tuple(pattern for _, pattern in needs),
            image=step.environment,
            in_image=step.in_image,
            memory=step.asks.memory,
            runtime=step.asks.runtime,
            cpus=step.asks.cpus,
            credentials=step.credentials,
            system=title_of(part.system_of(step)),
        )


def _needs(part: Run, step: StepEntry, number: Mapping[str, int]) -> list[tuple[int, str]]:
    """Return the steps that a step waits for, each with the word of its pattern.

    An expansion is what it has added. The first steps of what it has added wait for its planner.
    """
    if not step.needs and part.planner:
        return [(number[part.planner], "all")]
    compiled = part.compiled()
    found = []
    for index, need in enumerate(step.needs):
        pattern = step.patterns[index] if step.patterns else "all"
        if part.path + need in number:
            found.append((number[part.path + need], pattern))
        if need in compiled:
            found += [(number[inner.name_of(each)], "all") for inner, each in compiled[need].steps()]
    return found


def _jobs(current: RunStatus, accounts: Accounts) -> Iterator[Job]:
    failed: dict[str, dict[int, Failure]] = defaultdict(dict)
    for failure in current.failures:
        failed[failure.step][failure.row] = failure
    for number, (part, step) in enumerate(current.run.steps()):
        for row in usage.rows_of(part, step, accounts):
            yield _job(number, row, failed[part.name_of(step)].get(row.number), alive=current.may_go_on)


def _job(number: int, row: usage.Row, failure: Failure | None, *, alive: bool) -> Job:
    state = FAILED if failure else LOST if row.state == usage.RUNNING and not alive else row.state
    said = row.record
    return Job(
        step=number,
        row=row.number,
        state=state,
        label=row.label if row.step.row_names else "",
        submitted=row.account.submitted,
        started=said.started or row.account.started or (failure.started if failure else 0),
        ended=said.ended or (row.account.ended if state in (FAILED, usage.FINISHED) else 0),
        host=row.host,
        scheduler_job=said.scheduler_job,
        attempt=said.attempt or None,
        cpu=row.cpu,
        memory=row.memory,
        memory_of=row.memory_of,
    )


# --- failures -------------------------------------------------------------------------------------


def _groups(failures: Sequence[Failure]) -> Iterator[FailureGroup]:
    groups: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        groups[failure.step, failure.cause].append(failure)
    for members in groups.values():
        first = members[0]
        yield FailureGroup(
            step=first.label,
            origin=first.origin,
            cause=first.cause,
            count=len(members),
            rows=tuple(sorted(each.row for each in members)[:_MOST_ROWS_NAMED]),
            jobs=tuple(map(_failed_job, members[:_MOST_IN_FULL])),
        )


def _failed_job(failure: Failure) -> FailedJob:
    log, text = failure.stderr, tail(failure.stderr, LOG_LINES)
    if not text:
        log, text = failure.stdout, tail(failure.stdout, LOG_LINES)
    return FailedJob(
        row=failure.row,
        host=failure.host,
        scheduler_job=failure.scheduler_job,
        started=failure.started,
        command=failure.command[:_MOST_COMMAND],
        log=text,
        log_path=str(log) if text else "",
    )


# --- the analysis ---------------------------------------------------------------------------------


def _sources(run: Run, record: RunRecord) -> Iterator[Source]:
    """Yield the files of the analysis: the one that names the workflow, and those that steps come from."""
    left = _MOST_SOURCE
    for name, path, note in _source_places(run, record):
        source = _source(name, path, note, left)
        left -= sum(map(len, source.lines))
        yield source


def _source_places(run: Run, record: RunRecord) -> Iterator[tuple[str, Path, str]]:
    spec = Path(record.spec)
    kept = run.directory / layout.BATCH / "analysis" / spec.name
    origins = [step.origin.rpartition(":")[0] for _, step in run.steps()]
    if record.spec and files.is_there(kept):
        yield spec.name, kept, "As it was when the run was made: the run keeps it."
    elif record.spec:
        yield spec.name, spec, _age(spec, record)
    for name in dict.fromkeys(origins):
        if name not in ("", spec.name):
            yield name, run.directory / layout.WORKSPACE / name, "As it is in the workspace of the run."


def _age(spec: Path, record: RunRecord) -> str:
    try:
        changed = spec.stat().st_mtime
    except OSError:
        return ""
    if record.created and changed > record.created:
        return f"As {spec} is now: it has been changed since the run was made, and the run keeps no copy."
    return f"As {spec} is now: it has not been changed since the run was made."


def _source(name: str, path: Path, note: str, left: int) -> Source:
    try:
        if path.stat().st_size > left:
            return Source(name, note=f"Not shown, because {path} is too long.")
        return Source(name, tuple(files.read_text(path).splitlines()), note)
    except OSError as error:
        return Source(name, note=f"Not shown: {path}: {os.strerror(error.errno or 0)}.")
