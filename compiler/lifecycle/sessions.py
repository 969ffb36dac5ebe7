"""Sessions of a run: opening and closing, and their state from their records and from the schedulers."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from reana_batch import backends, files
from reana_batch.backends.drivers import SingleJobs
from reana_batch.diagnostics import Diagnostics, Refused, refuse
from reana_batch.lifecycle.single import ASK, LOOK, leave_queue, write_folder
from reana_batch.lifecycle.status import silence_of
from reana_batch.run.lock import locked
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, QueuedJob, Submission
from reana_batch.run.run_json import read_record
from reana_batch.run.sessions import Session, folder_of, note_session, read_session, read_sessions
from reana_batch.run.steps import named
from reana_batch.site import Site
from reana_batch.writing.sessions import KINDS, SessionFacts, kept_environment, session_files, session_library

LOGIN = "login"  # where a session is that is not a job of the batch system
DEFAULT_SECONDS = 4 * 3600
# The states of a session. In those of ACTIVE, its job is in a queue or runs.
WAITING, STARTING, OPEN, ENDED, FAILED, UNKNOWN = "waiting", "starting", "open", "ended", "failed", "unknown"
ACTIVE = (WAITING, STARTING, OPEN, UNKNOWN)
_LOST = "its job is gone: it was cancelled, or its time was over"


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """The state of a session, and why it is not open."""

    run: Path
    session: Session
    state: str
    reason: str = ""
    silence: Refused | None = None  # why its batch system or machine did not answer

    @property
    def is_here(self) -> bool:
        """Whether its server is on a machine where users log in, and not on a worker."""
        return _runs_here(self.session.backend)

    @property
    def seconds(self) -> int:
        """How long it has been there, from its start or from its request."""
        return max(0, int(time.time() - (self.session.started or self.session.asked)))


def _runs_here(backend: str) -> bool:
    return backends.lowering(backend).TARGET.runs_here


# --- looking -------------------------------------------------------------------------------------


def open_sessions(run: Path) -> list[SessionStatus]:
    """Return the sessions of a run that have not ended, each with its state."""
    found = (look(run, session) for session in read_sessions(run))
    return [each for each in found if each.state in ACTIVE]


def look(run: Path, session: Session) -> SessionStatus:
    """Return the state of a session. Its scheduler is asked unless its job has recorded its end."""
    if session.state in (ENDED, FAILED):
        return SessionStatus(run, session, session.state, session.reason)
    try:
        job = _jobs(session.backend).query(session.folder, session.job, session.place or {}) if session.job else None
    except Refused as refused:
        return SessionStatus(run, session, UNKNOWN, silence=silence_of(refused))
    session = read_session(run, session.kind) or session  # its job may have written more meanwhile
    if session.state in (ENDED, FAILED):  # though its job may be in the queue for a moment longer
        return SessionStatus(run, session, session.state, session.reason)
    if job is not None and job.state is not JobState.ENDED:
        return SessionStatus(run, session, *_of_job(session, job))
    return SessionStatus(run, session, ENDED, (job.reason if job else "") or _LOST)


def _of_job(session: Session, job: QueuedJob) -> tuple[str, str]:
    """Return the state and the reason of a session whose job has not ended."""
    if job.state is JobState.RUNNING:
        return session.state or STARTING, job.reason
    return (session.state if job.state is JobState.ENDING and session.state else WAITING), job.reason


def _jobs(backend: str) -> SingleJobs:
    jobs = backends.driver(backend).single
    if jobs is None:
        title = backends.lowering(backend).TARGET.title
        raise refuse("unsupported", f"{title} starts no sessions.", hint=f"to have it on this machine: --on {LOGIN}")
    return jobs


# --- opening -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks of a session."""

    kind: str = "jupyter"
    on: str | None = None  # LOGIN or batch; None is batch if the run has a batch system
    image: str = ""
    step: str = ""  # whose image to use
    seconds: int | None = None


def open_session(directory: Path, wanted: Wanted) -> tuple[SessionStatus, bool]:
    """Open a session of a run. Return its state, and whether it is new.

    A run has at most one session of each kind. If one is open, it is returned.
    """
    run = Run(directory)
    with locked(directory):
        there = read_session(directory, wanted.kind)
        if there is not None:
            current = look(directory, there)
            if current.state in ACTIVE:
                return current, False
            shutil.rmtree(there.folder)
        session = _start(run, wanted)
    return SessionStatus(directory, session, WAITING), True


def _start(run: Run, wanted: Wanted) -> Session:
    backend = _backend(run, wanted)
    jobs, site = _jobs(backend), _site(run)
    _check_shared(backend, site)
    folder = folder_of(run.directory, wanted.kind)
    facts = _facts(run, wanted, site, here=_runs_here(backend))
    place = {} if _runs_here(backend) else backends.driver(backend).place(run, _last(run))
    session = Session(folder, wanted.kind, backend, time.time(), facts.seconds, place)
    try:
        with files.naming(folder, named=True):
            shutil.rmtree(folder, ignore_errors=True)
            write_folder(folder, (*session_files(facts, site), *jobs.files(site, "session", facts.seconds)))
            library = session_library()
            files.write_whole(run.directory / library.path, "".join(library.text).encode())
            note_session(session)
            session = replace(session, job=jobs.submit(folder, place))
            note_session(session)
    except BaseException:
        if not session.job:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return session


