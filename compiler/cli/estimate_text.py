"""An estimate in words. What is not known is said to be unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reana_batch.amounts import counted, duration, enumerated, readable_size
from reana_batch.cli.answers import Answer
from reana_batch.cli.terminal import Number, Piece, Table, line
from reana_batch.estimating.durations import ASSUMED, LIMIT, MEASURED
from reana_batch.estimating.estimate import JOBS, QUEUE, hours

if TYPE_CHECKING:
    from reana_batch.compilation import Compilation
    from reana_batch.estimating.counting import Bytes
    from reana_batch.estimating.estimate import Estimate, StepEstimate, Unknown

_NAMED = 3

# How a figure depends on the weakest source of the durations.
_BASES = {
    LIMIT: "{} if rows of which only the time limit is known take all of it",
    ASSUMED: "unknown; {} if each row takes a minute of which nothing is known",
}

# The GPU hours if none are counted, by whether a request is in words of the batch system, and whether jobs are left out.
_GPUS = {
    (True, False): "unknown",
    (True, True): "unknown",
    (False, False): "0; no step asks for GPUs",
    (False, True): "0; no step that is known asks for GPUs",
}

# What figures leave out because it is not known.
_LEFT_OUT = {JOBS: "the jobs that are not known yet", QUEUE: "the time in the queue, which is unknown"}


def estimate_answer(compilation: Compilation, found: Estimate, reused: int | None = None) -> Answer:
    """Return the answer of a command that shows an estimate and starts nothing.

    ``reused`` is how many jobs the run would take over from another. They are in all figures.
    """
    from reana_batch.report.estimate import estimate_record

    return Answer(
        lambda: {"backend": compilation.target.name, **estimate_record(found), "reused": reused},
        _pieces(compilation, found, reused),
        compilation.diagnostics,
    )


def _pieces(compilation: Compilation, found: Estimate, reused: int | None) -> Iterator[Piece]:
    yield Table(
        ("STEP", "JOBS", "SCHEDULER_JOBS", "SECONDS", "SOURCE", "CPUS", "GPUS", "CORE_HOURS", "STARTS", "ENDS"),
        [_row(each) for each in found.steps],
    )
    for name, text in _facts(compilation, found):
        yield line(f"{name}: {text}.")
    if reused is not None:
        yield line(f"Reused: {reused:,} of these jobs would not run again, but count in all figures.", "yellow")
    for effect in found.effects:
        source = f" (source: {effect.source})" if effect.source else ""
        yield line(f"{effect.setting}: {effect.text}{source}", "yellow")
    for unknown in found.unknown:
        yield line(f"Not known, and in no figure: the jobs that follow from {_unknown_text(unknown)}.", "yellow")
    yield line("==> Nothing was written or started.", "green")


def _row(each: StepEstimate) -> tuple[str | Number, ...]:
    step, rows = each.step, each.step.table.count
    average = each.seconds / rows if rows else 0.0
    return (
        step.title,
        Number(str(rows), f"{rows:,}"),
        Number(str(step.chunks), f"{step.chunks:,}"),
        Number(f"{average:.2f}", f"{average:,.2f}"),
        each.durations.source,
        str(each.cpus),
        "unknown" if each.gpus is None else str(each.gpus),
        hours(each.cpus * each.seconds),
        *(Number(str(round(time)), duration(round(time))) for time in each.spell),
    )


def _facts(compilation: Compilation, found: Estimate) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each figure."""
    files, gpu = found.files, found.gpu_seconds
    more = _without(found, JOBS)
    yield "Jobs", f"{found.rows:,}, as {counted(found.jobs, 'scheduler job')} of {compilation.target.title}{more}"
    yield "Calls", ", ".join(f"{count:,} of {name}" for name, count in found.footprint.calls.items()) + more
    kinds = {
        "compiled": files.batch,
        "copied": files.inputs,
        "logs and records": files.records,
        "folders": files.folders,
    }
    parts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    yield "Files", f"{files.inodes:,} inodes ({parts}), and what jobs make in the workspace, which is unknown{more}"
    yield "Compiled", readable_size(files.batch_bytes) + more
    yield "In", _bytes_text(found.bytes_in)
    yield "Out", _bytes_text(found.bytes_out)
    yield "Core hours", _by_basis(found, hours(found.core_seconds)) + more
    yield "GPU hours", _by_basis(found, hours(gpu)) + more if gpu else _GPUS[gpu is None, bool(more)]
    yield "Makespan", _by_basis(found, duration(round(found.timeline.makespan))) + _without(found, JOBS, QUEUE)
    yield "Queue", _waiting(found)
    if found.has_earlier:
        timed = [each for each in found.steps if each.step.table.count]
        measured = sum(each.durations.source == MEASURED for each in timed)
        yield "Earlier run", f"it has the times of {measured} of {counted(len(timed), 'step')}"
    yield "At a time", _concurrency(found)


def _by_basis(found: Estimate, figure: str) -> str:
    return _BASES.get(found.basis, "{}").format(figure)


def _without(found: Estimate, *what: str) -> str:
    """Return the end of a sentence that says which of these the estimate leaves out. It is empty if it has all."""
    missing = enumerated([_LEFT_OUT[each] for each in what if each in found.left_out])
    return f", without {missing}" if missing else ""


def _bytes_text(found: Bytes) -> str:
    if not found.unknown:
        return readable_size(found.known)
    named = ", ".join(found.unknown[:_NAMED])
    more = f" and {len(found.unknown) - _NAMED:,} more" if len(found.unknown) > _NAMED else ""
    known = f"{readable_size(found.known)}, and " if found.known else ""
    return f"{known}unknown sizes of {named}{more}"


def _unknown_text(unknown: Unknown) -> str:
    earlier = unknown.earlier
    if earlier is None:
        return unknown.reason
    cores = "unknown" if earlier.core_seconds is None else hours(earlier.core_seconds)
    jobs, took = counted(earlier.jobs, "job"), duration(round(earlier.seconds))
    return f"{unknown.reason}; the earlier run had {jobs} in {took}, with {cores} core hours"


def _waiting(found: Estimate) -> str:
    queue = found.queue_seconds
    waits = "an unknown time, which counts as none" if queue is None else f"{queue:,.1f} s"
    longer = "an unknown time" if found.overhead is None else f"{found.overhead:,.2f} s"
    return f"each job waits {waits}, and takes {longer} more than its rows"


def _concurrency(found: Estimate) -> str:
    time = found.timeline
    slots = "as many slots as they can use" if found.slots is None else counted(found.slots, "slot")
    return f"{counted(time.most_jobs, 'job')} on {counted(time.most_slots, 'slot')}, given {slots}"
