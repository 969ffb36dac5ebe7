"""What the eye sees: tables, trees, progress and the story of a failure, by rich, on stderr."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from reana_batch.backends.drivers import Report
from reana_batch.ir import Step, Workflow
from reana_batch.lifecycle.status import Blocked, RunStatus
from reana_batch.printable import printable
from reana_batch.run.failures import Failure
from reana_batch.run.parts import StepProgress
from reana_batch.run.queue import JobState, QueuedJob
from reana_batch.run.small_files import tail

# Rows that a table shows at the most; the rest is counted.
_MOST_ROWS = 200
_MOST_STEPS_LIVE = 20
_LOG_LINES = 20

_console = Console(stderr=True, highlight=False)


def print_table(table: RenderableType) -> None:
    """Print a table or tree on stderr."""
    _console.print(table)


def simple_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table as reana-client prints them: upper case headers, no lines."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for index, name in enumerate(header):
        table.add_column(name, overflow="fold", no_wrap=index == 0)
    for row in rows[:_MOST_ROWS]:
        table.add_row(*(_text(cell) for cell in row))
    if len(rows) > _MOST_ROWS:
        table.add_row(Text(f"and {len(rows) - _MOST_ROWS:,} more"))
    return table


def files_table(sizes: dict[str, int]) -> Table:
    """Return the table of files to be written."""
    return simple_table(("FILE", "BYTES"), [(path, f"{size:,}") for path, size in sizes.items()])


# --- a workflow ----------------------------------------------------------------------------------


def workflow_tree(workflow: Workflow) -> RenderableType:
    """Return the graph as a tree of one level: each step in order, with those that it waits for.

    Nesting would draw a chain of a thousand steps a thousand levels deep.
    """
    reasons = {expansion.name: expansion.reason for expansion in workflow.expansions}
    tree = Tree(_text(workflow.name, "bold"))
    for step in workflow.steps[:_MOST_ROWS]:
        line = Text.assemble((step.name, "cyan"), f"  {_jobs(step.table.count)}")
        if step.placed.target:
            line.append(f" on {step.placed.target.title}")
        if step.needs:
            line.append(f"  after {', '.join(need.step for need in step.needs)}")
        if step.name in reasons:
            line.append(printable(f"  compiles what follows from {reasons[step.name]}"))
        line.append(f"  {step.origin.short}", style="dim")
        branch = tree.add(line)
        for file in step.placed.data[:_MOST_ROWS]:
            ways = (file.path, file.text) if file.is_output else (file.text, file.path)
            branch.add(Text.assemble(printable(" -> ".join(ways)), (f"  {file.place.short}", "dim")))
    if len(workflow.steps) > _MOST_ROWS:
        tree.add(Text(f"and {len(workflow.steps) - _MOST_ROWS:,} more steps"))
    return tree


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"


def step_record(step: Step) -> dict[str, Any]:
    """Return what is known of a step, in plain units, for ``--json``."""
    asked, placed = step.asked, step.placed
    return {
        "name": step.name,
        "label": step.label,
        "origin": step.origin.short,
        "jobs": step.table.count,
        "rows_per_job": placed.chunk_size,
        "handed_to": placed.target.name if placed.target else None,
        "needs": [need.step for need in step.needs],
        "image": asked.environment or None,
        "image_candidates": list(placed.image.candidates) if placed.image else [],
        "credentials": sorted(placed.credentials),
        "cvmfs": list(asked.cvmfs),
        "resources": {name: getattr(placed.resources, name) for name in _RESOURCE_UNITS},
        "data": [{"reference": file.text, "path": file.path, "origin": file.place.short} for file in placed.data],
    }


# How each field of Resources is shown.
_RESOURCE_UNITS = {
    "cpus": "CPUs: {}",
    "memory": "{} memory",
    "disk": "{} disk",
    "runtime": "{} s",
    "flavour": "{}",
    "partition": "partition {}",
    "account": "account {}",
    "requirements": "requirements {}",
}


def _readable(step: Step, name: str) -> str:
    value = getattr(step.placed.resources, name)
    if value is None:
        return ""
    return f"{-(-value // 1024**2):,} MiB" if name in ("memory", "disk") else str(value)


def steps_table(workflow: Workflow) -> Table:
    """Return the table of steps: jobs, image, resources and credentials."""
    rows = []
    for step in workflow.steps:
        asked = [form.format(_readable(step, name)) for name, form in _RESOURCE_UNITS.items() if _readable(step, name)]
        needed = sorted(step.placed.credentials)
        words = (", ".join(each) or "-" for each in (asked, needed))
        rows.append((step.name, _jobs(step.table.count), step.asked.environment, *words))
    return simple_table(("STEP", "JOBS", "IMAGE", "RESOURCES", "CREDENTIALS"), rows)


# --- a run ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def watching(*, quiet: bool) -> Iterator[Report]:
    """Give a function that shows the progress of each step: live on a terminal, else a line per change."""
    if quiet:
        yield lambda _: None
    elif _console.is_terminal:
        with Live(console=_console, refresh_per_second=8) as live:
            yield lambda progress: live.update(_progress_table(progress))
    else:
        yield _LineReport()


class _LineReport:
    """Prints a line for each step that has changed since the last call."""

    def __init__(self) -> None:
        self._shown: dict[str, StepProgress] = {}

    def __call__(self, progress: Sequence[StepProgress]) -> None:
        for step in progress:
            if step.done + step.failed + step.running and self._shown.get(step.name) != step:
                self._shown[step.name] = step
                _console.print(Text.assemble(f"{step.name}  ", *_counts(step)))


def _progress_table(progress: Sequence[StepProgress]) -> Table:
    """Return the steps that matter now: those under way, then the last that ended."""
    table = simple_table(("STEP", "", "PROGRESS"), [])
    busy = [step for step in progress if step.running or step.failed]
    ended = [step for step in progress if step.done == step.total]
    shown = {step.name for step in [*ended[-_MOST_STEPS_LIVE // 2 :], *busy[:_MOST_STEPS_LIVE]]}
    for step in progress:
        if step.name in shown:
            table.add_row(Text(step.name), _bar(step), Text.assemble(*_counts(step)))
    waiting = sum(not (step.done or step.running or step.failed) for step in progress)
    if waiting:
        table.add_row(Text(f"{waiting:,} steps waiting", style="dim"), "", "")
    return table


def _bar(step: StepProgress) -> Text:
    width = 20
    full = width * step.done // step.total
    return Text.assemble(("━" * full, "green"), ("━" * (width - full), "bright_black"))


def _counts(step: StepProgress) -> list[tuple[str, str]]:
    parts = [(f"{step.done:,}/{step.total:,} done", "green" if step.done == step.total else "default")]
    if step.running:
        parts.append((f", {step.running:,} running", "cyan"))
    if step.failed:
        parts.append((f", {step.failed:,} failed", "red"))
    return parts


def show_status(current: RunStatus) -> None:
    """Print what has become of a run: its outputs, or the first failure with all that explains it."""
    name, directory = current.run.directory.name, current.run.directory
    if current.state == "finished":
        _line(f"==> SUCCESS: {name} has finished.", "green")
        _show_outputs(current)
        return
    if current.state == "deleted":
        _line(f"==> ERROR: {name} has been deleted in part.", "red")
        _line(f"To delete the rest: reana-batch delete -w {shlex.quote(str(directory))}", None)
        return
    show_hindrances(current, set())
    if current.failures:
        _show_failure(current.failures[0])
    if len(current.failures) > 1:
        _line(f"{_jobs(len(current.failures) - 1)} more failed.", None)
    if current.state in ("created", "queued", "running", "unknown"):
        _line(f"==> {name} {_VERBS[current.state]}: {current.done:,} of {_jobs(current.total)} done.", None)
        if current.queue.cut_short:
            message = "Its submission was cut short, and what was accepted waits. To go on: reana-batch resume -w"
            _line(f"{message} {shlex.quote(str(directory))}", "yellow")
        _show_open(current)
        return
    if not current.failures and current.state == "failed":
        _show_vanished(current)
    left = f"; {_jobs(current.not_started)} not started" if current.not_started else ""
    _line(f"==> ERROR: {name} {_VERBS[current.state]}{left}.", "red")
    _show_blocked(current.blocked())
    _show_open(current)
    _line(f"Its files are in {directory}. To go on: reana-batch resume -w {shlex.quote(str(directory))}", None)


def _show_blocked(blocked: Sequence[Blocked]) -> None:
    for each in blocked[:_MOST_STEPS_LIVE]:
        way = "" if each.waits_for == each.failed else f" (by way of {each.waits_for})"
        _line(f"  {each.step}: {_jobs(each.jobs)} not started, because {each.failed} failed{way}.", None)
    if len(blocked) > _MOST_STEPS_LIVE:
        _line(f"  and jobs of {len(blocked) - _MOST_STEPS_LIVE:,} more steps.", None)


def show_hindrances(current: RunStatus, told: set[str]) -> set[str]:
    """Print why jobs are held or make no progress, except what is in ``told``; return all that holds now.

    Jobs of one step with one reason are one line; numbers in the reason do not count.
    """
    groups: dict[str, list[QueuedJob]] = {}
    for job in (*current.queue.held, *current.queue.hindered):
        key = re.sub(r"[0-9]+", "", f"{job.step} {job.state.value} {job.reason.replace(job.id, '')}")
        groups.setdefault(key, []).append(job)
    for key, jobs in list(groups.items())[:_MOST_STEPS_LIVE]:
        if key not in told:
            who, more = jobs[0].step or current.keeper, f" and {len(jobs) - 1:,} more" if len(jobs) > 1 else ""
            verb = "does not go on" if jobs[0].state is JobState.HELD else f"is {jobs[0].state.value}"
            _line(f"==> WARNING: {who} ({jobs[0].id}{more}) {verb}: {jobs[0].reason}.", "yellow")
    return set(groups)


def _show_open(current: RunStatus) -> None:
    for expansion in current.open_expansions[:_MOST_STEPS_LIVE]:
        _line(f"More jobs will follow from {expansion.reason} ({expansion.origin}).", None)


_VERBS = {
    "created": "has been created",
    "queued": "has been queued",
    "running": "is running",
    "stopped": "has been stopped",
    "failed": "has failed",
    "unknown": "cannot be seen, because its batch system does not answer",
}


def _show_vanished(current: RunStatus) -> None:
    """Print what is known of jobs that ended without a record of their own."""
    for job in current.queue.jobs:
        if job.reason:
            _line(f"==> ERROR: {job.step} ({job.id}): {job.reason}.", "red")
    lost = [step for step in current.progress if step.running]
    for step in lost:
        _line(f"{step.label} ({step.origin}): {_jobs(step.running)} started and left no record.", None)
    if current.last_words:
        _line(current.last_words, None)


def _show_outputs(current: RunStatus) -> None:
    workspace = current.run.directory / "workspace"
    for path in current.run.manifest.outputs:
        if path not in current.missing_outputs:
            _line(f"  {workspace / path}", None)
    for path in current.missing_outputs:
        _line(f"==> WARNING: the declared output {path} is missing.", "yellow")


def failure_record(failure: Failure) -> dict[str, Any]:
    """Return a failure for ``--json``."""
    return {
        "step": failure.label,
        "origin": failure.origin,
        "row": failure.row,
        "command": failure.command,
        "exit_code": failure.exit_code,
        "cause": failure.cause,
        "host": failure.host,
        "scheduler_job": failure.scheduler_job,
        "log": tail(failure.stderr, _LOG_LINES) or tail(failure.stdout, _LOG_LINES),
    }


def _show_failure(failure: Failure) -> None:
    row = f", job {failure.row} of {failure.rows:,}" if failure.rows > 1 else ""
    _line(f'==> ERROR: Step "{failure.label}"{row} failed: {failure.cause}.', "red")
    place = f", on {failure.host}" if failure.host else ""
    job = f", as job {failure.scheduler_job}" if failure.scheduler_job else ""
    _line(f"{failure.origin}{place}{job}:", None)
    for line in failure.command.splitlines():
        _line(f"  {line}", "cyan")
    for log in (failure.stderr, failure.stdout):
        text = tail(log, _LOG_LINES)
        if text:
            _line(f"The end of {log}:", None)
            _line("\n".join(f"  {line}" for line in text.splitlines()), "bright_black")


def _line(text: str, colour: str | None) -> None:
    _console.print(_text(text, colour or ""), soft_wrap=True)


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)
