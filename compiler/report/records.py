"""The plain data of a workflow and of a run that ``--json`` prints."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from reana_batch.ir import Resources, Step
from reana_batch.lifecycle import requests
from reana_batch.lifecycle.sessions import SessionStatus
from reana_batch.lifecycle.status import RunStatus, created, time_text
from reana_batch.run.failures import Failure, causes
from reana_batch.run.parts import StepProgress
from reana_batch.run.sampling import MOST
from reana_batch.run.small_files import tail
from reana_batch.run.times import StepTimes, remaining

LOG_LINES = 20  # the number of lines that are shown from the log of a failed job

# The text of each field of Resources.
_RESOURCES = {
    "cpus": "CPUs: {}",
    "memory": "{} memory",
    "disk": "{} disk",
    "runtime": "{} s",
    "flavour": "{}",
    "partition": "partition {}",
    "account": "account {}",
    "requirements": "requirements {}",
}
_MEBIBYTES = ("memory", "disk")


def step_record(step: Step) -> dict[str, Any]:
    """Return the facts about a step, in plain units."""
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
        "resources": {name: getattr(placed.resources, name) for name in _RESOURCES},
        "data": [{"reference": file.text, "path": file.path, "origin": file.place.short} for file in placed.data],
    }


def resource_words(resources: Resources) -> list[str]:
    """Return the requested resources, each in readable words."""
    values = ((name, getattr(resources, name)) for name in _RESOURCES)
    return [_RESOURCES[name].format(_readable(name, value)) for name, value in values if value not in (None, "")]


def _readable(name: str, value: Any) -> str:
    return f"{-(-value // 1024**2):,} MiB" if name in _MEBIBYTES else str(value)


def run_record(current: RunStatus) -> dict[str, Any]:
    """Return the state of a run."""
    return {
        "name": current.run.directory.name,
        "directory": str(current.run.directory),
        "backend": current.run.manifest.backend,
        "status": current.state,
        "created": created(current) or None,
        "started": time_text(current.span.started) or None,
        "ended": (time_text(current.span.ended) or None) if current.has_ended else None,
        "seconds": current.seconds,
        "progress": {"done": current.done, "total": current.total},
        "steps": [_step_progress(current, step) for step in current.progress],
        "held": [{"id": job.id, "step": job.step, "reason": job.reason} for job in current.queue.held],
        "hindered": [{"id": job.id, "step": job.step, "reason": job.reason} for job in current.queue.hindered],
        "first_failure": failure_record(current.failures[0]) if current.failures else None,
        "failed": len(current.failures),
        "causes": [
            {"step": label, "cause": cause, "jobs": jobs}
            for (label, cause), jobs in causes(current.failures[:MOST]).most_common()
        ],
        "not_started": current.not_started,
        "blocked": [asdict(each) for each in current.blocked()],
        "expansions": [{"label": e.label, "origin": e.origin, "reason": e.reason} for e in current.open_expansions],
        "missing_outputs": list(current.missing_outputs),
        "last_words": current.last_words or None,
        "cure": requests.cure_of(current) or None,
    }


def _step_progress(current: RunStatus, step: StepProgress) -> dict[str, Any]:
    times = current.times.get(step.name, StepTimes())
    return {
        "name": step.name,
        "total": step.total,
        "done": step.done,
        "failed": step.failed,
        "running": step.running,
        "started": time_text(times.started) or None,
        "typical_seconds": times.typical,
        "remaining_seconds": remaining(step, times, int(time.time())) if current.state == "running" else None,
    }


def failure_record(failure: Failure) -> dict[str, Any]:
    """Return a failed job, with the end of its log."""
    return {
        "step": failure.label,
        "origin": failure.origin,
        "row": failure.row,
        "command": failure.command,
        "exit_code": failure.exit_code,
        "cause": failure.cause,
        "host": failure.host,
        "scheduler_job": failure.scheduler_job,
        "log": tail(failure.stderr, LOG_LINES) or tail(failure.stdout, LOG_LINES),
    }


def session_record(current: SessionStatus) -> dict[str, Any]:
    """Return the state of a session. Its token is not there."""
    session = current.session
    return {
        "name": current.run.name,
        "type": session.kind,
        "status": current.state,
        "reason": current.reason,
        "backend": session.backend,
        "job": session.job,
        "host": session.host,
        "port": session.port,
        "seconds": current.seconds,
        "time_limit": session.seconds,
    }
