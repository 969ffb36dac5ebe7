"""The life of a run: submitting it, what has become of it, stopping it, starting it again.

What schedulers and the records of jobs say decides where a run is. Its own record, run.json, only helps to ask.
Changing a run takes the lock of its workspace; looking does not. States are REANA's words, and "unknown".
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reana_batch import backends, files, layout
from reana_batch.diagnostics import Refused, refuse
from reana_batch.run.lock import locked
from reana_batch.run.names import next_restart
from reana_batch.run.parts import Failure, OpenExpansion, Run, StepProgress, damaged, read_json
from reana_batch.run.queue import LINGERING, JobState, Queue, Submission, Trace
from reana_batch.writing import credential_files

if TYPE_CHECKING:
    from reana_batch.pipeline import Compilation

RECORD = f"{layout.STATE}/run.json"
# Codes of faults that say that a batch system, or the machine of a run, cannot be asked.
_NO_ANSWER = ("scheduler", "missing-tool")
# How the name of a directory ends that is being made or deleted; it begins with a dot.
_MAKING, _DELETING = ".new", ".deleted"
_LAST_TIME = 253402300800  # the year 10000, in seconds
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Blocked:
    """A step with jobs that did not start: how many, the step that they wait for, and the failed one behind that."""

    step: str
    jobs: int
    waits_for: str
    failed: str


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What has become of a run."""

    run: Run
    state: str  # created, queued, running, finished, failed, stopped, deleted (in part), unknown
    progress: tuple[StepProgress, ...]
    queue: Queue
    record: dict[str, Any]
    failures: tuple[Failure, ...] = ()
    missing_outputs: tuple[str, ...] = field(default=())
    last_words: str = ""  # of what ran the workflow, where no job tells why it failed
    open_expansions: tuple[OpenExpansion, ...] = ()  # what only the rest of the run will tell
    silence: Refused | None = None  # why the batch system did not answer

    @property
    def done(self) -> int:
        return sum(step.done for step in self.progress)

    @property
    def total(self) -> int:
        return sum(step.total for step in self.progress)

    @property
    def keeper(self) -> str:
        """What keeps the workflow going, as messages name it."""
        return backends.backend(self.run.manifest["backend"]).TARGET.keeper

    @property
    def not_started(self) -> int:
        return sum(step.waiting for step in self.progress)

    def blocked(self) -> list[Blocked]:
        """Return the steps of a failed run that have jobs which failures kept from starting."""
        needs = {part.path + step["name"]: (part, step) for part in self.run.parts() for step in part.manifest["steps"]}
        failed = {failure.step for failure in self.failures}
        blocked: dict[str, Blocked] = {}
        for step in self.progress if self.state == "failed" else ():
            part, record = needs[step.name]
            before = [part.path + name for name in record["needs"]]
            causes = {name: name for name in before if name in failed} or {
                name: blocked[name].failed for name in before if name in blocked
            }
            if step.waiting and causes:
                blocked[step.name] = Blocked(step.name, step.waiting, *next(iter(causes.items())))
        return list(blocked.values())


# --- the record of a run -------------------------------------------------------------------------


def read_record(directory: Path) -> dict[str, Any]:
    """Return what was written down when the run was made and submitted."""
    try:
        record = read_json(directory / RECORD)
    except FileNotFoundError:
        return {}
    if not _is_record(record):
        raise damaged(directory / RECORD)
    return record


def _is_record(record: Mapping[str, Any]) -> bool:
    """Return whether a record has the form that the commands count on."""
    ids = record.get("ids", None if record.get("submitted") else [])
    times = (record.get(name) or 0 for name in ("created", "submitted", "stopped", "deleted"))
    return (
        isinstance(ids, list)
        and all(isinstance(each, str) for each in ids)
        and all(type(each) in (int, float) and 0 <= each < _LAST_TIME for each in times)
        and isinstance(record.get("intent") or {}, dict)
        and all(isinstance(record.get(name) or "", str) for name in ("spec", "restarts", "host"))
    )


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


