"""Fixtures for real HTCondor and Slurm in the box: the installed project, and a new folder of alice for each test."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.site.box import Box, wheel

ROOT = Path(__file__).resolve().parents[2]
ENDED = ("finished", "failed", "stopped")
# Tests wait this many times longer than a quiet machine needs.
PATIENCE = 4
RUCIO = "https://rucio.site.test:8443"
PASSPHRASE = "alice-pass"
# Alice's secrets: values and files.
SECRETS = {
    "CERN_USER": "alice",
    "CERN_KEYTAB": "alice.keytab",
    "VOMSPROXY_PASS": base64.b64encode(PASSPHRASE.encode()).decode(),
    "VONAME": "escape",
    "RUCIO_USERNAME": "alice",
    "RUCIO_RUCIO_HOST": RUCIO,
    "RUCIO_AUTH_HOST": RUCIO,
    "RUCIO_PASSWORD": "rucio-secret",
}
SECRET_FILES = ("/home/alice/alice.keytab", "/home/alice/.globus/userkey.pem", "/home/alice/.globus/usercert.pem")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """The box with this checkout's wheel installed. It goes down after the last test."""
    made = Box()
    reason = made.unavailable()
    if reason is not None:
        pytest.fail(f"the site in a box is not available: {reason}")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "wheel"
    folder.mkdir(exist_ok=True)
    made.install(f"{wheel(folder)}[charts,cwl,snakemake,yadage]")
    yield made
    if not os.environ.get("REANA_BATCH_KEEP_BOX"):
        made.down()


@pytest.fixture
def box(installed: Box, request: pytest.FixtureRequest) -> Box:
    """The box with the running services that the test's mark ``site`` names. Earlier tests have no effect on it."""
    try:
        installed.up(*(request.node.get_closest_marker("site").args or ("slurm", "condor")))
    except AssertionError as fault:  # a new box failed too, so every other test would fail
        [*_, said] = [line for line in str(fault).splitlines() if "did not come up" in line] or [str(fault)]
        request.session.shouldstop = f"the site is broken: {said}"
        raise
    return installed


PYSLURM_PYTHON = "/opt/venv/pyslurm/bin/python"


@pytest.fixture
def pyslurm(box: Box) -> None:
    """Skip the test if the box does not have the Slurm that pyslurm needs."""
    if not box.path(PYSLURM_PYTHON).is_symlink():
        pytest.skip("LEFT OUT: the box has no pyslurm, because Ubuntu's archive was out of reach when it was built")


def add_secrets(box: Box, **values: str) -> None:
    """Give alice her secrets. These values replace some of them, or are added."""
    values = SECRETS | values
    words = [word for name in values for word in ("--env", name)]
    files = [word for name in SECRET_FILES for word in ("--file", name)]
    box.alice("reana-batch", "secrets-add", "--overwrite", *words, *files, env=values)


def eventually(condition: Callable[[], object], seconds: float = 30, said: Callable[[], object] = str) -> None:
    """Wait until the condition holds. After ``PATIENCE`` times so many seconds, fail with the text of ``said``."""
    end = time.monotonic() + PATIENCE * seconds
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE} times {seconds} s: {said()}"
        time.sleep(0.3)


