"""What of this machine and site works: schedulers, container runtime, CVMFS, limits, credentials, each with a cure.

Every check looks once, for a few seconds at most, and changes nothing.
"""

from __future__ import annotations

import importlib.util
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from reana_batch import secrets
from reana_batch.site import Site

_TIMEOUT = 10  # seconds
_LITTLE_SPACE = 1024**3  # bytes
_FEW_FILES = 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``state`` is ok, missing (the site needs it) or absent (it does not)."""

    subject: str
    state: str
    note: str
    cure: str = ""


def examine(site: Site, runs: Path) -> Iterator[Finding]:
    """Yield what works here for ``site``, with runs below ``runs``."""
    for check in (_shell, _make, _htcondor, _bindings, _slurm, _containers, _cvmfs, _limits):
        yield from check(site)
    yield _runs(runs)
    yield from _credentials(site)


def _finding(subject: str, good: bool, needed: bool, note: str, cure: str) -> Finding:
    if good:
        return Finding(subject, "ok", note)
    return Finding(subject, "missing" if needed else "absent", note, cure if needed else "")


def _output(*command: str) -> str | None:
    """Return what a tool prints, or None if it is not there, fails, or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _first_line(text: str | None) -> str:
    return text.splitlines()[0] if text else "not found"


def _shell(site: Site) -> Iterator[Finding]:
    del site
    version = _output("bash", "-c", 'echo "$BASH_VERSION"') or "0"
    modern = tuple(map(int, re.findall(r"\d+", version)[:2])) >= (4, 4)
    yield _finding("bash", modern, True, version, "install bash 4.4 or newer.")


def _make(site: Site) -> Iterator[Finding]:
    version = _output("make", "--version")
    good = version is not None and version.startswith("GNU Make")
    yield _finding("GNU make", good, site.backend == "make", _first_line(version), "install make.")


def _htcondor(site: Site) -> Iterator[Finding]:
    needed = site.backend == "htcondor"
    version = _output("condor_version")
    cure = "log in to a machine that submits to HTCondor, such as lxplus."
    yield _finding("HTCondor tools", version is not None, needed, _first_line(version), cure)
    if version is not None:
        answer = _output("condor_q", "-totals")
        note = "the schedd answers" if answer is not None else "the schedd does not answer"
        yield _finding(
            "HTCondor schedd", answer is not None, needed, note, "look at condor_q; is your ticket valid (klist)?"
        )


def _bindings(site: Site) -> Iterator[Finding]:
    there = importlib.util.find_spec("htcondor2") is not None
    note = "installed" if there else "not installed; HTCondor's tools are used instead"
    yield _finding("HTCondor bindings", there, False, note, "")
    del site


def _slurm(site: Site) -> Iterator[Finding]:
    needed = site.backend == "slurm"
    version = _output("sbatch", "--version")
    cure = "log in to a machine that submits to Slurm."
    yield _finding("Slurm tools", version is not None, needed, _first_line(version), cure)
    if version is None:
        return
    config = _output("scontrol", "show", "config")
    yield _finding("slurmctld", config is not None, needed, _first_line(_output("scontrol", "ping")), "ask your site.")
    sizes = re.search(r"^MaxArraySize\s*=\s*(\d+)", config or "", re.MULTILINE)
    if sizes:
        good = int(sizes[1]) >= site.slurm.max_array_size
        note = f"MaxArraySize is {sizes[1]}, the profile says {site.slurm.max_array_size}"
        yield _finding("Slurm arrays", good, needed, note, f"set slurm.max_array_size to {sizes[1]}.")
    yield _pyslurm(site)


def _pyslurm(site: Site) -> Finding:
    """Ask the process that would hand jobs in: importing pyslurm may end a process."""
    with resources.as_file(resources.files("reana_batch.templates") / "slurm/pyslurm_sbatch.py") as helper:
        command = [site.slurm.pyslurm_python or sys.executable, str(helper)]
        try:
            done = subprocess.run(command, input="", capture_output=True, text=True, timeout=_TIMEOUT, check=False)
            good, note = done.returncode == 0, (done.stderr + done.stdout).strip().rpartition("\n")[2]
        except (OSError, subprocess.TimeoutExpired) as error:
            good, note = False, str(error)
    needed = site.backend == "slurm" and site.slurm.submission == "pyslurm"
    cure = "install the pyslurm of this Slurm, or set slurm.submission to sbatch."
    return _finding("pyslurm", good, needed, note.removeprefix("ready, "), cure)


def _containers(site: Site) -> Iterator[Finding]:
    version = _output("apptainer", "--version")
    needed = site.container_runtime == "apptainer"
    cure = "install apptainer, or choose container_runtime: none."
    yield _finding("apptainer", version is not None, needed, _first_line(version), cure)


def _cvmfs(site: Site) -> Iterator[Finding]:
    root = site.unpacked_images or "/cvmfs"
    there = os.path.isdir(root)
    note = f"{root} is {'there' if there else 'not there'}"
    if not there and os.path.isdir("/cvmfs"):
        note += ", though /cvmfs is"
    cure = "mount it; without it, images are pulled from their registries."
    yield _finding("CVMFS", there, site.unpacked_images is not None, note, cure)


def _limits(site: Site) -> Iterator[Finding]:
    del site
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield _finding("open files", files >= _FEW_FILES, True, f"at most {files:,}", "raise it: ulimit -n 4096")


def _runs(runs: Path) -> Finding:
    nearest = next(path for path in (runs, *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    good = os.access(nearest, os.W_OK) and free > _LITTLE_SPACE
    note = f"{runs}, {free / 1024**3:,.1f} GiB free"
    return _finding("runs", good, True, note, "choose a directory with room by --runs or REANA_BATCH_RUNS.")


def _credentials(site: Site) -> Iterator[Finding]:
    """Look at what steps with kerberos, voms_proxy or rucio would need; nothing of it is needed by the others."""
    kept = secrets.store(site.credentials.secrets)
    found = list(kept.secrets())
    faults = [f"{secret.name} {fault}" for secret in found if (fault := kept.fault(secret))]
    note = faults[0] if faults else f"{len(found)} in {kept.directory}"
    yield _finding("secrets", not faults, True, note, "add it again: reana-batch secrets-add --overwrite")
    tools = {"kerberos": ("kinit", "Kerberos tools"), "voms_proxy": ("voms-proxy-init", "VOMS tools")}
    for hint, (tool, what) in {**tools, "rucio": ("rucio", "Rucio client")}.items():
        path = shutil.which(tool)
        yield _finding(what, path is not None, False, path or f"no {tool}; steps with {hint} need it", "")
    ticket = _output("klist", "-s") is not None
    sent = site.backend == "htcondor" and site.htcondor.send_credential
    note = "none, and the site sends it with each job" if sent else "none; keytabs need none"
    yield _finding("Kerberos ticket", ticket, sent, "valid" if ticket else note, "run kinit.")
    authorities = [path for path in site.credentials.ca_certificates if os.path.exists(path)]
    missing = f"none of {', '.join(site.credentials.ca_certificates)}"
    yield _finding("CA certificates", bool(authorities), False, authorities[0] if authorities else missing, "")
