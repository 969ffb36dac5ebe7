"""What the doctor finds on this machine, whichever programs it has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.credentials import CREDENTIALS
from reana_batch.lifecycle import doctor
from reana_batch.lifecycle.doctor import examine
from reana_batch.site import Site

from .conftest import Desk, environment, said, serial


@pytest.fixture
def bare(desk: Desk) -> dict[str, str]:
    """Return a PATH that has only bash and make."""
    folder = desk.path / "bin"
    folder.mkdir()
    for tool in ("bash", "make"):
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return {"PATH": str(folder)}


def test_for_this_machine_nothing_is_missing(desk: Desk, bare: dict[str, str]) -> None:
    done = desk("doctor", env=bare)
    assert done.stderr == "==> Site local, the default\n"
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["WHAT", "STATE", "FOUND", "CURE"]
    assert lines[1][:2] == ["bash", "ok"]
    answer = desk.json("doctor", "--site", "local")
    assert answer["site"] == "local"
    found = {each["subject"]: each for each in answer["findings"]}
    assert {found[subject]["state"] for subject in ("bash", "GNU make", "open files", "runs")} == {"ok"}
    assert all(set(each) == {"subject", "state", "note", "cure"} for each in answer["findings"])
    assert all(each["state"] in ("ok", "absent") and not each["cure"] for each in answer["findings"])


MISSING = {
    "generic-slurm": {
        "Slurm tools": "log in to a machine that submits to Slurm.",
        "apptainer": "install apptainer, or choose container_runtime: none.",
    },
    "generic-htcondor": {
        "HTCondor tools": "log in to a machine that submits to HTCondor, such as lxplus.",
        "apptainer": "install apptainer, or choose container_runtime: none.",
    },
}


@pytest.mark.parametrize("site", MISSING)
def test_what_a_site_needs_and_this_machine_lacks(desk: Desk, bare: dict[str, str], site: str) -> None:
    done = desk("doctor", "--site", site, "--json", exits=1, env=bare)
    findings = json.loads(done.stdout)["findings"]
    missing = {each["subject"]: each["cure"] for each in findings if each["state"] == "missing"}
    assert missing == MISSING[site]
    text = " ".join(desk("doctor", "--site", site, exits=1, env=bare | {"COLUMNS": "30"}).stdout.split())
    for subject, cure in missing.items():
        assert f"{subject} missing not found {cure}" in text


def test_without_make(desk: Desk, bare: dict[str, str]) -> None:
    (desk.path / "bin/make").unlink()
    done = desk("doctor", exits=1, env=bare | {"COLUMNS": "30"})
    assert "GNU make missing not found install make." in " ".join(done.stdout.split())
    desk.write("reana.yaml", serial("true"))
    lacking = "error: make is not installed. [missing-tool]"
    said(desk("run", "-w", "test", exits=3, env=bare), lacking, "hint: install the package make.")
    assert not (desk.path / "runs").exists()
    desk.run()
    said(desk("restart", "-w", "test", exits=3, env=bare), lacking)
    assert not (desk.path / "runs/test.1.1").exists()


def test_resuming_without_make(desk: Desk, bare: dict[str, str]) -> None:
    (desk.path / "bin/make").unlink()
    desk.write("reana.yaml", serial("false"))
    desk.run(exits=1)
    said(desk("resume", "-w", "test", exits=3, env=bare), "error: make is not installed. [missing-tool]")
    assert desk.state("test") == "failed"


def test_few_open_files(desk: Desk) -> None:
    limited = [
        "bash",
        "-c",
        'ulimit -n 256; exec "$@"',
        "bash",
        sys.executable,
        "-m",
        "reana_batch",
        "doctor",
        "--json",
    ]
    done = subprocess.run(limited, cwd=desk.path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert '"note": "at most 256"' in done.stdout
    assert '"cure": "raise it: ulimit -n 4096"' in done.stdout


def test_runs_that_are_not_there_yet(desk: Desk) -> None:
    answer = desk.json("doctor", "--runs", "not/yet/there")
    [runs] = [each for each in answer["findings"] if each["subject"] == "runs"]
    assert runs["state"] == "ok"
    assert runs["note"].startswith("not/yet/there, ")
    assert not (desk.path / "not").exists()


def test_an_unknown_site(desk: Desk) -> None:
    done = desk("doctor", "--site", "generic-slrm", exits=3)
    said(done, 'error: There is no site profile "generic-slrm". [unknown-site]', "hint: did you mean generic-slurm?")


def finding(site: Site, subject: str) -> tuple[str, str, str]:
    [found] = [each for each in examine(site, Path()) if each.subject == subject]
    return found.state, found.note, found.cure


def test_cvmfs_is_there_where_its_images_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.path.isdir
    monkeypatch.setattr(
        os.path, "isdir", lambda path: path == "/cvmfs" or (path != str(tmp_path / "no") and really(path))
    )
    without = Site(unpacked_images=str(tmp_path / "no"))
    cure = "mount it; without it, images are pulled from their registries."
    assert finding(without, "CVMFS") == ("missing", f"{tmp_path}/no does not exist, although /cvmfs does", cure)
    assert finding(Site(unpacked_images=str(tmp_path)), "CVMFS") == ("ok", f"{tmp_path} exists", "")
    assert finding(Site(), "CVMFS") == ("ok", "/cvmfs exists", "")


def test_a_ticket_that_the_site_sends_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "klist").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "klist").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    sends = Site(backend="htcondor", systems={"htcondor": HTCondorSettings(send_credential=True)})
    told = ("missing", "none, and the site sends it with each job", "run kinit.")
    assert finding(sends, "Kerberos ticket") == told
    assert finding(Site(backend="slurm"), "Kerberos ticket")[0] == "absent"


def test_a_credential_without_a_program_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding(Site(), "Rucio client")
    monkeypatch.setattr(doctor, "CREDENTIALS", {"rucio": replace(CREDENTIALS["rucio"], tool=("", ""))})
    subjects = {each.subject for each in examine(Site(), Path())}
    assert "CA certificates" in subjects
    assert not subjects & {"Rucio client", ""}