@dataclass(frozen=True)
class Desk:
    """A folder of alice, and her commands in it."""

    box: Box
    folder: str

    @property
    def path(self) -> Path:
        """Return the path of the folder on the host."""
        return self.box.path(self.folder)

    def write(self, name: str, text: str) -> None:
        """Write a file in the folder."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        self.box.root("chown", "-R", "alice:alice", self.folder)

    def copy(self, source: Path, name: str) -> None:
        """Copy a tree of the host into the folder."""
        subprocess.run(["cp", "-r", str(source), str(self.path / name)], check=True)
        self.box.root("chown", "-R", "alice:alice", self.folder)

    def images(self, *names: str) -> tuple[str, ...]:
        """Make unpacked images with these names of Docker Hub. Return the options that make jobs run in them."""
        for name in names:
            place = f"{self.folder}/unpacked/registry.hub.docker.com/{name}"
            self.box.alice("mkdir", "-p", os.path.dirname(place))
            self.box.alice("ln", "-s", "/cvmfs/unpacked.site.test/images/py", place)
        return "--set", "container_runtime=apptainer", "--set", f"unpacked_images={self.folder}/unpacked"

    def reana_batch(
        self, *words: str, check: bool = True, timeout: float = 480, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line here."""
        return self.box.alice("reana-batch", *words, cwd=self.folder, check=check, timeout=timeout, env=env)

    def run(self, *words: str, name: str = "test") -> str:
        """Submit reana.yaml and return the run's name with its number."""
        answer = self.reana_batch("run", "--runs", "runs", "-w", name, "--json", *words)
        return str(json.loads(answer.stdout)["name"])

    def status(self, name: str) -> dict[str, Any]:
        """Return the answer of ``status --json``."""
        answer = self.reana_batch("status", "--runs", "runs", "-w", name, "--json")
        record: dict[str, Any] = json.loads(answer.stdout)
        return record

    def wait(self, name: str, seconds: float = 120) -> dict[str, Any]:
        """Return the status of the run after it has ended."""
        return self.until(name, lambda record: record["status"] in ENDED, seconds)

    def until(self, name: str, condition: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """Wait for a status that fulfils ``condition``, and return it."""
        end = time.monotonic() + PATIENCE * seconds
        while time.monotonic() < end:
            record = self.status(name)
            if condition(record):
                return record
            time.sleep(0.5)
        raise AssertionError(f"not within {PATIENCE} times {seconds} s: {record}")

    def file(self, name: str) -> str:
        """Return the text of a file in the folder."""
        return (self.path / name).read_text("utf-8")

    def slurm_jobs(self) -> list[str]:
        """Return the name, state and reason of the queued Slurm jobs that were submitted here."""
        jobs = self.box.alice("squeue", "--noheader", "--format=%Z|%j %T %r").stdout.splitlines()
        return [job.rpartition("|")[2] for job in jobs if job.startswith(f"{self.folder}/")]

    def condor_jobs(self) -> list[str]:
        """Return the ids of the clusters in HTCondor's queue that were submitted here, including DAGMan's."""
        return self.box.alice("condor_q", *self._submitted_here, "-af", "ClusterId").stdout.split()

    def change(self, path: str, **replaced: str) -> None:
        """Replace each name in a file by its text."""
        text = self.file(path)
        for name, new in replaced.items():
            assert name in text
            text = text.replace(name, new)
        self.write(path, text)

    def empty_htcondor(self) -> None:
        """Remove the jobs that a failed test left in HTCondor's queue."""
        self.box.alice("condor_rm", *self._submitted_here, check=False)

    @property
    def _submitted_here(self) -> tuple[str, str]:
        return "-constraint", f'regexp("^{self.folder}/", Iwd)'


@pytest.fixture
def desk(box: Box, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A new folder of alice on the shared file system. After the test, jobs that can never start are removed."""
    folder = "/shared/alice/" + re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)
    box.root("rm", "-rf", folder)
    box.alice("mkdir", "-p", folder)
    own = Desk(box, folder)
    yield own
    eventually(lambda: "DependencyNeverSatisfied" not in str(own.slurm_jobs()), 60, own.slurm_jobs)


# The profiles of the two batch systems of a box.
SITES = ("generic-slurm", "generic-htcondor")


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, desk: Desk) -> Iterator[str]:
    """A batch system. Jobs that a failed test left in its queue are removed."""
    yield str(request.param)
    desk.empty_htcondor()
    desk.box.alice("scancel", "--user=alice", check=False)


def serial(*commands: str, **hints: str) -> str:
    """Return a reana.yaml with one step for each command. Every step gets the ``hints``."""
    steps = [
        {"name": f"step{number}", "environment": "docker.io/library/debian:12", "commands": [command], **hints}
        for number, command in enumerate(commands, start=1)
    ]
    # JSON is YAML.
    return json.dumps({"workflow": {"type": "serial", "specification": {"steps": steps}}})
