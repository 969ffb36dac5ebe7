"""`doctor --probe`: a small job of the site's batch system looks at the worker on which it runs.

This machine and the job each write a file and read that of the other, in a directory below that of the runs.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reana_batch import backends, files, layout
from reana_batch.backends.drivers import SingleJobs
from reana_batch.credentials import CREDENTIALS
from reana_batch.credentials.record import AtHand
from reana_batch.diagnostics import Refused
from reana_batch.findings import LITTLE_SPACE, Finding, clock, finding
from reana_batch.lifecycle.single import ASK, LOOK, ended_by_signals, leave_queue, uninterrupted, write_folder
from reana_batch.run.queue import JobState, QueuedJob
from reana_batch.run.small_files import names_in, tail
from reana_batch.site import Site
from reana_batch.version import __version__
from reana_batch.writing.probe import FACTS, LOG, images_of, probe_files, python_of

WORKER = "worker"
DEFAULT_PATIENCE = 300  # seconds
_SECONDS = 300  # the time limit of the job, which needs two
# The seconds in which the files of an ended job have to appear here.
_GRACE = 10
_MODERN = (4, 4)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the job wrote, and two times of this machine: before its submission, and when its file was read."""

    facts: Mapping[str, str]
    since: float
    until: float


@dataclass
class _Probe:
    """A job that looks at its worker, from its submission to its end."""

    site: Site
    jobs: SingleJobs
    folder: Path
    token: str
    job: str = ""
    asked: float = 0

    def submit(self) -> None:
        site = self.site
        tests = {name: at_hand.sent for name, at_hand in _sent(site).items()}
        script = (*probe_files(site, self.token, os.environ, tests), *self.jobs.files(site, "probe", _SECONDS))
        write_folder(self.folder, script)
        self.asked = time.time()
        self.job = self.jobs.submit(self.folder, {})

    def read(self) -> _Seen | None:
        """Return what the job wrote, if it is there. Listing the folder makes a network file system ask its server."""
        if FACTS not in set(names_in(self.folder)):
            return None
        lines = files.read_text(self.folder / FACTS).splitlines()
        facts = dict(line.split("=", 1) for line in lines if "=" in line)
        return _Seen(facts, self.asked, time.time())

    def leave(self) -> str:
        """Cancel the job if it is in the queue, and delete its folder. Return what is left, or an empty text."""
        left = ""
        if self.job:
            try:
                gone = leave_queue(self.jobs, self.folder, self.job, {})
                left = "" if gone else f"job {self.job} is still ending"
            except Refused as refused:
                left = f"job {self.job} could not be cancelled: {refused}"
        shutil.rmtree(self.folder.parents[1], ignore_errors=True)
        return left


def probe(site: Site, runs: Path, patience: float, changed: Callable[[str], None]) -> Iterator[Finding]:
    """Yield what a job finds on a worker of the site. The first finding says whether it found anything.

    The job is awaited for ``patience`` seconds and cancelled then, or at an interrupt. ``changed`` is called with
    its state in words.
    """
    jobs = backends.driver(site.backend).single
    if jobs is None:
        title = backends.lowering(site.backend).TARGET.title
        yield finding(WORKER, None, True, f"not looked at: {title} starts no such jobs", "")
        return
    is_new = not runs.exists()
    try:
        files.make_private(runs)
        folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=runs)).absolute() / layout.SESSIONS / "probe"
        yield from _look(_Probe(site, jobs, folder, secrets.token_hex(16)), runs, patience, changed)
    except OSError as error:
        yield finding(WORKER, None, True, f"not looked at: {error.filename or runs}: {error.strerror}", "")
    finally:
        if is_new:
            with contextlib.suppress(OSError):
                runs.rmdir()


def _sent(site: Site) -> Mapping[str, AtHand]:
    """Return the credentials that the batch system of the site sends with each job, by name."""
    if not backends.lowering(site.backend).target(site).forwards_tickets:
        return {}
    return {name: each.at_hand for name, each in CREDENTIALS.items() if each.at_hand and each.at_hand.sent}


def _look(job: _Probe, runs: Path, patience: float, changed: Callable[[str], None]) -> Iterator[Finding]:
    """Submit the job, and yield what it found. Whatever happens, it does not stay in the queue."""
    found: list[Finding] = []
    try:
        with ended_by_signals():
            job.submit()
            found += _await(job, runs, patience, changed)
    except Refused as refused:
        cure = next((str(each.hint) for each in refused.diagnostics if each.hint), "")
        # A scheduler that accepted the job may answer again.
        found.append(finding(WORKER, None if job.job else False, True, str(refused), cure))
    finally:
        with uninterrupted():
            left = job.leave()
    yield from found
    if left:
        yield finding("job of the probe", None, True, left, "look at the queue, and cancel it.")


def _await(job: _Probe, runs: Path, patience: float, changed: Callable[[str], None]) -> Iterator[Finding]:
    """Yield what the job found, or why it has found nothing."""
    end = time.monotonic() + patience
    next_question, told = 0.0, None
    while True:
        seen, now = job.read(), time.monotonic()
        if seen is not None:
            yield from _findings(job, seen, runs)
            return
        if now >= min(next_question, end):
            queued, next_question = job.jobs.query(job.folder, job.job, {}), now + ASK
            verdict = _verdict(job, queued, runs, now >= end, patience)
            if verdict is not None:
                yield from verdict
                return
            words = _in_words(queued)
            if words != told:
                changed(words)
                told = words
        time.sleep(LOOK)