def note_intent(directory: Path, backend: str, place: Mapping[str, str]) -> None:
    """Write down that a batch system is about to be asked to take the run, and which."""
    intent = {"time": time.time(), "host": os.uname().nodename, "backend": backend, **place}
    note(directory, intent=intent, stopped=None)


def note_submission(directory: Path, ids: list[str]) -> None:
    """Write down what the batch system accepted."""
    note(directory, submitted=time.time(), ids=ids, host=os.uname().nodename)


def last_submission(record: Mapping[str, Any]) -> Submission:
    """Return what a run's record says of where it was submitted."""
    intent: dict[str, Any] | None = record.get("intent")
    place = None
    if intent is not None:
        place = {name: str(value) for name, value in intent.items() if name not in ("time", "host", "backend")}
    host = str((intent or record).get("host", ""))
    return Submission(tuple(record.get("ids", ())), host, place)


def created(current: RunStatus) -> str:
    """Return when the run was made, as REANA writes times; empty if nobody wrote it down."""
    seconds = current.record.get("created")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) if seconds else ""


# --- what has become of a run --------------------------------------------------------------------


def status(directory: Path) -> RunStatus:
    """Return what has become of a run, by its records and, unless they tell all, one query."""
    run = Run(directory)
    record = read_record(directory)
    progress, queue, silence = run.progress(), Queue(()), None
    if record.get("deleted"):
        return RunStatus(run, "deleted", tuple(progress), queue, record)
    if run.is_complete(progress):
        missing = tuple(run.missing_outputs())
        return RunStatus(run, "finished", tuple(progress), queue, record, missing_outputs=missing)
    trace = _trace(run, record, progress)
    if trace is not Trace.NONE:
        try:
            progress, queue = _look(run, progress, last_submission(record))
        except Refused as refused:
            silence = _silence(refused)
    state = _state(record, run, progress, queue, trace, silence)
    endings = _endings(run) if state == "failed" else {}
    failures = tuple(run.failures(endings)) if state not in ("created", "queued") else ()
    opened = tuple(run.open_expansions())
    words = ""
    if state == "failed" and not failures:
        words = backends.backend(run.manifest["backend"]).last_words(directory)
    seen = (run, state, tuple(progress), queue, record, failures)
    return RunStatus(*seen, last_words=words, open_expansions=opened, silence=silence)


def known_status(directory: Path) -> RunStatus:
    """Return the status of a run; Refused if its batch system does not say."""
    current = status(directory)
    if current.state == "unknown" and current.silence is not None:
        raise current.silence
    return current


def _silence(refused: Refused) -> Refused:
    """Return the exception if it says that a batch system did not answer, and raise it if it says anything else."""
    if any(fault.code not in _NO_ANSWER for fault in refused.diagnostics.errors):
        raise refused
    return refused


def _trace(run: Run, record: Mapping[str, Any], progress: list[StepProgress]) -> Trace:
    """Return what files say of the run's submission: its record, the batch system's own, and those of its jobs."""
    if record.get("submitted") or any(step.done + step.failed + step.running for step in progress):
        return Trace.ACCEPTED
    asked = Trace.ASKED if record.get("intent") else Trace.NONE
    return max(asked, backends.backend(run.manifest["backend"]).trace(run.directory))


def _look(run: Run, before: list[StepProgress], last: Submission) -> tuple[list[StepProgress], Queue]:
    """Return the progress after one query, and its answer.

    Jobs that ended meanwhile may have submitted others: then an empty queue means nothing, and we ask again.
    """
    while True:
        queue = _query(run, last)
        progress = run.progress()
        if queue.active or progress == before:
            return progress, queue
        before = progress


def _query(run: Run, last: Submission) -> Queue:
    """Return what the batch systems of the run know; of those that steps are handed on to, only if they answer."""
    queues = _queues(run, last)
    queue = queues.pop(run.manifest["backend"])
    for name, other in queues.items():
        queue = queue.joined(other, run.guests[name])
    return queue


