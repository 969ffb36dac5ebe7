"""Talking to a schedd: handing it a DAG, asking once what has become of it, removing it.

By the ``htcondor`` package's bindings where they are installed and reach the schedd, else by HTCondor's
own tools; the same answers either way. Nothing here waits or asks in a loop.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from reana_batch import layout
from reana_batch.diagnostics import Refused, refuse
from reana_batch.jobqueue import EXITED, JobState, Queue, QueuedJob
from reana_batch.runstate import tail

DAG_FILE = "batch/workflow.dag"
_T = TypeVar("_T")
_TIMEOUT = 120  # seconds; a schedd that needs longer is down

# What one query asks for.
_ATTRIBUTES = (
    "ClusterId",
    "ProcId",
    "Iwd",
    "JobStatus",
    "DAGNodeName",
    "HoldReason",
    "HoldReasonCode",
    "LastRejMatchReason",
    "NumShadowStarts",
    "VacateReason",
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

# HoldReasonCode, from the manual's table of hold codes: what it means, and what to do. HTCondor's own
# text follows; others show that alone.
_RELEASE = "then: condor_release {id}"
_POLICY, _MEMORY = 26, 34
_HOLD_CODES = {
    1: ("held by hand", "to go on: condor_release {id}"),
    3: ("its container did not start, time after time", _RELEASE),
    6: ("the worker could not start bash", _RELEASE),
    7: ("the worker could not open a log file", f"look at the disk and the quota, {_RELEASE}"),
    8: ("the worker could not open its input", _RELEASE),
    12: ("its files could not be brought back", f"look at the disk and the quota, {_RELEASE}"),
    13: ("its files could not be sent", f"look at the files named, {_RELEASE}"),
    14: ("the run directory does not exist on the worker", "this needs htcondor.file_transfer: stop the run"),
    21: ("the worker gave up on it", _RELEASE),
    _POLICY: ("the pool's policy holds it", _RELEASE),
    _MEMORY: ("it used more memory than it asked for", f"condor_qedit {{id}} RequestMemory MEGABYTES, {_RELEASE}"),
    35: ("the worker could not get the container image", _RELEASE),
    46: ("it ran longer than allowed", "stop the run, ask for more time and run the analysis again"),
}
# Starts of a job after which it counts as evicted in a loop; one or two more than needed are a matter of course.
_MANY_STARTS = 4


def submit(directory: Path) -> str:
    """Hand the DAG in ``directory`` to the schedd and return the id of its DAGMan job."""
    with contextlib.chdir(directory):
        return _by_either(_submit_by_bindings, _submit_by_tool)


def query(cluster: str, directory: Path) -> Queue:
    """Return what the schedd knows of the DAG, its nodes and the DAGs of its expansions, by one query."""
    wanted = f"ClusterId == {cluster} || DAGManJobId == {cluster}"
    if (directory / layout.EXPANSIONS).exists():
        wanted += f" || {_inside(directory)}"
    return _query(wanted, directory)


def check_gone(*directories: Path) -> None:
    """Raise Refused if jobs that were submitted from these directories are still in the queue."""
    jobs = _query(" || ".join(f"Iwd == {_place(each)} || {_inside(each)}" for each in directories)).jobs
    if jobs:
        message = f"Jobs of this run are still in the queue ({jobs[0].id}), though it was stopped or failed."
        raise refuse("run-state", message, hint="if they are being removed, try again in a moment.")


def _place(path: Path) -> str:
    """Return a path as the schedd writes those that jobs start in; a JSON string is a ClassAd string."""
    return json.dumps(str(path.resolve()), ensure_ascii=False)


def _inside(directory: Path) -> str:
    """Return the expression that holds for the jobs of a run's expansions; ClassAds count bytes."""
    prefix = f"{directory.resolve()}/{layout.EXPANSIONS}/"
    return f"substr(Iwd, 0, {len(os.fsencode(prefix))}) == {json.dumps(prefix, ensure_ascii=False)}"


def _query(constraint: str, directory: Path = Path()) -> Queue:
    def by_bindings(bindings: ModuleType) -> list[Mapping[str, Any]]:
        return list(_reaching(lambda: bindings.Schedd().query(constraint, list(_ATTRIBUTES))))

    def by_tool() -> list[Mapping[str, Any]]:
        answer = _tool("condor_q", "-json", "-attributes", ",".join(_ATTRIBUTES), "-constraint", constraint)
        return json.loads(answer) if answer.strip() else []

    run = directory.resolve()
    return Queue(tuple(_queued_job(ad, run) for ad in _by_either(by_bindings, by_tool)))


def cancel(cluster: str, directory: Path) -> None:
    """Remove the DAG in ``directory``; DAGMan removes its nodes. One that is not there any more is no fault.

    Another schedd, which a login node may choose on another day, may have given its number to something else.
    """
    constraint = f"ClusterId == {cluster} && Iwd == {_place(directory)}"

    def by_bindings(bindings: ModuleType) -> None:
        _reaching(lambda: bindings.Schedd().act(bindings.JobAction.Remove, constraint))

    _by_either(by_bindings, lambda: _tool("condor_rm", "-constraint", constraint, tolerate="Couldn't find"))


