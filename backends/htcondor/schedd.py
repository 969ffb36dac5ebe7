"""The driver of HTCondor: it submits a DAG to a schedd, queries the schedd, and removes the DAG.

It uses the bindings of the ``htcondor`` package if they are installed and reach the schedd. Otherwise it uses
HTCondor's command-line tools, with the same answers. Nothing here waits or queries in a loop.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from reana_batch import layout
from reana_batch.backends.drivers import Driver, Requests
from reana_batch.backends.htcondor import interactive
from reana_batch.backends.htcondor.nodes import DAG_FILE, SHIP, VERDICT, expansion_node
from reana_batch.backends.htcondor.requests import SETTINGS, attributes, with_requests
from reana_batch.backends.htcondor.sessions import session_jobs
from reana_batch.diagnostics import Refused, refuse
from reana_batch.findings import Finding, finding, first_line, output
from reana_batch.run.parts import Run
from reana_batch.run.queue import ALL_DONE, EXITED, JobState, Queue, QueuedJob, Submission, Trace
from reana_batch.run.small_files import tail

if TYPE_CHECKING:
    from reana_batch.site import Site

_T = TypeVar("_T")
_TIMEOUT = 120  # seconds; a schedd that needs longer is down

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
# For other codes they have that text only.
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
    _MEMORY: ("it used more memory than it asked for", "to continue: reana-batch resume --memory SIZE"),
    35: ("the worker could not get the container image", _RELEASE),
    _RUNTIME: ("it ran longer than allowed", "to continue: reana-batch resume --runtime TIME"),
}
# The request that was too small, by the same codes.
_LACKS = {_MEMORY: "memory", _RUNTIME: "runtime"}
# A job with so many starts counts as evicted in a loop. One or two additional starts are normal.
_MANY_STARTS = 4
# The lowest code of evictions of a started job. Lower codes are hold codes of jobs that a worker could not start.
_FIRST_VACATE_CODE = 1000


# --- which schedd --------------------------------------------------------------------------------


def default_place() -> dict[str, str]:
    """Return the schedd that this machine's tools ask by default, and its pool. Unknown names are omitted."""

    def by_tool() -> dict[str, Any]:
        answer = _tool("condor_config_val", "-macro", "|".join(f"$({name}:)" for name in _PLACE_SETTINGS))
        return dict(zip(_PLACE_SETTINGS, answer.strip().split("|"), strict=False))

    try:
        found = _by_either(lambda bindings: {name: bindings.param.get(name) for name in _PLACE_SETTINGS}, by_tool)
    except Refused:  # for example a fault in the configuration, which the submission reports
        return {}
    host = str(found.get("FULL_HOSTNAME") or "")
    schedd = str(found.get("SCHEDD_HOST") or found.get("SCHEDD_NAME") or host)
    if schedd.endswith("@"):
        schedd += host
    elif not found.get("SCHEDD_HOST") and "@" not in schedd and schedd != host:
        schedd = f"{schedd}@{host}"
    place = {"schedd": schedd, "pool": str(found.get("COLLECTOR_HOST") or "")}
    return {name: value for name, value in place.items() if value}


_PLACE_SETTINGS = ("SCHEDD_HOST", "SCHEDD_NAME", "FULL_HOSTNAME", "COLLECTOR_HOST")


