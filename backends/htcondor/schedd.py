"""The driver of HTCondor: it submits a DAG to a schedd, queries the schedd, and removes the DAG.

It uses the bindings of the ``htcondor`` package if they are installed and reach the schedd. Otherwise it uses
HTCondor's command-line tools, with the same answers. Nothing here waits or queries in a loop.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from reana_batch import layout
from reana_batch.backends.drivers import Driver, Requests
from reana_batch.backends.htcondor import interactive, tools
from reana_batch.backends.htcondor.accounts import accounts
from reana_batch.backends.htcondor.endings import endings, last_words
from reana_batch.backends.htcondor.events import events
from reana_batch.backends.htcondor.examination import examine
from reana_batch.backends.htcondor.jobs import jobs_where
from reana_batch.backends.htcondor.nodes import DAG_FILE, SHIP, VERDICT, expansion_node
from reana_batch.backends.htcondor.requests import SETTINGS, attributes, with_requests
from reana_batch.backends.htcondor.single import SINGLE
from reana_batch.diagnostics import refuse
from reana_batch.run.parts import Run
from reana_batch.run.queue import Queue, QueuedJob, Submission, Trace

# --- submitting ----------------------------------------------------------------------------------


def place(run: Run, last: Submission) -> Mapping[str, str]:
    """Return the schedd and pool of the run, or this machine's."""
    if (run.directory / SHIP).exists() and (run.directory / layout.WORKSPACE).is_symlink():
        message = "HTCondor does not transfer a directory that is a link, such as the workspace of a restarted run."
        hint = "use reana-batch resume, which continues in the same run."
        raise refuse("unsupported", message, hint=hint)
    return last.place or tools.default_place()


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
    settings = tools.variables_of(place)
    with contextlib.chdir(directory):
        return tools.by_either(
            lambda bindings: _submit_by_bindings(bindings, settings), lambda: _submit_by_tool(settings)
        )


# --- asking it -----------------------------------------------------------------------------------


def query(directory: Path, last: Submission) -> Queue:
    """Return the jobs of the DAG, its nodes and its expansions, with one query.

    Without a place, the user submitted the DAG by hand, to this machine's schedd or another one. Then HTCondor's log
    of the DAG is read too. Raises Refused if DAGMan still runs according to the log, but its schedd does not know it.
    """
    return _find(directory, last.place)[1]


def _find(directory: Path, place: Mapping[str, str] | None) -> tuple[Mapping[str, str], Queue]:
    """Return the settings for the schedd of a run, and the jobs that it knows."""
    settings, of_run = tools.variables_of(place), _of_run(directory)
    queue = jobs_where(of_run, settings, directory)
    open_dagman = _open_dagman(directory) if place is None and not queue.jobs else None
    if open_dagman is None:
        return settings, queue
    job, address = open_dagman
    # The log has the address of the schedd. The collector knows its name, unless the schedd has been restarted since.
    names = tools.tool("condor_status", "-schedd", "-constraint", f"MyAddress == {json.dumps(address)}", "-af", "Name")
    if names.strip():
        settings = {tools.VARIABLES["schedd"]: names.split()[0]}
        queue = jobs_where(of_run, settings, directory)
    if queue.jobs:
        return settings, queue
    host = found[1] if (found := re.search(r"alias=([^&>]+)", address)) else address
    message = f"This machine's schedd does not know DAGMan's job {job}, which was submitted on {host}."
    hint = "run the command there, or set _CONDOR_SCHEDD_HOST to the name of its schedd."
    raise refuse("scheduler", message, hint=hint)


def _settings_of(directory: Path, last: Submission) -> Mapping[str, str]:
    """Return the settings for the schedd of a run."""
    return _find(directory, None)[0] if last.place is None else tools.variables_of(last.place)


def _open_dagman(directory: Path) -> tuple[str, str] | None:
    """Return the running DAGMan job in HTCondor's log, and the address of its schedd.

    None if all DAGMan jobs have ended.
    """
    found = None
    for number, job, lines in events(directory / f"{DAG_FILE}.dagman.log", heads=True):
        if number == "000":
            address = re.search(r"<.*>", lines[0])
            found = (job, address[0] if address else "")
        elif number in ("005", "009"):
            found = None
    return found


def check_gone(place: Mapping[str, str], *directories: Path) -> None:
    """Raise Refused if jobs from these directories are still in the queue."""
    jobs = jobs_where(" || ".join(_of_run(each, expands=True) for each in directories), tools.variables_of(place)).jobs
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