def _verdict(job: _Probe, queued: QueuedJob | None, runs: Path, late: bool, patience: float) -> list[Finding] | None:
    """Return the findings if nothing more is to be expected of the job, else None."""
    if queued is None or queued.state is JobState.ENDED:
        return list(_ended(job, queued, runs))
    if queued.state is JobState.HELD:
        return [finding(WORKER, False, True, f"its job is held: {queued.reason}", "")]
    if late:
        why = f": {queued.reason}" if queued.reason else ""
        cure = "wait longer with --timeout, or look at the queue."
        return [
            finding(WORKER, None, True, f"its job was still {queued.state.value} after {patience:,.0f} s{why}", cure)
        ]
    return None


def _in_words(queued: QueuedJob | None) -> str:
    assert queued is not None
    state = {JobState.RUNNING: "runs", JobState.WAITING: "waits in the queue"}.get(queued.state, queued.state.value)
    return f"The job of the probe {state}" + (f": {queued.reason}." if queued.reason else ".")


def _ended(job: _Probe, queued: QueuedJob | None, runs: Path) -> Iterator[Finding]:
    """Yield what an ended job found. Its files may appear here a little later."""
    end = time.monotonic() + _GRACE
    while (seen := job.read()) is None:
        if time.monotonic() > end:
            log = tail(job.folder / LOG, 1)
            why = (queued.reason if queued else "") or log
            yield finding(
                WORKER, False, True, f"its job {job.job} ended without an answer" + (f": {why}" if why else ""), ""
            )
            if not _setting(job.site):
                note = f"nothing that the job wrote in {runs} is seen here"
                cure = "choose a directory that workers share with --runs or REANA_BATCH_RUNS."
                yield finding("shared directory", None if log else False, True, note, cure)
            return
        time.sleep(LOOK)
    yield from _findings(job, seen, runs)


# --- what the job found ---------------------------------------------------------------------------


def _findings(job: _Probe, seen: _Seen, runs: Path) -> Iterator[Finding]:
    facts, site = seen.facts, job.site
    here = f"on {facts.get('host') or 'the worker'}"
    yield finding(WORKER, True, True, f"{facts.get('host')}, after {seen.until - seen.since:,.0f} s", "")
    yield _files(job, facts, runs, here)
    bash = facts.get("bash", "")
    modern = tuple(map(int, re.findall(r"\d+", bash)[:2])) >= _MODERN
    yield finding("bash of the worker", modern, True, f"{bash} {here}", "ask your site for bash 4.4 or newer.")
    yield _python(facts, python_of(site), here)
    apptainer = facts.get("apptainer", "")
    cure = "ask your site for apptainer, or choose container_runtime: none."
    needed = site.container_runtime == "apptainer"
    note = f"{apptainer or 'none'} {here}"
    yield finding("apptainer of the worker", apptainer != "", needed, note, cure)
    there = facts.get("images") == "yes"
    note = f"{images_of(site)} {'exists' if there else 'does not exist'} {here}"
    cure = "ask your site to mount it; without it, images are pulled from their registries."
    yield finding("CVMFS of the worker", there, site.unpacked_images is not None, note, cure)
    yield _scratch(facts, here)
    for name, at_hand in _sent(site).items():
        good = facts.get(f"sent_{name}") == "yes"
        note = f"{'valid' if good else 'the site sends it, but the job has no valid one,'} {here}"
        yield finding(f"{at_hand.subject} of the worker", good, True, note, at_hand.cure)
    yield _clock(seen)


def _setting(site: Site) -> str:
    """Return the setting with which the batch system sends jobs their files. Empty if workers share a directory."""
    return backends.lowering(site.backend).target(site).sends_files


def _files(job: _Probe, facts: Mapping[str, str], runs: Path, here: str) -> Finding:
    """Return whether the job read the file of this machine. This machine has read that of the job."""
    same = facts.get("token") == job.token
    setting = _setting(job.site)
    if setting:
        note = f"{setting} {'brings files there and back' if same else 'brings no files there'}, {here}"
        return finding("file transfer", same, True, note, f"set {setting} to false if workers share the directory.")
    note = f"{runs} is the same {'' if same else 'name, but not the same directory '}here and {here}"
    return finding("shared directory", same, True, note, "choose another directory with --runs or REANA_BATCH_RUNS.")


def _python(facts: Mapping[str, str], python: str, here: str) -> Finding:
    """Return whether the worker has the Python of expansions and servers, with this version of the program."""
    version, package = facts.get("python", ""), facts.get("package", "")
    good = bool(version) and package == __version__
    note = f"{python}, {version} {here}" if version else f"{python} does not run {here}"
    if version and not good:
        note += f", has reana-batch {package}, not {__version__}" if package else ", has no reana-batch"
    return finding("Python of the worker", good, False, note, "")


def _scratch(facts: Mapping[str, str], here: str) -> Finding:
    """Return whether the job can write to its temporary directory, and whether that has room."""
    subject, room = "scratch of the worker", facts.get("room", "")
    if "scratch" not in facts:
        return finding(subject, None, True, "not known", "")
    note = f"{facts['scratch']}, " + (f"{int(room) / 1024**2:,.1f} GiB free" if room.isdecimal() else "not writable")
    good = room.isdecimal() and int(room) * 1024 > LITTLE_SPACE
    return finding(subject, good, True, f"{note} {here}", "ask your site; jobs keep their temporary files there.")


def _clock(seen: _Seen) -> Finding:
    shown = seen.facts.get("clock", "")
    if not shown.isdecimal():
        return finding("clock of the worker", None, True, "not known", "")
    return clock("clock of the worker", int(shown), seen.since - 1, seen.until)
