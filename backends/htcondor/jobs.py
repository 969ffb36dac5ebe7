"""The jobs that a schedd shows: their states, and why they wait, are held or were evicted."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from reana_batch import layout
from reana_batch.backends.htcondor import tools
from reana_batch.backends.htcondor.nodes import step_and_chunk
from reana_batch.run.queue import JobState, Queue, QueuedJob

# The attributes that a query asks for.
_ATTRIBUTES = (
    "ClusterId",
    "ProcId",
    "Iwd",
    "JobStatus",
    "DAGManJobId",
    "DAGNodeName",
    "HoldReason",
    "HoldReasonCode",
    "LastRejMatchReason",
    "NumShadowStarts",
    "VacateReason",
    "VacateReasonCode",
)

# The attribute of a node's job that names its DAGMan job.
_DAGMAN = "DAGManJobId"

# JobStatus, from the manual's list of job ClassAd attributes.
_REMOVED = 3
_STATES = {
    1: JobState.WAITING,
    2: JobState.RUNNING,
    _REMOVED: JobState.ENDING,
    4: JobState.ENDED,  # completed
    5: JobState.HELD,
    6: JobState.RUNNING,  # transferring output
    7: JobState.RUNNING,  # suspended on its worker
}

# HoldReasonCode, from the manual's table of hold codes: its meaning, and what to do. Messages add HTCondor's own text.
# For other codes they have that text only. If a request was too small, the cure is in another table.
_RELEASE = "then: condor_release {id}"
_POLICY, _MEMORY, _RUNTIME = 26, 34, 46
_HOLD_CODES = {
    1: ("held by hand", "to continue: condor_release {id}"),
    3: ("its container did not start, time after time", _RELEASE),
    6: ("the worker could not start bash", _RELEASE),
    7: ("the worker could not open a log file", f"look at the disk and the quota, {_RELEASE}"),
    8: ("the worker could not open its input", _RELEASE),
    12: ("its files could not be transferred back", f"look at the disk and the quota, {_RELEASE}"),
    13: ("its files could not be transferred", f"look at the files named, {_RELEASE}"),
    14: ("the run directory does not exist on the worker", "this needs htcondor.file_transfer: stop the run"),
    21: ("the worker gave up on it", _RELEASE),
    _POLICY: ("the pool's policy holds it", _RELEASE),
    _MEMORY: ("it used more memory than it asked for", ""),
    35: ("the worker could not get the container image", _RELEASE),
    _RUNTIME: ("it ran longer than allowed", ""),
}
# The request that was too small, by the same codes.
_LACKS = {_MEMORY: "memory", _RUNTIME: "runtime"}
# What to do about a job of a run whose request was too small.
_CURES = {
    "memory": "to continue: reana-batch resume --memory SIZE",
    "runtime": "to continue: reana-batch resume --runtime TIME",
}
# A job with so many starts counts as evicted in a loop. One or two additional starts are normal.
_MANY_STARTS = 4
# The lowest code of evictions of a started job. Lower codes are hold codes of jobs that a worker could not start.
_FIRST_VACATE_CODE = 1000


def jobs_where(
    constraint: str,
    settings: Mapping[str, str],
    directory: Path = Path(),
    cures: Mapping[str, str] = MappingProxyType(_CURES),
) -> Queue:
    """Return the jobs of a run for which an expression is true, with one query.

    ``cures`` says what to do about held jobs that need more memory or runtime.
    """

    def by_bindings(bindings: ModuleType) -> list[Mapping[str, Any]]:
        return list(tools.reaching(lambda: tools.schedd(bindings, settings).query(constraint, list(_ATTRIBUTES))))

    def by_tool() -> list[Mapping[str, Any]]:
        words = ("-allusers", "-json", "-attributes", ",".join(_ATTRIBUTES), "-constraint", constraint)
        answer = tools.tool("condor_q", *words, settings=settings)
        return json.loads(answer) if answer.strip() else []

    run = directory.resolve()
    ads = tools.by_either(by_bindings, by_tool)
    ending = _ending(ads)
    return Queue(tuple(_queued_job(ad, run, ending, cures) for ad in ads))


def _ending(ads: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the clusters of the DAGMan jobs that HTCondor is removing, together with their nodes."""
    found: set[int] = set()
    while True:
        more = {int(ad["ClusterId"]) for ad in ads if ad["JobStatus"] == _REMOVED or ad.get(_DAGMAN) in found}
        if more == found:
            return found
        found = more


def _queued_job(ad: Mapping[str, Any], run: Path, ending: Collection[int], cures: Mapping[str, str]) -> QueuedJob:
    state = JobState.ENDING if ad.get(_DAGMAN) in ending else _STATES.get(int(ad["JobStatus"]), JobState.UNKNOWN)
    node = step_and_chunk(str(ad.get("DAGNodeName", "")))
    job = f"{ad['ClusterId']}.{ad['ProcId']}"
    return QueuedJob(
        id=job,
        step=layout.part_path(run, Path(ad["Iwd"])) + node[0] if node else "",
        chunks=range(node[1], node[1] + 1) if node else range(0),
        state=state,
        reason=_REASONS[state](ad, job, cures) if state in _REASONS else "",
        lacks=_LACKS.get(_hold_code(ad), "") if state is JobState.HELD else "",
    )


def _hold_code(ad: Mapping[str, Any]) -> int:
    """Return why a job is held. Pools without cgroups limit memory by their policy."""
    code = int(ad.get("HoldReasonCode", 0))
    return _MEMORY if code == _POLICY and "memory" in ad.get("HoldReason", "") else code


def _hold_reason(ad: Mapping[str, Any], job: str, cures: Mapping[str, str]) -> str:
    code, told = _hold_code(ad), ad.get("HoldReason", "")
    plain, cure = _HOLD_CODES.get(code, ("held", _RELEASE))
    text = f" ({tools.last_line(told).rstrip('.')})" if told else ""
    return f"{plain}{text}; {cure.format(id=job) or cures[_LACKS[code]]}"


def _evictions(ad: Mapping[str, Any], _job: str, _cures: Mapping[str, str]) -> str:
    """Return why a job could not start or was evicted repeatedly. Empty otherwise."""
    starts, told = int(ad.get("NumShadowStarts", 0)), tools.last_line(ad.get("VacateReason", "")).rstrip(".")
    if int(ad.get("VacateReasonCode", _FIRST_VACATE_CODE)) < _FIRST_VACATE_CODE:
        times = "once" if starts < 2 else f"{starts} times"
        return f"tried {times}, but its worker could not start it ({told}); HTCondor will try again"
    if starts < _MANY_STARTS:
        return ""
    text = f" ({told})" if "VacateReason" in ad else ""
    return f"started {starts} times, and evicted from its worker before it ended{text}; if this goes on, stop the run"


def _rejection(ad: Mapping[str, Any], job: str, cures: Mapping[str, str]) -> str:
    """Return why an idle job does not run. Empty if HTCondor gives no reason."""
    told = ad.get("LastRejMatchReason", "").strip()
    found = f"HTCondor has no free worker that fits it ({told}); to see why: condor_q -better-analyze {job}"
    return _evictions(ad, job, cures) or (found if told else "")


_REASONS: dict[JobState, Callable[[Mapping[str, Any], str, Mapping[str, str]], str]] = {
    JobState.HELD: _hold_reason,
    JobState.WAITING: _rejection,
    JobState.RUNNING: _evictions,
}
