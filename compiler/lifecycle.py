"""The life of a run: submitting it, what has become of it, stopping it, starting it again.

A run's directory holds all that is known of it. Changing it takes the run's lock; looking does not.
States are REANA's words.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reana_batch import backends, credentials, files, layout
from reana_batch.diagnostics import Refused, refuse
from reana_batch.jobqueue import LINGERING, JobState, Queue
from reana_batch.lock import locked
from reana_batch.runstate import Failure, OpenExpansion, Run, StepProgress, damaged, read_json

if TYPE_CHECKING:
    from reana_batch.pipeline import Compilation

RECORD = f"{layout.STATE}/run.json"
# Codes of faults that say that a batch system, or the machine of a run, cannot be asked.
_NO_ANSWER = ("scheduler", "missing-tool")


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What has become of a run."""

    run: Run
    state: str  # created, queued, running, finished, failed, stopped
    progress: tuple[StepProgress, ...]
    queue: Queue
    record: dict[str, Any]
    failures: tuple[Failure, ...] = ()
    missing_outputs: tuple[str, ...] = field(default=())
    last_words: str = ""  # of what ran the workflow, where no job tells why it failed
    open_expansions: tuple[OpenExpansion, ...] = ()  # what only the rest of the run will tell

    @property
    def done(self) -> int:
        return sum(step.done for step in self.progress)

    @property
    def total(self) -> int:
        return sum(step.total for step in self.progress)

    @property
    def not_started(self) -> int:
        return sum(step.waiting for step in self.progress)


# --- the record of a run -------------------------------------------------------------------------


def read_record(directory: Path) -> dict[str, Any]:
    """Return what was written down when the run was made and submitted."""
    try:
        record = read_json(directory / RECORD)
    except FileNotFoundError:
        return {}
    if record.get("submitted") and not isinstance(record.get("ids"), list):
        raise damaged(directory / RECORD)
    return record


def note(directory: Path, **facts: Any) -> None:
    """Add facts to the record of a run; the file is complete or as it was."""
    record = read_record(directory) | facts
    try:
        files.write_whole(directory / RECORD, f"{json.dumps(record, indent=1)}\n".encode())
    except OSError as error:
        raise refuse("cannot-write", f"{directory / RECORD} cannot be written: {error.strerror}.") from error


def note_creation(directory: Path, compilation: Compilation) -> None:
    """Write down when, and from which analysis, the run was made."""
    spec = compilation.spec.path if compilation.spec else ""
    note(directory, created=time.time(), spec=str(spec))


def created(current: RunStatus) -> str:
    """Return when the run was made, as REANA writes times; empty if nobody wrote it down."""
    seconds = current.record.get("created")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) if seconds else ""


# --- submitting and stopping ---------------------------------------------------------------------


def submit(directory: Path) -> list[str]:
    """Hand a compiled run to its batch system and return the ids of what was submitted."""
    run = Run(directory)
    with locked(directory):  # which would make its folder, where there is no run
        if read_record(directory).get("submitted"):
            raise refuse("run-state", f"{directory.name} has been submitted already.")
        return _hand_in(run)


def _hand_in(run: Run) -> list[str]:
    for part in run.parts():
        for name in (layout.BATCH, layout.STATE, layout.LOGS):
            files.remove_links(part.directory / name)  # that jobs of an earlier attempt may have made
    credentials.hand_on(run.directory)
    ids = backends.backend(run.manifest["backend"]).submit(run)
    note(run.directory, submitted=time.time(), stopped=None, ids=ids, host=os.uname().nodename)
    return ids


def submit_part(part: Run) -> None:
    """Hand what an expansion has compiled to the batch system; twice is once.

    Without a lock, for the job that does this can be ended at any time.
    """
    backends.backend(part.manifest["backend"]).submit_part(part)