def _queues(run: Run, last: Submission) -> dict[str, Queue]:
    """Return what each batch system of the run knows, by its name."""
    own = run.manifest["backend"]
    queues = {own: backends.backend(own).query(run.directory, last)}
    for name in run.guests:
        with contextlib.suppress(Refused):
            queues[name] = backends.backend(name).query(run.directory, Submission())
    return queues


def _endings(run: Run) -> dict[tuple[str, int], str]:
    """Return, by step and chunk, why jobs of an ended run were ended by anything but themselves."""
    backend = backends.backend(run.manifest["backend"])
    return {
        (part.path + step, chunk): reason
        for part in run.parts()
        for (step, chunk), reason in backend.endings(part.directory).items()
    }


def _state(
    record: Mapping[str, Any],
    run: Run,
    progress: list[StepProgress],
    queue: Queue,
    trace: Trace,
    silence: Refused | None,
) -> str:
    if run.is_complete(progress):
        return "finished"
    if queue.alive or (queue.active and not record.get("stopped")):
        started = any(step.done + step.failed + step.running for step in progress)
        runs = any(job.state is JobState.RUNNING and job.step for job in queue.jobs)
        return "running" if started or runs else "queued"
    if record.get("stopped"):
        return "stopped"
    if silence is not None:
        return "unknown"
    return "failed" if trace is Trace.ACCEPTED else "created"


# --- submitting and stopping ---------------------------------------------------------------------


def hand_in(run: Run) -> list[str]:
    """Hand a run to its batch system and return the ids of what was submitted. The caller holds the lock."""
    backend = backends.backend(run.manifest["backend"])
    place = backend.place(run, last_submission(read_record(run.directory)))
    for part in run.parts():
        for name in (layout.BATCH, layout.STATE, layout.LOGS):
            files.remove_links(part.directory / name)  # that jobs of an earlier attempt may have made
    credential_files.hand_on(run.directory)
    note_intent(run.directory, run.manifest["backend"], place)
    ids = backend.submit(run, place)
    note_submission(run.directory, ids)
    return ids


def submit(directory: Path, start: Callable[[Run], _T]) -> _T:
    """Start a compiled run that was not submitted yet, and return what ``start`` returns."""
    run = Run(directory)
    with locked(directory):  # which would make its folder, where there is no run
        current = known_status(directory)
        is_new = current.state == "created" or (not current.total and not current.record.get("submitted"))
        if not is_new and not current.queue.cut_short:
            more = "." if current.state in ("stopped", "failed") else f" and is {current.state}."
            hint = _to_go_on(directory) if current.state in ("stopped", "failed") else ""
            raise refuse("run-state", f"{directory.name} has been submitted already{more}", hint=hint)
        return start(run)


def _to_go_on(directory: Path) -> str:
    return f"to go on: reana-batch resume -w {shlex.quote(str(directory))}"


def submit_part(part: Run) -> None:
    """Hand what an expansion has compiled to the batch system; twice is once.

    Without a lock, for the job that does this can be ended at any time.
    """
    backends.backend(part.manifest["backend"]).submit_part(part)


def stop(directory: Path, *, force: bool = False) -> None:
    """Take a run out of its batch system; Refused if it is not there.

    With ``force`` a run counts as stopped also where nobody answers for it, such as a machine that has died.
    """
    run = Run(directory)
    with locked(directory):
        silent = _NO_ANSWER if force else ()
        try:
            _check_active(directory)
            cancel(run)
        except Refused as refused:
            if not force:
                raise
            _silence(refused)
            # The user's word counts from now on. A machine or scheduler that is no more is not asked again.
            note(directory, ids=[], intent={"host": os.uname().nodename})
            (directory / layout.MAKE_HOSTS).unlink(missing_ok=True)
        note(directory, stopped=time.time())
        for name in run.guests:  # where their system's tools are not at hand, the nodes do it alone
            with _tolerating("missing-tool", *silent):
                backends.backend(name).cancel(directory, Submission())


def cancel(run: Run) -> None:
    """Cancel the jobs of a run in its own batch system, where it was submitted last."""
    last = last_submission(read_record(run.directory))
    backends.backend(run.manifest["backend"]).cancel(run.directory, last)