def _last(run: Run) -> Submission:
    return read_record(run.directory).last_submission


def _backend(run: Run, wanted: Wanted) -> str:
    """Return the back end that starts the session: that of the run, or the one that runs on this machine."""
    own = run.manifest.backend
    target = backends.lowering(own).TARGET
    has_jobs = not target.runs_here and backends.driver(own).single is not None
    if wanted.on == LOGIN or (wanted.on is None and not has_jobs):
        return next(each.name for each in backends.targets() if each.runs_here)
    if target.runs_here:
        message = f"{run.directory.name} has no batch system."
        raise refuse("unsupported", message, hint=f"to have the session on this machine: --on {LOGIN}")
    return own


def _check_shared(backend: str, site: Site) -> None:
    """Raise Refused if workers do not see the run directory."""
    setting = backends.lowering(backend).target(site).sends_files
    if setting:
        message = f"A session on a worker needs a shared run directory, but {setting} is on."
        raise refuse("unsupported", message, hint=f"to have the session on this machine: --on {LOGIN}")


def _site(run: Run) -> Site:
    """Return the site for which the run was compiled, with the settings that the user chose then."""
    from reana_batch.reading import sites

    made = read_record(run.directory)
    project = Path(made.spec).parent if made.spec else None
    known = backends.known_settings()
    return sites.resolve(made.site or None, made.settings, project, Diagnostics(), known=known).site


def _facts(run: Run, wanted: Wanted, site: Site, *, here: bool) -> SessionFacts:
    image, kind = _image(run, wanted), KINDS[wanted.kind]
    most = None if here else site.limits.runtime
    if wanted.seconds is not None and most is not None and wanted.seconds > most:
        message = f"The session asks for {wanted.seconds:,} s; {site.name} allows {most:,} s."
        raise refuse("over-limit", message, hint="ask for less with --runtime.")
    return SessionFacts(
        kind,
        secrets.token_hex(24),
        wanted.seconds or min(DEFAULT_SECONDS, most or DEFAULT_SECONDS),
        kind.program if image else shutil.which(kind.program) or kind.program,
        images=_places(image, site),
        # A session on this machine inherits the environment, and an image has its own.
        environment=() if image or here else kept_environment(dict(os.environ)),
    )


def _image(run: Run, wanted: Wanted) -> str:
    """Return the image of a session. Empty if it has the user's own program."""
    if not wanted.step:
        return wanted.image
    [(_, step), *_] = named(list(run.steps()), wanted.step)
    if not step.environment:
        raise refuse("unsupported", f'The step "{wanted.step}" has no image.', hint="name one with --image.")
    return step.environment


def _places(image: str, site: Site) -> tuple[str, ...]:
    from reana_batch.reading import images

    if not image:
        return ()
    try:
        return images.locate(image, site.unpacked_images).candidates
    except images.BadImage as error:
        raise refuse("bad-image", f"{error}.") from None


def await_session(current: SessionStatus, changed: Callable[[SessionStatus], None]) -> SessionStatus:
    """Return the state of a session when it is open, or has ended.

    ``changed`` is called with each new state and each new reason. A reason that has gone is not news.
    """
    asked, told = None, set[tuple[str, str]]()
    while True:
        session = read_session(current.run, current.session.kind) or current.session
        now = time.monotonic()
        if session.state == OPEN or asked is None or now - asked > ASK or session.state in (ENDED, FAILED):
            current, asked = look(current.run, session), now
        if current.state == OPEN or current.state not in ACTIVE:
            return current
        if (current.state, current.reason) not in told:
            told |= {(current.state, current.reason), (current.state, "")}
            changed(current)
        time.sleep(LOOK)


# --- closing -------------------------------------------------------------------------------------


def close_session(directory: Path, kind: str, *, force: bool = False) -> Session:
    """Close a session of a run, and return it. Raises Refused if there is none.

    With ``force``, it counts as closed even if its batch system or machine does not answer.
    """
    Run(directory)
    with locked(directory, disk_may_be_full=True):
        session = read_session(directory, kind)
        if session is None or look(directory, session).state not in ACTIVE:
            if session is not None:
                shutil.rmtree(session.folder)
            message = f"{directory.name} has no open session of {kind}."
            raise refuse("run-state", message, hint=f"to open one: reana-batch open -w {shlex.quote(str(directory))}")
        _close(directory, session, force=force)
    return session


def close_all(directory: Path) -> None:
    """Close the sessions of a run, and delete their folders. The caller holds the lock."""
    for session in read_sessions(directory):
        _close(directory, session)


def _close(directory: Path, session: Session, *, force: bool = False) -> None:
    """Cancel the job of a session, wait until it has left the queue, and delete the session's folder."""
    try:
        _leave_queue(directory, session)
    except Refused as refused:
        if not force:
            raise
        silence_of(refused)
    shutil.rmtree(session.folder)


def _leave_queue(directory: Path, session: Session) -> None:
    if not session.job or session.state in (ENDED, FAILED):
        return  # a job that recorded its end needs no scheduler that answers
    if not leave_queue(_jobs(session.backend), session.folder, session.job, session.place or {}):
        raise refuse("run-state", f"The session of {directory.name} is still ending; try again later.")