def stop(directory: Path, *, force: bool = False) -> None:
    """Take a run out of its batch system; Refused if it is not there.

    With ``force`` a run counts as stopped also where nobody answers for it, such as a machine that has died.
    """
    with locked(directory):
        run, ids = Run(directory), read_record(directory).get("ids", [])
        silence = _NO_ANSWER if force else ()
        with _tolerating(*silence):
            _check_active(directory)
        with _tolerating(*silence):
            backends.backend(run.manifest["backend"]).cancel(directory, ids)
        note(directory, stopped=time.time())
        for name in run.guests:  # where their system's tools are not at hand, the nodes do it alone
            with _tolerating("missing-tool", *silence):
                backends.backend(name).cancel(directory, [])


def _leave_queue(ended: Run) -> None:
    """Cancel what is left in the queue of an ended run, and wait until it is gone; Refused where nobody answers.

    Jobs that are being cancelled may still write into the workspace. And of Slurm's finalisers, the one that has to
    take the others away finds nothing of a deleted run.
    """
    ids = read_record(ended.directory).get("ids", [])
    end = time.monotonic() + LINGERING
    while ids and (left := [name for name, queue in _queues(ended, ids).items() if queue.active]):
        if time.monotonic() > end:
            raise refuse("run-state", f"Jobs of {ended.directory.name} are still ending; try again later.")
        for name in left:
            backends.backend(name).cancel(ended.directory, ids)
        time.sleep(2)


@contextlib.contextmanager
def _tolerating(*codes: str) -> Iterator[None]:
    """Let Refused through, unless all of its faults have these codes."""
    try:
        yield
    except Refused as refused:
        if any(fault.code not in codes for fault in refused.diagnostics.errors):
            raise


def _check_active(directory: Path) -> None:
    state = status(directory).state
    if state not in ("queued", "running"):
        raise refuse("run-state", f"{directory.name} is {state}; only a queued or running run can be stopped.")


def status(directory: Path) -> RunStatus:
    """Return what has become of a run, by its records and, unless they tell all, one query."""
    run = Run(directory)
    record = read_record(directory)
    progress = run.progress()
    queue = Queue(())
    if run.is_complete(progress):
        missing = tuple(run.missing_outputs())
        return RunStatus(run, "finished", tuple(progress), queue, record, missing_outputs=missing)
    if record.get("submitted") and not record.get("stopped"):
        progress, queue = _look(run, progress, record["ids"])
    state = _state(record, run, progress, queue)
    endings = _endings(run) if state == "failed" else {}
    failures = tuple(run.failures(endings)) if state not in ("created", "queued") else ()
    opened = tuple(run.open_expansions())
    if state == "failed" and not failures:
        words = backends.backend(run.manifest["backend"]).last_words(directory)
        return RunStatus(run, state, tuple(progress), queue, record, last_words=words, open_expansions=opened)
    return RunStatus(run, state, tuple(progress), queue, record, failures, open_expansions=opened)


def _look(run: Run, before: list[StepProgress], ids: list[str]) -> tuple[list[StepProgress], Queue]:
    """Return the progress after one query, and its answer.

    Jobs that ended meanwhile may have submitted others: then an empty queue means nothing, and we ask again.
    """
    while True:
        queue = _query(run, ids)
        progress = run.progress()
        if queue.active or progress == before:
            return progress, queue
        before = progress


def _query(run: Run, ids: list[str]) -> Queue:
    """Return what the batch systems of the run know; of those that steps are handed on to, only if they answer."""
    queues = _queues(run, ids)
    queue = queues.pop(run.manifest["backend"])
    for name, other in queues.items():
        queue = queue.joined(other, run.guests[name])
    return queue


def _queues(run: Run, ids: list[str]) -> dict[str, Queue]:
    """Return what each batch system of the run knows, by its name."""
    own = run.manifest["backend"]
    queues = {own: backends.backend(own).query(run.directory, ids)}
    for name in run.guests:
        with contextlib.suppress(Refused):
            queues[name] = backends.backend(name).query(run.directory, [])
    return queues