def _leave_queue(ended: Run) -> None:
    """Cancel what is left in the queue of an ended run, and wait until it is gone; Refused where nobody answers.

    Jobs that are being cancelled may still write into the workspace. And of Slurm's finalisers, the one that has to
    take the others away finds nothing of a deleted run.
    """
    record = read_record(ended.directory)
    if _trace(ended, record, ended.progress()) is Trace.NONE:
        return
    last, end = last_submission(record), time.monotonic() + LINGERING
    while left := [name for name, queue in _queues(ended, last).items() if queue.active]:
        if time.monotonic() > end:
            raise refuse("run-state", f"Jobs of {ended.directory.name} are still ending; try again later.")
        for name in left:
            backends.backend(name).cancel(ended.directory, last)
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
    state = known_status(directory).state
    if state not in ("queued", "running"):
        raise refuse("run-state", f"{directory.name} is {state}; only a queued or running run can be stopped.")


def check_needs(part: Run, expansion: str) -> None:
    """Raise Refused unless all jobs are done that an expansion of this part waits for."""
    steps = {step["name"]: step for step in part.manifest["steps"]}
    for need in steps.get(expansion, {"needs": ()})["needs"]:
        progress = part.step_progress(steps[need])
        if progress.done < progress.total:
            message = f"{expansion} waits for {need}: {progress.done:,} of its {progress.total:,} jobs are done."
            raise refuse("run-state", message)


def _check_resumable(directory: Path) -> None:
    """Raise Refused unless the run has ended or its submission was cut short, and no other uses its workspace."""
    current = known_status(directory)
    tried = current.state == "created" and current.record.get("intent")
    if current.state not in ("failed", "stopped") and not current.queue.cut_short and not tried:
        hint = f"to start it: reana-batch submit {shlex.quote(str(directory))}" if current.state == "created" else ""
        message = f"{directory.name} is {current.state}; only a failed or stopped run can be resumed."
        raise refuse("run-state", message, hint=hint)
    _check_workspace_free(directory)


def resume(directory: Path, start: Callable[[Run], _T]) -> _T:
    """Start again, in its own directory, a run that failed or was stopped; finished jobs are not run again."""
    run = Run(directory)
    with locked(directory):
        _check_resumable(directory)
        _leave_queue(run)
        _mark_restarted(run)
        return start(run)


def _mark_restarted(run: Run) -> None:
    """Let the jobs that are done stay done when the run is submitted again."""
    for part in run.parts():
        files.write_whole(part.directory / layout.RESTARTED, b"")


def release(directory: Path) -> list[str]:
    """Let the held jobs of a run go, and return their ids: none if nothing is held that can be let go.

    Of a submission that was cut short nothing is let go: the rest of it is missing.
    """
    with locked(directory):
        current = status(directory)
        if not current.queue.held or current.queue.cut_short:
            return []
        # Each system its own jobs: the same id may be somebody else's job in the other.
        last = last_submission(current.record)
        held = {name: queue.held for name, queue in _queues(current.run, last).items() if queue.held}
        return [job for name, jobs in held.items() for job in backends.backend(name).release(directory, last, jobs)]


# --- deleting and replacing ----------------------------------------------------------------------


def delete(directory: Path) -> None:
    """Delete a run with its workspace; Refused while it is queued or running."""
    run = Run(directory)
    with locked(directory, disk_may_be_full=True):
        _check_deletable(directory)
        try:
            files.demand_removable(directory)
            if not directory.is_symlink():  # which is refused below
                with _tolerating(*_NO_ANSWER):  # a run can be deleted where its batch system is no more
                    _leave_queue(run)
                credential_files.withdraw(directory)
            _remove(directory)
        except OSError as error:
            path = Path(error.filename or directory)
            if path != directory and not path.parent.name:  # rmtree names what it cannot delete by its last part alone
                path = Path(directory.name, path)
            hint = _rest_of(directory, error)
            raise refuse("cannot-write", f"{path}: {error.strerror or error}.", hint=hint) from error