def cancel(directory: Path, last: Submission) -> None:
    """Remove the DAG in ``directory`` and its nodes. Jobs that are not there any more are ignored."""
    settings = _settings_of(directory, last)
    constraint = _of_run(directory)

    def by_bindings(bindings: ModuleType) -> None:
        tools.reaching(lambda: tools.schedd(bindings, settings).act(bindings.JobAction.Remove, constraint))

    def by_tool() -> None:
        tools.tool("condor_rm", "-constraint", constraint, tolerate="Couldn't find", settings=settings)

    tools.by_either(by_bindings, by_tool)


def release(directory: Path, last: Submission, held: list[QueuedJob]) -> list[str]:
    """Release held jobs of a run and return their ids. Jobs that are not held any more are ignored."""
    settings, jobs = _settings_of(directory, last), [job.id for job in held]

    def by_bindings(bindings: ModuleType) -> None:
        tools.reaching(lambda: tools.schedd(bindings, settings).act(bindings.JobAction.Release, jobs))

    tools.by_either(by_bindings, lambda: tools.tool("condor_release", *jobs, tolerate="not found", settings=settings))
    return jobs


def alter(directory: Path, last: Submission, jobs: Sequence[QueuedJob], asked: Mapping[str, int | str]) -> None:
    """Change what jobs in the queue ask for."""
    settings = _settings_of(directory, last)
    clusters = ", ".join(sorted({job.id.partition(".")[0] for job in jobs}))
    constraint = f"member(ClusterId, {{{clusters}}})"

    changed = attributes(asked)

    def by_bindings(bindings: ModuleType) -> None:
        def edit() -> None:
            schedd = tools.schedd(bindings, settings)
            for change in changed.items():
                schedd.edit(constraint, *change)

        tools.reaching(edit)

    def by_tool() -> None:
        words = [word for pair in changed.items() for word in pair]
        tools.tool("condor_qedit", "-constraint", constraint, *words, settings=settings)

    if changed:
        tools.by_either(by_bindings, by_tool)


def on_worker(directory: Path, folder: str, words: Sequence[str], last: Submission) -> int:
    """Run a command in a job like those of a step, and return its exit code. The job is removed at the end."""
    if (directory / SHIP).exists():
        message = "Jobs on workers do not see the run directory, because htcondor.file_transfer is on."
        raise refuse("unsupported", message, hint="leave out --on-worker.")
    settings, directory = _settings_of(directory, last), directory.resolve()
    with contextlib.chdir(directory):
        job = tools.tool(*interactive.submission(directory, folder), settings=settings).split()[0]
    environment = os.environ | settings | interactive.terminal(there_is_one=sys.stdin.isatty())
    try:
        done = subprocess.run(interactive.joining(job, directory, words), env=environment, check=False)
    finally:
        tools.tool("condor_rm", job, tolerate="not found", settings=settings)
    return done.returncode


def _submit_by_bindings(bindings: ModuleType, settings: Mapping[str, str]) -> str:
    schedd, job = tools.reaching(lambda: (tools.schedd(bindings, settings), _dagman_job(bindings)))
    try:
        return str(schedd.submit(job).cluster())
    except Exception as error:  # the bindings raise RuntimeError, OSError and their own classes
        if "connect to schedd" in str(error):
            raise tools.OutOfReach from error
        raise refuse("scheduler", f"HTCondor did not accept the workflow: {tools.last_line(str(error))}") from error


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
        said = tools.last_line(made.stderr.decode("utf-8", "replace")).rstrip(".")
        raise refuse("credential", f"HTCondor gets no ticket: {producer} says: {said}.", hint="run kinit.")
    bindings.Credd().add_user_cred(bindings.CredType.Kerberos, made.stdout)


def _submit_by_tool(settings: Mapping[str, str]) -> str:
    # The bindings may have tried before and written their submit file.
    words = ("-update_submit", "-batch-name", Path.cwd().name, DAG_FILE)
    answer = tools.tool("condor_submit_dag", *words, settings=settings)
    found = re.search(r"submitted to cluster (\d+)", answer)
    if found is None:
        raise refuse("scheduler", f"condor_submit_dag printed no job id: {tools.last_line(answer)}")
    return found[1]


DRIVER = Driver(
    place=place,
    submit=submit,
    trace=trace,
    query=query,
    cancel=cancel,
    release=release,
    accounts=accounts,
    endings=endings,
    last_words=last_words,
    examine=examine,
    starts_clean=lambda _directory, _folder: True,  # the user's environment is in a file if jobs get it
    on_worker=on_worker,
    requests=Requests("job.sub", with_requests, SETTINGS, alter),
    single=SINGLE,
    logs=(f"{DAG_FILE}.dagman.out",),
    left_behind=("workflow.dag.",),
)
