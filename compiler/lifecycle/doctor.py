"""Checks of this machine and site: schedulers, container runtime, CVMFS, limits and credentials, each with a cure.

Every check runs once, takes a few seconds at most, and changes nothing.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from reana_batch import backends, secrets
from reana_batch.credentials import CREDENTIALS
from reana_batch.credentials.record import Credential
from reana_batch.findings import Finding, finding, first_line, output
from reana_batch.site import Site

_LITTLE_SPACE = 1024**3  # bytes
_FEW_FILES = 1024


def examine(site: Site, runs: Path) -> Iterator[Finding]:
    """Yield the result of every check for ``site``, with runs below ``runs``."""
    yield from _shell(site)
    for name in backends.BACKENDS:
        yield from backends.driver(name).examine(site, site.backend == name)
    for check in (_containers, _cvmfs, _limits):
        yield from check(site)
    yield _runs(runs)
    yield from _credentials(site)


def _shell(_site: Site) -> Iterator[Finding]:
    version = output("bash", "-c", 'echo "$BASH_VERSION"') or "0"
    modern = tuple(map(int, re.findall(r"\d+", version)[:2])) >= (4, 4)
    yield finding("bash", modern, True, version, "install bash 4.4 or newer.")


def _containers(site: Site) -> Iterator[Finding]:
    version = output("apptainer", "--version")
    needed = site.container_runtime == "apptainer"
    cure = "install apptainer, or choose container_runtime: none."
    yield finding("apptainer", version is not None, needed, first_line(version), cure)


def _cvmfs(site: Site) -> Iterator[Finding]:
    root = site.unpacked_images or "/cvmfs"
    there = os.path.isdir(root)
    note = f"{root} {'exists' if there else 'does not exist'}"
    if not there and os.path.isdir("/cvmfs"):
        note += ", although /cvmfs does"
    cure = "mount it; without it, images are pulled from their registries."
    yield finding("CVMFS", there, site.unpacked_images is not None, note, cure)


def _limits(_site: Site) -> Iterator[Finding]:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield finding("open files", files >= _FEW_FILES, True, f"at most {files:,}", "raise it: ulimit -n 4096")


def _runs(runs: Path) -> Finding:
    nearest = next(path for path in (runs, *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    good = os.access(nearest, os.W_OK) and free > _LITTLE_SPACE
    note = f"{runs}, {free / 1024**3:,.1f} GiB free"
    return finding("runs", good, True, note, "choose a directory with free space with --runs or REANA_BATCH_RUNS.")


def _credentials(site: Site) -> Iterator[Finding]:
    """Yield whether the secrets and tools are there that steps with credentials need."""
    kept = secrets.store(site.credentials.secrets)
    found = list(kept.secrets())
    faults = [f"{secret.name} {fault}" for secret in found if (fault := kept.fault(secret))]
    note = faults[0] if faults else f"{len(found)} in {kept.directory}"
    yield finding("secrets", not faults, True, note, "add it again: reana-batch secrets-add --overwrite")
    for name, credential in CREDENTIALS.items():
        tool, what = credential.tool
        path = shutil.which(tool) if tool else None
        if tool:
            yield finding(what, path is not None, False, path or f"no {tool}; steps with {name} need it", "")
    sent = backends.lowering(site.backend).target(site).forwards_tickets
    for credential in CREDENTIALS.values():
        yield from _at_hand(credential, sent)
        yield from _one_of(credential, site)


def _at_hand(credential: Credential, sent: bool) -> Iterator[Finding]:
    at_hand = credential.at_hand
    if at_hand is not None:
        there = output(*at_hand.command) is not None
        note = "none, and the site sends it with each job" if sent else at_hand.note
        yield finding(at_hand.subject, there, sent, "valid" if there else note, at_hand.cure)


def _one_of(credential: Credential, site: Site) -> Iterator[Finding]:
    if credential.one_of is not None:
        paths = credential.one_of.paths(site.credentials)
        there = [path for path in paths if os.path.exists(path)]
        note = there[0] if there else f"none of {', '.join(paths)}"
        yield finding(credential.one_of.subject, bool(there), False, note, "")