def _rest_of(directory: Path, error: OSError) -> str:
    """Return the hint that says what a deletion that failed has left."""
    name = shlex.quote(str(directory))
    if not directory.exists():
        return f"the run is deleted; nothing of it is left but {_unnamed(directory, _DELETING)}."
    if not read_record(directory).get("deleted"):
        cure = f"; where you may, chmod -R u+rwX {name}, and delete it again" * (error.errno == errno.EACCES)
        return f"nothing was deleted{cure}."
    return f"{directory.name} is deleted in part; for the rest, when the cause is gone: reana-batch delete -w {name}"


def _check_deletable(directory: Path) -> None:
    state = known_status(directory).state
    if state in ("queued", "running"):
        message = f"{directory.name} is {state}; stop it first."
        raise refuse("run-state", message, hint=f"reana-batch stop -w {shlex.quote(str(directory))}")
    sharing = [path.name for path in _sharing(directory)]
    if sharing and not (directory / layout.WORKSPACE).is_symlink():
        works = "works" if len(sharing) == 1 else "work"
        raise refuse("run-state", f"{', '.join(sharing)} {works} in the workspace of {directory.name}.")


def _remove(directory: Path) -> None:
    """Delete a run: it loses its name first, so that no half of it is left if we are ended meanwhile.

    If something cannot be deleted, it gets its name back, and its record says that it is deleted in part.
    """
    import shutil

    if directory.is_symlink():
        shutil.rmtree(directory)  # which says why not
    _sweep(directory, _DELETING)
    unnamed = _unnamed(directory, _DELETING)
    directory.rename(unnamed)
    try:
        for path in _but_for_the_record(unnamed):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.rmtree(unnamed)
    except OSError:
        if not (unnamed / layout.MANIFEST).exists():
            raise
        with contextlib.suppress(OSError, Refused):  # a full disk is a reason to delete, and so it is not noted before
            (unnamed / layout.STATE).mkdir(mode=0o700, exist_ok=True)
            note(unnamed, deleted=time.time())
        unnamed.rename(directory)
        raise


def _but_for_the_record(directory: Path) -> list[Path]:
    """Return what to delete first of a run: everything except its manifest and its record."""
    kept = {directory / layout.MANIFEST, directory / RECORD}
    folders = (directory, *{path.parent for path in kept})
    return [path for folder in folders for path in folder.iterdir() if path not in kept and path not in folders]


def _unnamed(directory: Path, ending: str) -> Path:
    """Return where a directory is made or deleted that is called ``directory`` before or afterwards."""
    return directory.with_name(f".{directory.name}{ending}")


def _sweep(directory: Path, ending: str) -> None:
    """Delete what a command left that was ended while it made or deleted ``directory``. The caller holds the lock."""
    import shutil

    left = _unnamed(directory, ending)
    if left.is_dir():
        shutil.rmtree(left)


def check_replaceable(directory: Path) -> None:
    """Raise Refused if the run in ``directory`` is live, if its scheduler cannot say, or if others use its workspace.

    What is still ending of a run is waited for.
    """
    current = known_status(directory)
    if current.state in ("queued", "running"):
        message = f"{directory.name} is {current.state}; it cannot be replaced."
        raise refuse("run-state", message, hint=f"stop it first: reana-batch stop -w {shlex.quote(str(directory))}")
    sharing = [path.name for path in _sharing(directory)]
    if sharing:
        raise refuse("run-state", f"{directory.name} shares its workspace with {', '.join(sharing)}.")
    with _tolerating(*_NO_ANSWER):
        _leave_queue(current.run)


def _sharing(directory: Path) -> list[Path]:
    """Return the other runs in the same workspace: the run and its restarts have one."""
    own = (directory / layout.WORKSPACE).resolve()
    family = ".".join(directory.name.split(".")[:2])
    found = sorted(directory.absolute().parent.glob(f"{glob.escape(family)}*/{layout.WORKSPACE}"))
    return [path.parent for path in found if path.parent.name != directory.name and path.resolve() == own]


