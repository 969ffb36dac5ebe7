"""The plain data of an estimate that ``--json`` prints: seconds and bytes."""

from __future__ import annotations

from typing import Any

from reana_batch.estimating.counting import Bytes
from reana_batch.estimating.estimate import Estimate, StepEstimate, Unknown


def estimate_record(found: Estimate) -> dict[str, Any]:
    """Return an estimate for ``--json``. What is not known is null."""
    gpu_seconds, queue = found.gpu_seconds, found.queue_seconds
    return {
        "jobs": found.rows,
        "scheduler_jobs": found.jobs,
        "calls": dict(found.footprint.calls),
        "files": {**found.files._asdict(), "inodes": found.files.inodes},
        "bytes_in": _bytes(found.bytes_in),
        "bytes_out": _bytes(found.bytes_out),
        "core_seconds": _exact(found.core_seconds),
        "gpu_seconds": None if gpu_seconds is None else _exact(gpu_seconds),
        "makespan": round(found.timeline.makespan),
        "most_jobs": found.timeline.most_jobs,
        "most_slots": found.timeline.most_slots,
        "slots": found.slots,
        "queue_seconds": None if queue is None else round(queue),
        "overhead_milliseconds": None if found.overhead is None else round(found.overhead * 1000),
        "source": found.basis,
        "left_out": list(found.left_out),
        "steps": [_step(each) for each in found.steps],
        "effects": [each._asdict() for each in found.effects],
        "unknown": [_unknown(each) for each in found.unknown],
    }


def _exact(seconds: float) -> float:
    """Return seconds to the millisecond. So those of all steps add up to those of the run."""
    return round(seconds, 3)


def _unknown(each: Unknown) -> dict[str, Any]:
    earlier = each.earlier
    return {
        "reason": each.reason,
        "earlier_jobs": earlier.jobs if earlier else None,
        "earlier_seconds": round(earlier.seconds) if earlier else None,
        "earlier_core_seconds": _exact(earlier.core_seconds) if earlier and earlier.core_seconds is not None else None,
    }


def _bytes(found: Bytes) -> dict[str, Any]:
    return {"known": found.known, "unknown": list(found.unknown)}


def _step(each: StepEstimate) -> dict[str, Any]:
    return {
        "name": each.step.name,
        "label": each.step.label,
        "origin": each.step.origin.short,
        "jobs": each.step.table.count,
        "scheduler_jobs": each.step.chunks,
        "cpus": each.cpus,
        "gpus": each.gpus,
        "seconds": _exact(each.seconds),
        "source": each.durations.source,
        "starts": round(each.spell.start),
        "ends": round(each.spell.end),
    }