def _endings(run: Run) -> dict[tuple[str, int], str]:
    """Return, by step and chunk, why jobs of an ended run were ended by anything but themselves."""
    backend = backends.backend(run.manifest["backend"])
    return {
        (part.path + step, chunk): reason
        for part in run.parts()
        for (step, chunk), reason in backend.endings(part.directory).items()
    }


def _state(record: dict[str, Any], run: Run, progress: list[StepProgress], queue: Queue) -> str:
    if not record.get("submitted"):
        return "created"
    if record.get("stopped"):
        return "stopped"
    if run.is_complete(progress):
        return "finished"
    if not queue.active:
        return "failed"
    started = any(step.done + step.failed + step.running for step in progress)
    return "running" if started or any(job.state is JobState.RUNNING and job.step for job in queue.jobs) else "queued"


def check_needs(part: Run, expansion: str) -> None:
    """Raise Refused unless all jobs are done that an expansion of this part waits for."""
    steps = {step["name"]: step for step in part.manifest["steps"]}
    for need in steps.get(expansion, {"needs": ()})["needs"]:
        progress = part.step_progress(steps[need])
        if progress.done < progress.total:
            message = f"{expansion} waits for {need}: {progress.done:,} of its {progress.total:,} jobs are done."
            raise refuse("run-state", message)


def check_resumable(directory: Path) -> None:
    """Raise Refused unless the run has failed or was stopped, and no restart runs in its workspace."""
    state = status(directory).state
    if state not in ("failed", "stopped"):
        raise refuse("run-state", f"{directory.name} is {state}; only a failed or stopped run can be resumed.")
    _check_workspace_free(directory)


def resume(directory: Path) -> list[str]:
    """Submit again, in its own directory, a run that failed or was stopped; finished jobs are not run again."""
    with locked(directory):
        check_resumable(directory)
        run = Run(directory)
        _leave_queue(run)
        _mark_restarted(run)
        return _hand_in(run)


def _mark_restarted(run: Run) -> None:
    """Let the jobs that are done stay done when the run is submitted again."""
    for part in run.parts():
        files.write_whole(part.directory / layout.STATE / "restarted", b"")


def release(directory: Path) -> list[str]:
    """Let the held jobs of a run go, and return their ids: none if nothing is held that can be let go."""
    with locked(directory):
        current = status(directory)
        if not current.queue.held:
            return []
        # Each system its own jobs: the same id may be somebody else's job in the other.
        queues = _queues(current.run, current.record["ids"])
        held = {name: queue.held for name, queue in queues.items() if queue.held}
        return [job for name, jobs in held.items() for job in backends.backend(name).release(directory, jobs)]


def delete(directory: Path) -> None:
    """Delete a run with its workspace; Refused while it is queued or running."""
    import shutil

    current = status(directory)
    if current.state in ("queued", "running"):
        message = f"{directory.name} is {current.state}; stop it first."
        raise refuse("run-state", message, hint=f"reana-batch stop -w {directory.name}")
    sharing = [path.name for path in _sharing(directory)]
    if sharing and not (directory / layout.WORKSPACE).is_symlink():
        works = "works" if len(sharing) == 1 else "work"
        raise refuse("run-state", f"{', '.join(sharing)} {works} in the workspace of {directory.name}.")
    try:
        if not directory.is_symlink():  # which is refused below
            with _tolerating(*_NO_ANSWER):  # a run can be deleted where its batch system is no more
                _leave_queue(current.run)
            credentials.withdraw(directory)
        shutil.rmtree(directory)
    except OSError as error:
        # rmtree names what it cannot delete by its last part alone.
        path = directory if error.filename is None else Path(directory.name, error.filename)
        raise refuse("cannot-write", f"{path}: {error.strerror or error}.") from error


def check_replaceable(directory: Path) -> None:
    """Raise Refused if the run in ``directory`` is live, if its scheduler cannot say, or if others use its workspace."""
    state = status(directory).state
    if state in ("queued", "running"):
        message = f"{directory.name} is {state}; it cannot be replaced."
        raise refuse("run-state", message, hint=f"stop it first: reana-batch stop -w {shlex.quote(str(directory))}")
    sharing = [path.name for path in _sharing(directory)]
    if sharing:
        raise refuse("run-state", f"{directory.name} shares its workspace with {', '.join(sharing)}.")


