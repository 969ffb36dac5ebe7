"""Check the plan against the rules of its site, which protect schedulers and file systems that others use too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from reana_batch import layout
from reana_batch.diagnostics import Place
from reana_batch.ir import Column, Step, Workflow
from reana_batch.laws import warn_of_limit
from reana_batch.passes.context import Context

_JOIN = "join rows with --rows-per-job, or --fuse."


def check_laws(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` unchanged. Each rule that it breaks gives a warning at the step that causes most of it.

    The rules are limits of the site's profile. The hint names the source of a rule. That on calls of the batch system is
    in :mod:`reana_batch.call_rate`, because the back end counts them.

    >>> here = context(Site(name="here", limits=Limits(jobs=20)))
    >>> check_laws(workflow(step("scan", table=Repeated(25))), here).steps[0].name
    'scan'
    >>> [each.message for each in here.diagnostics]
    ['The workflow has 25 jobs; here runs 20 of a user at a time.']
    """
    if workflow.steps:
        for law in _LAWS:
            law(workflow, context)
    return workflow


def _warn(context: Context, setting: str, message: str, place: Place, hint: str) -> None:
    warn_of_limit(context.diagnostics, context.site, setting, message, place, hint)


def _largest(steps: Sequence[Step]) -> Step:
    return max(steps, key=lambda step: step.chunks)


def _own(workflow: Workflow, context: Context) -> list[Step]:
    """Return the steps that no other batch system runs."""
    return [step for step in workflow.steps if context.target_of(step) is context.target]


# --- schedulers -----------------------------------------------------------------------------------


def _jobs_at_a_time(workflow: Workflow, context: Context) -> None:
    limit, jobs = context.site.limits.jobs, sum(step.chunks for step in workflow.steps)
    if limit is not None and jobs > limit:
        message = f"The workflow has {jobs:,} jobs; {context.site.name} runs {limit:,} of a user at a time."
        _warn(context, "limits.jobs", message, _largest(workflow.steps).origin, _JOIN)


def _jobs_in_the_queue(workflow: Workflow, context: Context) -> None:
    steps, limit = _own(workflow, context), context.site.limits.queued_jobs
    jobs = sum(step.chunks for step in steps)
    if limit is not None and context.target.queues_all and jobs > limit:
        message = f"The {jobs:,} jobs are in the queue at once; {context.site.name} takes {limit:,}."
        rows = -(-sum(step.table.count for step in steps) // limit)
        hint = f"join rows, with --rows-per-job {rows} or more, or --fuse."
        _warn(context, "limits.queued_jobs", message, _largest(steps).origin, hint)


def _short_jobs(workflow: Workflow, context: Context) -> None:
    """Warn about steps of many short jobs. Their length is measured, or is the time that they ask for."""
    least, most = context.site.limits.short_seconds, context.site.limits.short_jobs
    if least is None:
        return
    for step in workflow.steps:
        length = _seconds(step, context)
        if length is not None and 0 < length * step.placed.chunk_size < least and step.chunks > most:
            each = length * step.placed.chunk_size
            message = (
                f"{step.chunks:,} jobs take {each:,.0f} s each, or less; {context.site.name} allows {most:,} that take"
                f" less than {least:,} s."
            )
            hint = f"join rows, with --rows-per-job {-(-least // length):.0f} or more."
            _warn(context, "limits.short_seconds", message, step.origin, hint)


def _seconds(step: Step, context: Context) -> float | None:
    """Return how long a row takes at most, if that was measured or the author says it."""
    runtime, names = step.placed.resources.runtime, context.target_of(step).hints["runtime"]
    if step.placed.duration is not None or runtime is None:
        return step.placed.duration
    says = step.asked.resources.runtime is not None or not step.asked.hints.keys().isdisjoint(names)
    return runtime * max(1, len(step.action.commands)) if says else None


def _open_logs(workflow: Workflow, context: Context) -> None:
    limit, setting, steps = context.site.limits.open_logs, context.target.logs_each_job, _own(workflow, context)
    jobs = sum(step.chunks for step in steps)
    if limit is not None and setting and jobs > limit:
        message = f"Each of the {jobs:,} jobs has a log of its own; {context.site.name} allows {limit:,} open logs."
        _warn(context, "limits.open_logs", message, _largest(steps).origin, f"change {setting}.")


# --- directories ----------------------------------------------------------------------------------


def _entries(workflow: Workflow, context: Context) -> None:
    """Warn about directories that outputs of jobs fill, and about those of the run itself."""
    limit = context.site.limits.directory_entries
    if limit is None:
        return
    for place, name, count, others in (*_filled(workflow, limit), *_of_run(workflow)):
        if count > limit:
            message = f"{name} gets {count:,} entries; {context.site.name} allows {limit:,} per directory."
            if others:
                message += f" {others:,} more of this step have too many."
            hint = "write outputs into several directories, or join rows that write one file."
            _warn(context, "limits.directory_entries", message, place, hint)


def _filled(workflow: Workflow, limit: int) -> Iterator[tuple[Place, str, int, int]]:
    """Yield the fullest directory of the workspace that declared outputs of each step fill, and how many others.

    A directory belongs to the step that makes most of its entries.
    """
    steps = [step for step in workflow.steps if any(isinstance(each, Column) for each in step.outputs)]
    if sum(step.table.count * len(step.outputs) for step in steps) <= limit:
        return
    entries: Counter[str] = Counter()
    by_step: dict[str, Counter[int]] = {}
    known: set[str] = set()
    for number, step in enumerate(steps):
        counts = Counter(path.rpartition("/")[0] for path in _paths(step))
        counts.update([above for folder in counts for above in _new_entries(folder, known)])
        entries.update(counts)
        for folder, count in counts.items():
            by_step.setdefault(folder, Counter())[number] = count
    full: dict[int, list[str]] = {}
    for folder, count in entries.items():
        if count > limit:
            [(number, _)] = by_step[folder].most_common(1)
            full.setdefault(number, []).append(folder)
    for number, folders in full.items():
        fullest = max(folders, key=entries.__getitem__)
        name = f"The directory {fullest or 'of the workspace'}"
        yield steps[number].origin, name, entries[fullest], len(folders) - 1


def _new_entries(folder: str, known: set[str]) -> Iterator[str]:
    """Yield the folders in which a folder is a new entry, and its parents are. They are added to ``known``."""
    while folder and folder not in known:
        known.add(folder)
        folder = folder.rpartition("/")[0]
        yield folder


def _paths(step: Step) -> Iterator[str]:
    columns = step.table.columns
    indices = [columns.index(each.name) for each in step.outputs if isinstance(each, Column)]
    for row in step.table:
        for index in indices:
            yield row[index].rstrip("/")


def _of_run(workflow: Workflow) -> Iterator[tuple[Place, str, int, int]]:
    """Yield the largest folders of the run that are not in the workspace."""
    largest = max(workflow.steps, key=lambda step: layout.most_entries(step.table.count, layout.ENTRIES_OF_ROW))
    count = layout.most_entries(largest.table.count, layout.ENTRIES_OF_ROW)
    yield largest.origin, "The largest folder of logs or records", count, 0
    count = max(layout.most_entries(len(workflow.steps), 1), len(workflow.expansions))
    yield workflow.steps[0].origin, "The largest folder of steps or expansions", count, 0


_LAWS: tuple[Callable[[Workflow, Context], None], ...] = (
    _jobs_at_a_time,
    _jobs_in_the_queue,
    _short_jobs,
    _open_logs,
    _entries,
)
