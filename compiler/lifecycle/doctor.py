"""Checks of this machine and site: schedulers, container runtime, CVMFS, disks, limits and credentials, with a cure.

Every check runs once, takes a few seconds at most, and leaves nothing behind. A check that cannot be made says so.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from reana_batch import backends, secrets
from reana_batch.credentials import CREDENTIALS
from reana_batch.credentials.record import Credential
from reana_batch.findings import LITTLE_SPACE, Finding, clock, finding, judged, output, told, tool
from reana_batch.lifecycle.probe import WORKER
from reana_batch.lifecycle.quotas import quota
from reana_batch.site import Site
from reana_batch.writing.probe import images_of, python_of

_FEW_FILES = 1024


def examine(site: Site, runs: Path) -> Iterator[Finding]:
    """Yield the result of every check for ``site``, with runs below ``runs``."""
    yield from _shell(site)
    for name in backends.BACKENDS:
        yield from backends.driver(name).examine(site, site.backend == name)
    for check in (_containers, _cvmfs, _python, _limits):
        yield from check(site)
    yield from _disk(runs)
    yield from _credentials(site)


def unseen(site: Site) -> Iterator[Finding]:
    """Yield that no worker was looked at, if the jobs of the site do not run here."""
    if not backends.lowering(site.backend).TARGET.runs_here:
        yield finding(WORKER, None, True, "not looked at", "start a small job on one: reana-batch doctor --probe")


def _shell(_site: Site) -> Iterator[Finding]:
    cure = "install bash 4.4 or newer."
    found = tool("bash", True, cure, "bash", "-c", 'echo "$BASH_VERSION"')
    old = found.state == "ok" and tuple(map(int, re.findall(r"\d+", found.note)[:2])) < (4, 4)
    yield finding("bash", False, True, found.note, cure) if old else found


def _containers(site: Site) -> Iterator[Finding]:
    needed = site.container_runtime == "apptainer"
    cure = "install apptainer, or choose container_runtime: none."
    yield tool("apptainer", needed, cure, "apptainer", "--version")
    if needed:
        yield _image_cache()


def _image_cache() -> Finding:
    """Return whether apptainer can keep the images that it pulls. Jobs use the same directory in the user's home."""
    names = ("APPTAINER_CACHEDIR", "SINGULARITY_CACHEDIR")
    chosen = next((value for name in names if (value := os.environ.get(name))), "~/.apptainer/cache")
    cache = Path(os.path.expanduser(chosen))
    good, free = _room(cache)
    cure = "choose a directory with free space with APPTAINER_CACHEDIR."
    return finding("image cache", good, True, f"{cache}, {free}", cure)


def _cvmfs(site: Site) -> Iterator[Finding]:
    root = images_of(site)
    there = os.path.isdir(root)
    note = f"{root} {'exists' if there else 'does not exist'}"
    if not there and os.path.isdir("/cvmfs"):
        note += ", although /cvmfs does"
    cure = "mount it; without it, images are pulled from their registries."
    yield finding("CVMFS", there, site.unpacked_images is not None, note, cure)


def _limits(_site: Site) -> Iterator[Finding]:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield finding("open files", files >= _FEW_FILES, True, f"at most {files:,}", "raise it: ulimit -n 4096")


def _python(site: Site) -> Iterator[Finding]:
    """Yield whether the Python of expansions and servers works, if the jobs run here."""
    if backends.lowering(site.backend).TARGET.runs_here:
        python = python_of(site)
        version = output(python, "-c", "import reana_batch, sys; print(sys.version.split()[0])")
        note = f"{python}, {version}" if version else f"{python} does not run, or has no reana-batch"
        yield finding(
            "Python of jobs", version is not None, site.python is not None, note, "change the setting python."
        )


def _disk(runs: Path) -> Iterator[Finding]:
    """Yield the space, the quota and the clock of the disk on which runs are, or will be."""
    good, free = _room(runs)
    cure = "choose a directory with free space with --runs or REANA_BATCH_RUNS."
    yield finding("runs", good, True, f"{runs}, {free}", cure)
    yield quota(_nearest(runs))
    yield _clock_of(_nearest(runs))


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest of its parents that exists."""
    return next(each for each in (path, *path.absolute().parents) if each.exists())


def _room(path: Path) -> tuple[bool, str]:
    """Return whether the user can write to a directory that has room, and how much of it."""
    place = _nearest(path)
    state = os.statvfs(place)
    free = state.f_bavail * state.f_frsize
    room = f"{free / 1024**3:,.1f} GiB free"
    # Some file systems do not count files.
    if state.f_files:
        room += f", {state.f_favail:,} more files"
    writable = os.access(place, os.W_OK | os.X_OK)
    good = writable and free > LITTLE_SPACE and (not state.f_files or state.f_favail > _FEW_FILES)
    return good, room if writable else f"{room}, but you cannot write there"


def _clock_of(folder: Path) -> Finding:
    """Return whether the file system gives files the time of this machine. A file without a name is written."""
    subject, began = "clock of the disk", time.time()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"now")
            file.flush()
            os.fsync(file.fileno())
            shown = os.fstat(file.fileno()).st_mtime
    except OSError as error:
        return finding(subject, None, True, f"no file can be written to {folder}: {error.strerror}", "")
    return clock(subject, shown, began, time.time())


def _credentials(site: Site) -> Iterator[Finding]:
    """Yield whether the secrets and tools are there that steps with credentials need."""
    kept = secrets.store(site.credentials.secrets)
    found = list(kept.secrets())
    faults = [f"{secret.name} {fault}" for secret in found if (fault := kept.fault(secret))]
    note = faults[0] if faults else f"{len(found)} in {kept.directory}"
    yield finding("secrets", not faults, True, note, "add it again: reana-batch secrets-add --overwrite")
    for name, credential in CREDENTIALS.items():
        program, what = credential.tool
        path = shutil.which(program) if program else None
        if program:
            yield finding(what, path is not None, False, path or f"no {program}; steps with {name} need it", "")
    sent = backends.lowering(site.backend).target(site).forwards_tickets
    for credential in CREDENTIALS.values():
        yield from _at_hand(credential, sent)
        yield from _one_of(credential, site)


def _at_hand(credential: Credential, sent: bool) -> Iterator[Finding]:
    at_hand = credential.at_hand
    if at_hand is not None:
        none = "none, and the site sends it with each job" if sent else at_hand.note
        there, note = judged(told(*at_hand.command), "valid", none)
        yield finding(at_hand.subject, there, sent, note, at_hand.cure)


def _one_of(credential: Credential, site: Site) -> Iterator[Finding]:
    if credential.one_of is not None:
        paths = credential.one_of.paths(site.credentials)
        there = [path for path in paths if os.path.exists(path)]
        note = there[0] if there else f"none of {', '.join(paths)}"
        yield finding(credential.one_of.subject, bool(there), False, note, "")
