"""Talking to a schedd: handing it a DAG, asking once what has become of it, removing it.

By the ``htcondor`` package's bindings where they are installed and reach the schedd, else by HTCondor's
own tools; the same answers either way. Nothing here waits or asks in a loop.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from reana_batch.diagnostics import refuse
from reana_batch.jobqueue import JobState, Queue, QueuedJob

DAG_FILE = "batch/workflow.dag"
_TIMEOUT = 120  # seconds; a schedd that needs longer is down

# What one query asks for.
_ATTRIBUTES = (
    "ClusterId",
    "ProcId",
    "JobStatus",
    "DAGNodeName",
    "HoldReason",
    "HoldReasonCode",
    "RemoteHost",
    "DAGManJobId",
)

# JobStatus, from the manual's list of job ClassAd attributes.
_STATES = {
    1: JobState.WAITING,
    2: JobState.RUNNING,
    3: JobState.ENDED,  # removed
    4: JobState.ENDED,  # completed
    5: JobState.HELD,
    6: JobState.RUNNING,  # transferring output
    7: JobState.RUNNING,  # suspended on its worker
}

# HoldReasonCode, from the manual's table of hold codes, in plain words; others show HTCondor's own text.
_HOLD_CODES = {
    1: "held by its owner",
    6: "the worker could not start bash",
    7: "the worker could not open a log file",
    8: "the worker could not open its input",
    12: "the job's files could not be brought back",
    13: "the job's files could not be sent",
    14: "the run directory does not exist on the worker",
    26: "the pool's policy for jobs held it",
    34: "the job used more memory than it asked for",
    35: "the worker could not get the container image",
}


def submit(directory: Path, *, use_bindings: bool | None = None) -> str:
    """Hand the DAG in ``directory`` to the schedd and return the id of its DAGMan job.

    ``use_bindings`` forces one of the two ways; None takes the bindings if they reach the schedd.
    """
    bindings = _bindings() if use_bindings is not False else None
    if use_bindings and bindings is None:
        raise refuse("missing-tool", "The HTCondor bindings are not installed or do not reach the schedd.")
    with contextlib.chdir(directory):
        return _submit_by_bindings(bindings, directory) if bindings else _submit_by_tool(directory)


def query(ids: Iterable[str], *, use_bindings: bool | None = None) -> Queue:
    """Return what the schedd knows of the DAG and its nodes, by one query."""
    (cluster,) = ids
    constraint = f"ClusterId == {cluster} || DAGManJobId == {cluster}"
    bindings = _bindings() if use_bindings is not False else None
    if bindings:
        ads: list[Mapping[str, Any]] = list(bindings.Schedd().query(constraint, list(_ATTRIBUTES)))
    else:
        attributes = ",".join(_ATTRIBUTES)
        answer = _tool("condor_q", "-json", "-attributes", attributes, "-constraint", constraint)
        ads = json.loads(answer) if answer.strip() else []
    return Queue(tuple(_queued_job(ad) for ad in ads))


def cancel(ids: Iterable[str], *, use_bindings: bool | None = None) -> None:
    """Remove the DAG; DAGMan removes its nodes. One that is not there any more is no fault."""
    (cluster,) = ids
    bindings = _bindings() if use_bindings is not False else None
    if bindings:
        bindings.Schedd().act(bindings.JobAction.Remove, f"ClusterId == {cluster}")
    else:
        _tool("condor_rm", "-constraint", f"ClusterId == {cluster}", tolerate="Couldn't find")


def _bindings() -> ModuleType | None:
    """Return the bindings if they are there and the schedd answers them."""
    try:
        import htcondor2
    except ImportError:
        return None
    try:
        htcondor2.Schedd().query("false", ["ClusterId"], limit=1)
    except Exception:  # noqa: BLE001  # bindings of another version raise many kinds; the tools remain
        return None
    module: ModuleType = htcondor2
    return module


def _submit_by_bindings(bindings: ModuleType, directory: Path) -> str:
    try:
        job = bindings.Submit.from_dag(DAG_FILE, {"batch-name": directory.name})
        return str(bindings.Schedd().submit(job).cluster())
    except Exception as error:  # the bindings raise RuntimeError, OSError and classes of their own
        raise refuse("scheduler", f"HTCondor did not take the workflow: {_last_line(str(error))}.") from error


def _submit_by_tool(directory: Path) -> str:
    answer = _tool("condor_submit_dag", "-batch-name", directory.name, DAG_FILE)
    found = re.search(r"submitted to cluster (\d+)", answer)
    if found is None:
        raise refuse("scheduler", f"condor_submit_dag gave no job id: {_last_line(answer)}")
    return found[1]


def _tool(name: str, *arguments: str, tolerate: str = "") -> str:
    try:
        done = subprocess.run([name, *arguments], capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except FileNotFoundError:
        hint = "run this on a machine that submits to HTCondor."
        raise refuse("missing-tool", f"{name} is not installed here.", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise refuse("scheduler", f"{name} had no answer from the schedd in {_TIMEOUT} s.") from None
    if done.returncode != 0 and not (tolerate and tolerate in done.stdout + done.stderr):
        raise refuse("scheduler", f"{name} failed: {_last_line(done.stderr or done.stdout)}")
    return done.stdout


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


def _queued_job(ad: Mapping[str, Any]) -> QueuedJob:
    state = _STATES.get(int(ad["JobStatus"]), JobState.UNKNOWN)
    step, _, chunk = str(ad.get("DAGNodeName", "")).rpartition(".")
    return QueuedJob(
        id=f"{ad['ClusterId']}.{ad['ProcId']}",
        step=step,
        chunks=range(int(chunk), int(chunk) + 1) if step else range(0),
        state=state,
        reason=_hold_reason(ad) if state is JobState.HELD else "",
    )


def _hold_reason(ad: Mapping[str, Any]) -> str:
    plain = _HOLD_CODES.get(int(ad.get("HoldReasonCode", 0)), "held")
    return f"{plain} ({ad['HoldReason']})" if "HoldReason" in ad else plain
