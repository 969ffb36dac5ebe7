"""The state of a run in words: its outputs, or the first failure with its details."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from reana_batch.amounts import counted
from reana_batch.cli.terminal import Line, line
from reana_batch.lifecycle import requests
from reana_batch.lifecycle.status import RunStatus
from reana_batch.report.records import LOG_LINES
from reana_batch.run.failures import Failure, causes
from reana_batch.run.queue import JobState, QueuedJob
from reana_batch.run.sampling import MOST
from reana_batch.run.small_files import tail

_MOST = 20  # of steps, jobs or expansions that are named

_VERBS = {
    "created": "has been created",
    "queued": "has been queued",
    "running": "is running",
    "stopped": "has been stopped",
    "failed": "has failed",
    "unknown": "cannot be seen, because its batch system does not answer",
}


def status_lines(current: RunStatus) -> Iterator[Line]:
    """Yield the lines that describe the state of a run."""
    named = current.run.directory.name
    if current.state == "finished":
        yield line(f"==> SUCCESS: {named} has finished.", "green")
        yield from _outputs(current)
    elif current.state == "deleted":
        yield line(f"==> ERROR: {named} has been deleted in part.", "red")
        yield line(f"To delete the rest: reana-batch delete -w {_quoted(current)}")
    else:
        yield from (line(text, "yellow") for text in hindrances(current).values())
        yield from _failures(current)
        yield from (_going_on if current.state in ("created", "queued", "running", "unknown") else _ended)(current)


def hindrances(current: RunStatus) -> dict[str, str]:
    """Return the warnings about jobs that are held or cannot start, each under a key.

    Jobs of one step with one reason are one warning. Its key has no numbers, which change while the reason stays.
    """
    groups: dict[str, list[QueuedJob]] = {}
    for job in (*current.queue.held, *current.queue.hindered):
        key = re.sub(r"[0-9]+", "", f"{job.step} {job.state.value} {job.reason.replace(job.id, '')}")
        groups.setdefault(key, []).append(job)
    return {key: _hindrance(current, jobs) for key, jobs in list(groups.items())[:_MOST]}


def _hindrance(current: RunStatus, jobs: list[QueuedJob]) -> str:
    who, more = jobs[0].step or current.keeper, f" and {len(jobs) - 1:,} more" if len(jobs) > 1 else ""
    verb = "does not go on" if jobs[0].state is JobState.HELD else f"is {jobs[0].state.value}"
    return f"==> WARNING: {who} ({jobs[0].id}{more}) {verb}: {jobs[0].reason}."


def _quoted(current: RunStatus) -> str:
    return shlex.quote(str(current.run.directory))


def _going_on(current: RunStatus) -> Iterator[Line]:
    done = f"{current.done:,} of {counted(current.total, 'job')} done"
    yield line(f"==> {current.run.directory.name} {_VERBS[current.state]}: {done}.")
    if current.queue.cut_short:
        message = "Its submission was cut short, and the accepted jobs wait. To continue: reana-batch resume -w"
        yield line(f"{message} {_quoted(current)}", "yellow")
    yield from _open(current)
    yield from cure_lines(requests.cure_of(current))


def cure_lines(cure: str) -> Iterator[Line]:
    """Yield the command that gives failed jobs more memory or time, if there is one."""
    if cure:
        yield line(f"To ask for more: {cure}")


def _ended(current: RunStatus) -> Iterator[Line]:
    if not current.failures and current.state == "failed":
        yield from _vanished(current)
    left = f"; {counted(current.not_started, 'job')} not started" if current.not_started else ""
    yield line(f"==> ERROR: {current.run.directory.name} {_VERBS[current.state]}{left}.", "red")
    yield from _blocked(current)
    yield from _open(current)
    yield line(f"Its files are in {current.run.directory}. To continue: reana-batch resume -w {_quoted(current)}")
    yield from cure_lines(requests.cure_of(current))


def _blocked(current: RunStatus) -> Iterator[Line]:
    blocked = current.blocked()
    for each in blocked[:_MOST]:
        way = "" if each.waits_for == each.failed else f" (through {each.waits_for})"
        yield line(f"  {each.step}: {counted(each.jobs, 'job')} not started, because {each.failed} failed{way}.")
    if len(blocked) > _MOST:
        yield line(f"  and jobs of {len(blocked) - _MOST:,} more steps.")


def _open(current: RunStatus) -> Iterator[Line]:
    for expansion in current.open_expansions[:_MOST]:
        yield line(f"More jobs will follow from {expansion.reason} ({expansion.origin}).")


def _vanished(current: RunStatus) -> Iterator[Line]:
    """Yield the reasons, labels and messages that explain jobs without a record."""
    for job in current.queue.jobs:
        if job.reason:
            yield line(f"==> ERROR: {job.step} ({job.id}): {job.reason}.", "red")
    for step in current.progress:
        if step.running:
            yield line(f"{step.label} ({step.origin}): {counted(step.running, 'job')} started and left no record.")
    if current.last_words:
        yield line(current.last_words)


def _outputs(current: RunStatus) -> Iterator[Line]:
    workspace = current.run.directory / "workspace"
    for path in current.run.manifest.outputs:
        if path not in current.missing_outputs:
            yield line(f"  {workspace / path}")
    for path in current.missing_outputs:
        yield line(f"==> WARNING: the declared output {path} is missing.", "yellow")


def _failures(current: RunStatus) -> Iterator[Line]:
    if current.failures:
        yield from _failure(current.failures[0])
    groups = causes(current.failures[1:MOST])
    for (label, cause), number in groups.most_common(_MOST):
        yield line(f"{counted(number, 'job')} more of {label} failed: {cause}.")
    if len(groups) > _MOST:
        left = sum(number for _, number in groups.most_common()[_MOST:])
        yield line(f"{counted(left, 'job')} more failed. They have {len(groups) - _MOST:,} more causes.")
    if len(current.failures) > MOST:
        unread = counted(len(current.failures) - MOST, "job")
        yield line(
            f"{unread} more failed, and their causes were not read. To list them: reana-batch jobs -w {_quoted(current)} --state failed -v"
        )


def _failure(failure: Failure) -> Iterator[Line]:
    row = f", job {failure.row} of {failure.rows:,}" if failure.rows > 1 else ""
    yield line(f'==> ERROR: Step "{failure.label}"{row} failed: {failure.cause}.', "red")
    place = f", on {failure.host}" if failure.host else ""
    job = f", as job {failure.scheduler_job}" if failure.scheduler_job else ""
    yield line(f"{failure.origin}{place}{job}:")
    for text in failure.command.splitlines():
        yield line(f"  {text}", "cyan")
    for log in (failure.stderr, failure.stdout):
        text = tail(log, LOG_LINES)
        if text:
            yield line(f"The end of {log}:")
            yield from (line(f"  {each}", "bright_black") for each in text.splitlines())