def _settings(place: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment variables that make HTCondor's tools ask this schedd. Empty if it is their default."""
    if not place or place == default_place():
        return {}
    return {_VARIABLES[name]: value for name, value in place.items()}


_VARIABLES = {"schedd": "_CONDOR_SCHEDD_HOST", "pool": "_CONDOR_COLLECTOR_HOST"}


def _schedd(bindings: ModuleType, settings: Mapping[str, str]) -> Any:
    """Return the schedd object of the bindings for these settings."""
    if not settings:
        return bindings.Schedd()
    collector = bindings.Collector(settings.get(_VARIABLES["pool"]))
    location = collector.locate(bindings.DaemonType.Schedd, settings[_VARIABLES["schedd"]])
    if location is None:  # Schedd(None) would be this machine's schedd
        raise _OutOfReach
    return bindings.Schedd(location)


# --- submitting ----------------------------------------------------------------------------------


def place(run: Run, last: Submission) -> Mapping[str, str]:
    """Return the schedd and pool of the run, or this machine's."""
    if (run.directory / SHIP).exists() and (run.directory / layout.WORKSPACE).is_symlink():
        message = "HTCondor does not transfer a directory that is a link, such as the workspace of a restarted run."
        hint = "use reana-batch resume, which continues in the same run."
        raise refuse("unsupported", message, hint=hint)
    return last.place or default_place()


def submit(run: Run, place: Mapping[str, str]) -> list[str]:
    """Submit the DAG and return the id of its DAGMan job.

    Finished nodes are marked as done, also in the DAGs of compiled expansions, which DAGMan submits again.
    """
    goes_on = (run.directory / layout.RESTARTED).exists()
    if goes_on or trace(run.directory) is not Trace.NONE:
        # Nothing may start while jobs of an earlier submission are left in the same workspace.
        check_gone(place, run.directory, (run.directory / layout.WORKSPACE).resolve().parent)
    for part in run.parts():
        dag = part.directory / DAG_FILE
        for made_before in dag.parent.glob(f"{dag.name}.*"):
            made_before.unlink()
        if goes_on:
            with dag.with_name(f"{dag.name}.rescue001").open("w", encoding="utf-8") as rescue:
                rescue.writelines(f"DONE {node}\n" for node in _done_nodes(part))
            _forget_verdicts(part)
    return [submit_dag(run.directory, place)]


def _done_nodes(part: Run) -> Iterator[str]:
    """Yield the nodes of one DAG whose chunks are all done."""
    for step in part.manifest.steps:
        done = set(part.records(step).done_chunks())
        yield from (f"{step.name}.{chunks[0]}" for chunks in step.nodes() if done.issuperset(chunks))
    for name, compiled in part.compiled().items():
        if compiled.is_complete(compiled.progress()):
            yield expansion_node(name)


def _forget_verdicts(part: Run) -> None:
    """Remove the marks of failed jobs.

    Some jobs failed after they had written their records. Their nodes count as done and do not run again.
    """
    if (part.directory / VERDICT).exists():
        for mark in (part.directory / layout.STATE).rglob("*.unfinished"):
            mark.unlink()


def trace(directory: Path) -> Trace:
    """Return whether files of condor_submit_dag or DAGMan are there. The user may have called them by hand."""
    dag = directory / f"{layout.BATCH}/workflow.dag"
    if any(dag.with_name(f"{dag.name}.{ending}").exists() for ending in ("dagman.log", "dagman.out", "nodes.log")):
        return Trace.ACCEPTED
    return Trace.ASKED if dag.with_name(f"{dag.name}.condor.sub").exists() else Trace.NONE


def submit_dag(directory: Path, place: Mapping[str, str]) -> str:
    """Submit the DAG in ``directory`` and return the id of its DAGMan job."""
    settings = _settings(place)
    with contextlib.chdir(directory):
        return _by_either(lambda bindings: _submit_by_bindings(bindings, settings), lambda: _submit_by_tool(settings))


# --- asking it -----------------------------------------------------------------------------------


def query(directory: Path, last: Submission) -> Queue:
    """Return the jobs of the DAG, its nodes and its expansions, with one query.

    Without a place, the user submitted the DAG by hand, to this machine's schedd or another one. Then HTCondor's log
    of the DAG is read too. Raises Refused if DAGMan still runs according to the log, but its schedd does not know it.
    """
    return _find(directory, last.place)[1]


def _find(directory: Path, place: Mapping[str, str] | None) -> tuple[Mapping[str, str], Queue]:
    """Return the settings for the schedd of a run, and the jobs that it knows."""
    settings, of_run = _settings(place), _of_run(directory)
    queue = _query(of_run, settings, directory)
    open_dagman = _open_dagman(directory) if place is None and not queue.jobs else None
    if open_dagman is None:
        return settings, queue
    job, address = open_dagman
    # The log has the address of the schedd. The collector knows its name, unless the schedd has been restarted since.
    names = _tool("condor_status", "-schedd", "-constraint", f"MyAddress == {json.dumps(address)}", "-af", "Name")
    if names.strip():
        settings = {_VARIABLES["schedd"]: names.split()[0]}
        queue = _query(of_run, settings, directory)
    if queue.jobs:
        return settings, queue
    host = found[1] if (found := re.search(r"alias=([^&>]+)", address)) else address
    message = f"This machine's schedd does not know DAGMan's job {job}, which was submitted on {host}."
    hint = "run the command there, or set _CONDOR_SCHEDD_HOST to the name of its schedd."
    raise refuse("scheduler", message, hint=hint)


def _settings_of(directory: Path, last: Submission) -> Mapping[str, str]:
    """Return the settings for the schedd of a run."""
    return _find(directory, None)[0] if last.place is None else _settings(last.place)


def _open_dagman(directory: Path) -> tuple[str, str] | None:
    """Return the running DAGMan job in HTCondor's log, and the address of its schedd.

    None if all DAGMan jobs have ended.
    """
    found = None
    for number, job, lines in _events(directory / f"{DAG_FILE}.dagman.log", heads=True):
        if number == "000":
            address = re.search(r"<.*>", lines[0])
            found = (job, address[0] if address else "")
        elif number in ("005", "009"):
            found = None
    return found


def check_gone(place: Mapping[str, str], *directories: Path) -> None:
    """Raise Refused if jobs from these directories are still in the queue."""
    jobs = _query(" || ".join(_of_run(each, expands=True) for each in directories), _settings(place)).jobs
    if jobs:
        message = f"Jobs of this run are still in the queue ({jobs[0].id}), although it was stopped or failed."
        raise refuse("run-state", message, hint="if HTCondor is removing them, try again in a moment.")


def _of_run(directory: Path, *, expands: bool | None = None) -> str:
    """Return the expression that selects all jobs of a run, including DAGMan and expansions."""
    if expands is None:
        expands = (directory / layout.EXPANSIONS).exists()
    return f"Iwd == {_place(directory)}" + (f" || {_inside(directory)}" if expands else "")


def _place(path: Path) -> str:
    """Return a run directory as the schedd writes it. A JSON string is a ClassAd string."""
    return json.dumps(str(path.resolve()), ensure_ascii=False)


def _inside(directory: Path) -> str:
    """Return the expression that selects the jobs of a run's expansions. ClassAds count bytes."""
    prefix = f"{directory.resolve()}/{layout.EXPANSIONS}/"
    return f"substr(Iwd, 0, {len(os.fsencode(prefix))}) == {json.dumps(prefix, ensure_ascii=False)}"


def _query(constraint: str, settings: Mapping[str, str], directory: Path = Path()) -> Queue:
    def by_bindings(bindings: ModuleType) -> list[Mapping[str, Any]]:
        return list(_reaching(lambda: _schedd(bindings, settings).query(constraint, list(_ATTRIBUTES))))

    def by_tool() -> list[Mapping[str, Any]]:
        words = ("-allusers", "-json", "-attributes", ",".join(_ATTRIBUTES), "-constraint", constraint)
        answer = _tool("condor_q", *words, settings=settings)
        return json.loads(answer) if answer.strip() else []

    run = directory.resolve()
    ads = _by_either(by_bindings, by_tool)
    ending = _ending(ads)
    return Queue(tuple(_queued_job(ad, run, ending) for ad in ads))


def _ending(ads: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the clusters of the DAGMan jobs that HTCondor is removing, together with their nodes."""
    found: set[int] = set()
    while True:
        more = {int(ad["ClusterId"]) for ad in ads if ad["JobStatus"] == _REMOVED or ad.get(_DAGMAN) in found}
        if more == found:
            return found
        found = more


def cancel(directory: Path, last: Submission) -> None:
    """Remove the DAG in ``directory`` and its nodes. Jobs that are not there any more are ignored."""
    settings = _settings_of(directory, last)
    constraint = _of_run(directory)

    def by_bindings(bindings: ModuleType) -> None:
        _reaching(lambda: _schedd(bindings, settings).act(bindings.JobAction.Remove, constraint))

    def by_tool() -> None:
        _tool("condor_rm", "-constraint", constraint, tolerate="Couldn't find", settings=settings)

    _by_either(by_bindings, by_tool)


def release(directory: Path, last: Submission, held: list[QueuedJob]) -> list[str]:
    """Release held jobs of a run and return their ids. Jobs that are not held any more are ignored."""
    settings, jobs = _settings_of(directory, last), [job.id for job in held]

    def by_bindings(bindings: ModuleType) -> None:
        _reaching(lambda: _schedd(bindings, settings).act(bindings.JobAction.Release, jobs))

    _by_either(by_bindings, lambda: _tool("condor_release", *jobs, tolerate="not found", settings=settings))
    return jobs


def alter(directory: Path, last: Submission, jobs: Sequence[QueuedJob], asked: Mapping[str, int | str]) -> None:
    """Change what jobs in the queue ask for."""
    settings = _settings_of(directory, last)
    clusters = ", ".join(sorted({job.id.partition(".")[0] for job in jobs}))
    constraint = f"member(ClusterId, {{{clusters}}})"

    changed = attributes(asked)

    def by_bindings(bindings: ModuleType) -> None:
        def edit() -> None:
            schedd = _schedd(bindings, settings)
            for change in changed.items():
                schedd.edit(constraint, *change)

        _reaching(edit)

    def by_tool() -> None:
        words = [word for pair in changed.items() for word in pair]
        _tool("condor_qedit", "-constraint", constraint, *words, settings=settings)

    if changed:
        _by_either(by_bindings, by_tool)


def on_worker(directory: Path, folder: str, words: Sequence[str], last: Submission) -> int:
    """Run a command in a job like those of a step, and return its exit code. The job is removed at the end."""
    if (directory / SHIP).exists():
        message = "Jobs on workers do not see the run directory, because htcondor.file_transfer is on."
        raise refuse("unsupported", message, hint="leave out --on-worker.")
    settings, directory = _settings_of(directory, last), directory.resolve()
    with contextlib.chdir(directory):
        job = _tool(*interactive.submission(directory, folder), settings=settings).split()[0]
    environment = os.environ | settings | interactive.terminal(there_is_one=sys.stdin.isatty())
    try:
        done = subprocess.run(interactive.joining(job, directory, words), env=environment, check=False)
    finally:
        _tool("condor_rm", job, tolerate="not found", settings=settings)
    return done.returncode


# --- the two ways --------------------------------------------------------------------------------


class _OutOfReach(Exception):
    """The bindings do not reach the schedd, and have changed nothing there."""


def _by_either(by_bindings: Callable[[ModuleType], _T], by_tool: Callable[[], _T]) -> _T:
    """Return the answer of the bindings. If they are not installed or do not reach the schedd, use the tools."""
    try:
        with _printing_to_stderr():
            import htcondor2

            return by_bindings(htcondor2)
    except (ImportError, _OutOfReach):
        return by_tool()


@contextlib.contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """Redirect the output of the bindings' C++ from stdout to stderr.

    For example, it prints the number of a rescue DAG.
    """
    kept = os.dup(1)
    sys.stdout.flush()
    os.dup2(2, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # C has its own buffer
        os.dup2(kept, 1)
        os.close(kept)


def _reaching(call: Callable[[], _T]) -> _T:
    """Return the result of ``call``. Every exception except Refused becomes _OutOfReach."""
    try:
        return call()
    except Refused:
        raise
    except Exception as error:  # bindings of another version raise many types
        raise _OutOfReach from error


def _submit_by_bindings(bindings: ModuleType, settings: Mapping[str, str]) -> str:
    schedd, job = _reaching(lambda: (_schedd(bindings, settings), _dagman_job(bindings)))
    try:
        return str(schedd.submit(job).cluster())
    except Exception as error:  # the bindings raise RuntimeError, OSError and their own classes
        if "connect to schedd" in str(error):
            raise _OutOfReach from error
        raise refuse("scheduler", f"HTCondor did not accept the workflow: {_last_line(str(error))}") from error


def _dagman_job(bindings: ModuleType) -> Any:
    job = bindings.Submit.from_dag(DAG_FILE, {"batch-name": Path.cwd().name})
    if "MY.SendCredential" in job:  # condor_submit does this itself
        _store_ticket(bindings)
    return job


def _store_ticket(bindings: ModuleType) -> None:
    """Store the user's ticket in the credd.

    The bindings (25.14) can run the site's producer, but they store only two bytes of its output.
    """
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


def _submit_by_tool(settings: Mapping[str, str]) -> str:
    # The bindings may have tried before and written their submit file.
    words = ("-update_submit", "-batch-name", Path.cwd().name, DAG_FILE)
    answer = _tool("condor_submit_dag", *words, settings=settings)
    found = re.search(r"submitted to cluster (\d+)", answer)
    if found is None:
        raise refuse("scheduler", f"condor_submit_dag printed no job id: {_last_line(answer)}")
    return found[1]


def _tool(name: str, *arguments: str, tolerate: str = "", settings: Mapping[str, str] = MappingProxyType({})) -> str:
    environment = {**os.environ, **settings}
    words = [name, *arguments]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_TIMEOUT, check=False, env=environment)
    except FileNotFoundError:
        hint = "run this on a machine that submits to HTCondor."
        raise refuse("missing-tool", f"{name} is not installed here.", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise refuse("scheduler", f"{name} got no answer from the schedd in {_TIMEOUT} s.") from None
    if done.returncode != 0 and not (tolerate and tolerate in done.stdout + done.stderr):
        raise refuse("scheduler", f"{name} failed: {_error(done.stderr or done.stdout)}")
    return done.stdout


def _error(text: str) -> str:
    """Return the line that begins with "Error", or the last line. HTCondor may print an explanation after the error."""
    found = re.search(r"^Error: *(.+)", text, re.MULTILINE)
    return found[1].strip() if found else _last_line(text)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


def _queued_job(ad: Mapping[str, Any], run: Path, ending: Collection[int]) -> QueuedJob:
    state = JobState.ENDING if ad.get(_DAGMAN) in ending else _STATES.get(int(ad["JobStatus"]), JobState.UNKNOWN)
    node = _node(str(ad.get("DAGNodeName", "")))
    job = f"{ad['ClusterId']}.{ad['ProcId']}"
    return QueuedJob(
        id=job,
        step=layout.part_path(run, Path(ad["Iwd"])) + node[0] if node else "",
        chunks=range(node[1], node[1] + 1) if node else range(0),
        state=state,
        reason=_REASONS[state](ad, job) if state in _REASONS else "",
        lacks=_LACKS.get(_hold_code(ad), "") if state is JobState.HELD else "",
    )


def _hold_code(ad: Mapping[str, Any]) -> int:
    """Return why a job is held. Pools without cgroups limit memory by their policy."""
    code = int(ad.get("HoldReasonCode", 0))
    return _MEMORY if code == _POLICY and "memory" in ad.get("HoldReason", "") else code


def _hold_reason(ad: Mapping[str, Any], job: str) -> str:
    code, told = _hold_code(ad), ad.get("HoldReason", "")
    plain, cure = _HOLD_CODES.get(code, ("held", _RELEASE))
    text = f" ({_last_line(told).rstrip('.')})" if told else ""
    return f"{plain}{text}; {cure.format(id=job)}"


def _evictions(ad: Mapping[str, Any], _job: str) -> str:
    """Return why a job could not start or was evicted repeatedly. Empty otherwise."""
    starts, told = int(ad.get("NumShadowStarts", 0)), _last_line(ad.get("VacateReason", "")).rstrip(".")
    if int(ad.get("VacateReasonCode", _FIRST_VACATE_CODE)) < _FIRST_VACATE_CODE:
        times = "once" if starts < 2 else f"{starts} times"
        return f"tried {times}, but its worker could not start it ({told}); HTCondor will try again"
    if starts < _MANY_STARTS:
        return ""
    text = f" ({told})" if "VacateReason" in ad else ""
    return f"started {starts} times, and evicted from its worker before it ended{text}; if this goes on, stop the run"


def _rejection(ad: Mapping[str, Any], job: str) -> str:
    """Return why an idle job does not run. Empty if HTCondor gives no reason."""
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
    """Return why the last jobs of nodes did not end by themselves, by step and chunk.

    The source is DAGMan's log of its nodes, which remains after the jobs have left the queue.
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
    """Return the jobs that were ended after their work, and the errors in DAGMan's logs."""
    run, ended = Run(directory), endings(directory)
    done = (
        f"{step.label} ({step.origin}): {ALL_DONE} ({ended[step.name, chunk]})."
        for step in run.manifest.steps
        for chunk in run.records(step).done_chunks()
        if (step.name, chunk) in ended
    )
    return "\n".join((*done, _log_errors(directory))).rstrip()


def _log_errors(directory: Path) -> str:
    """Return the last errors in DAGMan's log, or the output of DAGMan without a log."""
    lines = tail(directory / f"{DAG_FILE}.dagman.out", _LOG_LINES).splitlines()
    errors = [_STAMP.sub("", line) for line in lines if _ERROR.search(line)]
    return "\n".join(errors[-_MOST_ERRORS:]) or tail(directory / f"{DAG_FILE}.lib.err", _MOST_ERRORS)


def _events(log: Path, *, heads: bool = False) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the number, job and further lines of each event. ``heads`` includes its first line."""
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
                    yield head[1], head[2], lines if heads else lines[1:]
                lines = []


def _refused(log: Path) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield the nodes that the schedd refused, with the reason. DAGMan may try a node several times."""
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
    """Return the step and chunk of a node. None if the node is itself a DAG."""
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
        return f"removed by hand by {by_hand[1]}"
    if "OtherJobRemoveRequirements" in text:
        return "removed together with the run"
    # Our own periodic_remove tests the time only. The second text is that of CERN.
    if "PeriodicRemove" in text or "wall time exceeded" in text:
        return "removed because it reached its time limit"
    return f"removed by HTCondor ({text.rstrip('.')})"


# The number of lines that are read from the end of DAGMan's log, and of errors that are shown.
_LOG_LINES, _MOST_ERRORS = 200, 5
_ERROR = re.compile(r"(?:^|\s)(?:ERROR|EXCEPT|FATAL)\b|\bAborting\b|^\S+ \S+ Failed to ")
_STAMP = re.compile(r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d ")
_EVENT = re.compile(r"(\d{3}) \(([\d.]+)\) ")
_EVENTS: dict[str, Callable[[str], str]] = {
    "005": _why_terminated,
    "009": _why_aborted,
    "012": lambda text: f"held ({text})",
}


# --- what works here -----------------------------------------------------------------------------


def examine(_site: Site, needed: bool) -> Iterator[Finding]:
    """Yield whether HTCondor's tools, schedd and bindings work here."""
    version = output("condor_version")
    cure = "log in to a machine that submits to HTCondor, such as lxplus."
    yield finding("HTCondor tools", version is not None, needed, first_line(version), cure)
    if version is not None:
        answer = output("condor_q", "-totals")
        note = "the schedd answers" if answer is not None else "the schedd does not answer"
        cure = "look at condor_q; is your ticket valid (klist)?"
        yield finding("HTCondor schedd", answer is not None, needed, note, cure)
    there = importlib.util.find_spec("htcondor2") is not None
    note = "installed" if there else "not installed; HTCondor's tools are used instead"
    yield finding("HTCondor bindings", there, False, note, "")


DRIVER = Driver(
    place=place,
    submit=submit,
    trace=trace,
    query=query,
    cancel=cancel,
    release=release,
    endings=endings,
    last_words=last_words,
    examine=examine,
    starts_clean=lambda _directory, _folder: True,  # the user's environment is in a file if jobs get it
    on_worker=on_worker,
    requests=Requests("job.sub", with_requests, SETTINGS, alter),
    sessions=session_jobs(_tool, _settings, _query),
    logs=(f"{DAG_FILE}.dagman.out",),
    left_behind=("workflow.dag.",),
)
