"""The plain data of jobs and of their use that ``--json`` prints. What is not known is None."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reana_batch.lifecycle.jobs import Job
from reana_batch.lifecycle.usage import StepUsage, idle
from reana_batch.run.usage import Row


def job_record(job: Job, now: int) -> dict[str, Any]:
    """Return the facts about a job, in bytes and seconds."""
    row, record = job.row, job.row.record
    return {
        "step": row.step_name,
        "label": row.label,
        "origin": row.origin,
        "row": row.number,
        "status": job.state,
        "attempt": record.attempt or None,
        "scheduler_job": job.scheduler_job or None,
        "host": row.host or None,
        "started": record.started or None,
        "ended": record.ended or None,
        "seconds": job.age(now),
        "cpu_seconds": row.cpu,
        "memory": row.memory,
        "memory_of": row.memory_of or None,
        "exit_code": record.exit_code if job.state in ("finished", "failed") else None,
        "reason": job.reason or record.reason or None,
    }


def usage_record(found: Iterable[StepUsage], worst: Iterable[Row]) -> dict[str, Any]:
    """Return what the steps used, in bytes and seconds."""
    return {
        "steps": [
            {
                "name": each.step,
                "jobs": each.jobs,
                "seconds": each.wall,
                "longest_seconds": each.longest,
                "cpu_seconds": each.cpu,
                "cpu_efficiency": each.cpu_efficiency,
                "queue_seconds": each.queued,
                "memory": each.memory,
                "memory_of": each.memory_of or None,
                "memory_efficiency": each.memory_efficiency,
                "asked": {"cpus": each.asks.cpus, "memory": each.asks.memory, "runtime": each.asks.runtime},
            }
            for each in found
        ],
        "worst": [
            {"step": row.step_name, "row": row.number, "seconds": row.wall, "cpu_seconds": row.cpu, "idle": idle(row)}
            for row in worst
        ],
    }