def release(jobs: list[str]) -> list[str]:
    """Let held jobs go and return their ids. One that is not held any more is no fault."""

    def by_bindings(bindings: ModuleType) -> None:
        _reaching(lambda: bindings.Schedd().act(bindings.JobAction.Release, jobs))

    _by_either(by_bindings, lambda: _tool("condor_release", *jobs, tolerate="not found"))
    return jobs


# --- the two ways --------------------------------------------------------------------------------


class _OutOfReach(Exception):
    """The bindings do not reach the schedd; nothing has been changed there."""


def _by_either(by_bindings: Callable[[ModuleType], _T], by_tool: Callable[[], _T]) -> _T:
    """Return the answer of the bindings, or of the tools where those are not installed or do not fit the schedd."""
    try:
        with _printing_to_stderr():
            import htcondor2

            return by_bindings(htcondor2)
    except (ImportError, _OutOfReach):
        return by_tool()


@contextlib.contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """Keep what the bindings' C++ prints, such as the number of a rescue DAG, out of our answer on stdout."""
    kept = os.dup(1)
    sys.stdout.flush()
    os.dup2(2, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # it prints through a buffer of its own
        os.dup2(kept, 1)
        os.close(kept)


def _reaching(call: Callable[[], _T]) -> _T:
    """Return what ``call`` returns; its exceptions, of whatever kind but Refused, become _OutOfReach."""
    try:
        return call()
    except Refused:
        raise
    except Exception as error:  # bindings of another version raise many kinds
        raise _OutOfReach from error


def _submit_by_bindings(bindings: ModuleType) -> str:
    schedd, job = _reaching(lambda: (bindings.Schedd(), _dagman_job(bindings)))
    try:
        return str(schedd.submit(job).cluster())
    except Exception as error:  # the bindings raise RuntimeError, OSError and classes of their own
        if "connect to schedd" in str(error):
            raise _OutOfReach from error
        raise refuse("scheduler", f"HTCondor did not take the workflow: {_last_line(str(error))}") from error


def _dagman_job(bindings: ModuleType) -> Any:
    job = bindings.Submit.from_dag(DAG_FILE, {"batch-name": Path.cwd().name})
    if "MY.SendCredential" in job:  # condor_submit does this by itself
        _store_ticket(bindings)
    return job


def _store_ticket(bindings: ModuleType) -> None:
    """Give the user's ticket to the credd. The bindings (25.14) would run the site's producer, but store two bytes."""
    producer = bindings.param.get("SEC_CREDENTIAL_PRODUCER")
    if producer in (None, "CREDENTIAL_ALREADY_STORED"):
        return
    try:
        made = subprocess.run(producer.split(), capture_output=True, check=False)
    except OSError as error:
        message = f"HTCondor gets no ticket: {producer} cannot be run: {error.strerror}."
        raise refuse("credential", message, hint="HTCondor's SEC_CREDENTIAL_PRODUCER names it.") from error
    if made.returncode != 0 or not made.stdout:
        said = _last_line(made.stderr.decode("utf-8", "replace")).rstrip(".")
        raise refuse("credential", f"HTCondor gets no ticket: {producer} says: {said}.", hint="run kinit.")
    bindings.Credd().add_user_cred(bindings.CredType.Kerberos, made.stdout)


def _submit_by_tool() -> str:
    # The bindings may have been here before, and have left their submit file.
    answer = _tool("condor_submit_dag", "-update_submit", "-batch-name", Path.cwd().name, DAG_FILE)
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


def _queued_job(ad: Mapping[str, Any], run: Path) -> QueuedJob:
    state = _STATES.get(int(ad["JobStatus"]), JobState.UNKNOWN)
    node = _node(str(ad.get("DAGNodeName", "")))
    job = f"{ad['ClusterId']}.{ad['ProcId']}"
    return QueuedJob(
        id=job,
        step=layout.part_path(run, Path(ad["Iwd"])) + node[0] if node else "",
        chunks=range(node[1], node[1] + 1) if node else range(0),
        state=state,
        reason=_REASONS[state](ad, job) if state in _REASONS else "",
    )


def _hold_reason(ad: Mapping[str, Any], job: str) -> str:
    code, told = int(ad.get("HoldReasonCode", 0)), ad.get("HoldReason", "")
    if code == _POLICY and "memory" in told:  # pools without cgroups watch it so
        code = _MEMORY
    plain, cure = _HOLD_CODES.get(code, ("held", _RELEASE))
    text = f" ({_last_line(told).rstrip('.')})" if told else ""
    return f"{plain}{text}; {cure.format(id=job)}"


def _evictions(ad: Mapping[str, Any], job: str) -> str:
    """Return what is to be said of a job that was started time after time; nothing of others."""
    del job
    starts, told = int(ad.get("NumShadowStarts", 0)), ad.get("VacateReason", "")
    if starts < _MANY_STARTS:
        return ""
    text = f" ({_last_line(told).rstrip('.')})" if told else ""
    return f"started {starts} times, and taken off its worker before it ended{text}; if that goes on, stop the run"


def _rejection(ad: Mapping[str, Any], job: str) -> str:
    """Return why an idle job does not run: it was evicted time after time, or no worker took it."""
    told = ad.get("LastRejMatchReason", "").strip()
    found = f"HTCondor has no free worker that fits it ({told}); to see why: condor_q -better-analyze {job}"
    return _evictions(ad, job) or (found if told else "")


_REASONS: dict[JobState, Callable[[Mapping[str, Any], str], str]] = {
    JobState.HELD: _hold_reason,
    JobState.WAITING: _rejection,
    JobState.RUNNING: _evictions,
}


# --- what ended without a record -----------------------------------------------------------------


def endings(directory: Path) -> dict[tuple[str, int], str]:
    """Return, by step and chunk, why the last job of a node was ended by anything but itself.

    By what DAGMan wrote down of its nodes, which is there after the jobs have left the queue.
    """
    told = dict(_refused(directory / f"{DAG_FILE}.dagman.out"))
    node_of: dict[str, tuple[str, int]] = {}
    for number, job, lines in _events(directory / f"{DAG_FILE}.nodes.log"):
        if number == "000":
            names = [line.removeprefix("DAG Node: ") for line in lines if line.startswith("DAG Node: ")]
            node = _node(names[0]) if names else None
            if node:
                node_of[job] = node
                told.pop(node, None)
        elif job in node_of and number in _EVENTS:
            reason = _EVENTS[number](" ".join(lines))
            if reason:
                told[node_of[job]] = reason
    return told


def last_words(directory: Path) -> str:
    """Return the last errors in DAGMan's log, or what it printed where it could not write one."""
    lines = tail(directory / f"{DAG_FILE}.dagman.out", _LOG_LINES).splitlines()
    errors = [_STAMP.sub("", line) for line in lines if _ERROR.search(line)]
    return "\n".join(errors[-_MOST_ERRORS:]) or tail(directory / f"{DAG_FILE}.lib.err", _MOST_ERRORS)


def _events(log: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each event's number, job and further lines."""
    if not log.exists():
        return
    lines: list[str] = []
    with log.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line != "...\n":
                lines.append(line.strip())
            else:
                head = _EVENT.match(lines[0]) if lines else None
                if head:
                    yield head[1], head[2], lines[1:]
                lines = []


def _refused(log: Path) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield the nodes that the schedd did not take as jobs, as often as DAGMan tried, and why."""
    if not log.exists():
        return
    node = None
    with log.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if " Submitting node " in line:
                node = _node(line.partition(" Submitting node ")[2].partition(" ")[0])
            elif " submit error: " in line and node:
                reason = [line.partition(" submit error: ")[2].strip(), next(stream, "").strip()]
                yield node, f"refused by HTCondor ({' '.join(reason).strip()})"


def _node(name: str) -> tuple[str, int] | None:
    """Return the step and chunk of a node; None for one that is itself a DAG."""
    step, _, chunk = name.rpartition(".")
    return (step, int(chunk)) if chunk.isdecimal() else None


def _why_terminated(text: str) -> str:
    killed = re.search(r"Abnormal termination \(signal (\d+)\)", text)
    if killed:
        return f"killed by signal {killed[1]}" + (", mostly for memory" if killed[1] == "9" else "")
    code = re.search(r"return value (\d+)", text)
    return "" if code is None or code[1] == "0" else f"{EXITED} {code[1]}"


def _why_aborted(text: str) -> str:
    by_hand = re.search(r"via condor_rm \(by user (\S+)\)", text)
    if by_hand:
        return f"removed by hand, by {by_hand[1]}"
    if "OtherJobRemoveRequirements" in text:
        return "removed with all of the run"
    # Our own periodic_remove looks at nothing else; the second text is CERN's.
    if "PeriodicRemove" in text or "wall time exceeded" in text:
        return "removed for its time limit"
    return f"removed by HTCondor ({text.rstrip('.')})"


# Lines of DAGMan's log that are looked at, and how many errors are shown.
_LOG_LINES, _MOST_ERRORS = 200, 5
_ERROR = re.compile(r"(?:^|\s)(?:ERROR|EXCEPT|FATAL)\b|\bAborting\b|^\S+ \S+ Failed to ")
_STAMP = re.compile(r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d ")
_EVENT = re.compile(r"(\d{3}) \(([\d.]+)\) ")
_EVENTS: dict[str, Callable[[str], str]] = {
    "005": _why_terminated,
    "009": _why_aborted,
    "012": lambda text: f"held ({text})",
}