def _sharing(directory: Path) -> list[Path]:
    """Return the other runs in the same workspace: the run and its restarts have one."""
    own = (directory / layout.WORKSPACE).resolve()
    family = ".".join(directory.name.split(".")[:2])
    found = sorted(directory.absolute().parent.glob(f"{glob.escape(family)}*/{layout.WORKSPACE}"))
    return [path.parent for path in found if path.parent.name != directory.name and path.resolve() == own]


def check_ended(directory: Path) -> None:
    """Raise Refused unless the run has ended, and so has all that runs in its workspace."""
    state = status(directory).state
    if state not in ("finished", "failed", "stopped"):
        message = f"{directory.name} is {state}; only a run that has ended can be restarted."
        raise refuse("run-state", message)
    _check_guests_gone(Run(directory))
    _check_workspace_free(directory)


def _check_guests_gone(run: Run) -> None:
    """Raise Refused while jobs that were handed on are still ending; in the same run, their nodes wait for that."""
    for name in run.guests:
        jobs = [job for job in backends.backend(name).query(run.directory, []).jobs if job.state is not JobState.ENDED]
        if jobs:
            message = f"Jobs of {run.directory.name} are still in the queue ({jobs[0].id})."
            raise refuse("run-state", message, hint="they are being cancelled; try again in a moment.")


def _check_workspace_free(directory: Path) -> None:
    for other in _sharing(directory):
        state = status(other).state
        if state in ("queued", "running"):
            raise refuse("run-state", f"{other.name} is {state}, in the workspace of {directory.name}.")


# --- starting again ------------------------------------------------------------------------------


def restart(directory: Path, new: Path) -> int:
    """Make ``new`` a run that goes on where ``directory`` ended; return how many jobs are done already.

    Both share the workspace, as in REANA; the batch files and the records of finished jobs are copied.
    """
    workspace = os.path.relpath((directory / layout.WORKSPACE).resolve(), new.resolve())
    done = 0
    for part in Run(directory).parts():
        target = new / part.directory.relative_to(directory)
        done += _copy_part(part, target)
        for name in layout.SHARED if target != new else ():
            (target / name).symlink_to(Path("../..") / name)
    (new / layout.WORKSPACE).symlink_to(workspace)
    note(new, created=time.time(), spec=read_record(directory).get("spec", ""), restarts=directory.name)
    _mark_restarted(Run(new))
    return done


def _copy_part(part: Run, target: Path) -> int:
    """Copy the batch files and the records of finished jobs; return how many there are."""
    import shutil

    made_by_dagman = shutil.ignore_patterns("workflow.dag.*")
    shutil.copytree(part.directory / layout.BATCH, target / layout.BATCH, symlinks=True, ignore=made_by_dagman)
    for name in (layout.STATE, layout.LOGS):
        (target / name).mkdir(mode=0o700)
    for expansion in part.expansions:  # DAGMan starts in the folder, also of what is not compiled yet
        (target / layout.expansion_folder(expansion["name"])).mkdir(mode=0o700, parents=True)
    return sum(_inherit(step, part.directory, target) for step in part.manifest["steps"])


def _inherit(step: dict[str, Any], old: Path, new: Path) -> int:
    """Copy the records of a step's finished jobs into the new run and return how many there are."""
    count = 0
    chunks = -(-step["rows"] // step["chunk_size"])
    for shard in {*layout.row_folders(step["rows"]), *layout.row_folders(chunks)}:
        for kind in (layout.LOGS, layout.STATE):
            (new / kind / step["folder"] / shard).mkdir(parents=True, exist_ok=True)
        folder = Path(layout.STATE) / step["folder"] / shard
        for record in (old / folder).glob("*.done"):
            (new / folder / record.name).write_bytes(files.read_regular(record))
            count += 1
    return count