def check_ended(directory: Path) -> None:
    """Raise Refused unless the run has ended, and so has all that runs in its workspace."""
    current = known_status(directory)
    if current.state not in ("finished", "failed", "stopped") and not current.queue.cut_short:
        message = f"{directory.name} is {current.state}; only a run that has ended can be restarted."
        raise refuse("run-state", message)
    _check_guests_gone(Run(directory))
    _check_workspace_free(directory)


def _check_guests_gone(run: Run) -> None:
    """Raise Refused while jobs that were handed on are still ending; in the same run, their nodes wait for that."""
    for name in run.guests:
        queue = backends.backend(name).query(run.directory, Submission())
        jobs = [job for job in queue.jobs if job.state is not JobState.ENDED]
        if jobs:
            message = f"Jobs of {run.directory.name} are still in the queue ({jobs[0].id})."
            raise refuse("run-state", message, hint="they are being cancelled; try again in a moment.")


def _check_workspace_free(directory: Path) -> None:
    for other in _sharing(directory):
        current = known_status(other)
        if current.state in ("queued", "running"):
            raise refuse("run-state", f"{other.name} is {current.state}, in the workspace of {directory.name}.")
        if current.queue.active:
            message = f"Jobs of {other.name} are still ending, in the workspace of {directory.name}."
            raise refuse("run-state", message, hint="try again in a moment.")


# --- starting again ------------------------------------------------------------------------------


def restart(directory: Path, start: Callable[[Run], _T]) -> tuple[Path, int, _T]:
    """Go on where ``directory`` ended, in a new run: return it, how many of its jobs are done, and what starts it."""
    run = Run(directory)
    with locked(directory):
        check_ended(directory)
        _leave_queue(run)
        new = next_restart(directory)
        done = copy_run(run, new)
        try:
            return new, done, start(Run(new))
        except (OSError, Refused):
            _forget(new)
            raise


def _forget(new: Path) -> None:
    """Delete a restart that its batch system refused; without a clear answer it stays."""
    current = status(new)
    if current.silence is None and not current.queue.active:
        credential_files.withdraw(new)
        _remove(new)  # its workspace is a link, which is not followed


def copy_run(run: Run, new: Path) -> int:
    """Make ``new`` a run that goes on where ``run`` ended; return how many jobs are done already.

    Both share the workspace, as in REANA; the batch files and the records of finished jobs are copied.
    """
    _sweep(new, _MAKING)
    unnamed = _unnamed(new, _MAKING)
    try:
        done = _fill_restart(run, new, unnamed)
        unnamed.rename(new)
    except BaseException:
        _sweep(new, _MAKING)
        raise
    return done


def _fill_restart(run: Run, new: Path, unnamed: Path) -> int:
    """Make in ``unnamed`` the run that will be called ``new``; return how many jobs are done already."""
    unnamed.mkdir(mode=0o700)
    workspace = os.path.relpath((run.directory / layout.WORKSPACE).resolve(), new.resolve())
    done = 0
    for part in run.parts():
        target = unnamed / part.directory.relative_to(run.directory)
        done += _copy_part(part, target)
        for name in layout.SHARED if target != unnamed else ():
            (target / name).symlink_to(Path("../..") / name)
    (unnamed / layout.WORKSPACE).symlink_to(workspace)
    spec = read_record(run.directory).get("spec", "")
    # It was made to be submitted: if that is cut short, resume does it.
    note(unnamed, created=time.time(), spec=spec, restarts=run.directory.name, intent={"time": time.time()})
    _mark_restarted(Run(unnamed))
    return done


def _copy_part(part: Run, target: Path) -> int:
    """Copy the batch files and the records of finished jobs; return how many there are."""
    batch = part.directory / layout.BATCH
    names = (path for path, _ in files.walk(batch) if not path.startswith(layout.MADE_BY_DAGMAN))
    files.copy_tree(batch, target / layout.BATCH, names)
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
            with files.naming(new / folder / record.name):
                (new / folder / record.name).write_bytes(files.read_regular(record))
            count += 1
    return count
