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
    assert all(each["state"] in ("ok", "absent", "unknown") and not each["cure"] for each in answer["findings"])
    assert found["Python of jobs"]["state"] == "ok"
    assert found["clock of the disk"]["note"] == "agrees with this machine within 5 s"
    assert "worker" not in found


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


def test_a_probe_of_this_machine(desk: Desk, bare: dict[str, str]) -> None:
    answer = desk.json("doctor", "--probe")
    found = {each["subject"]: each["state"] for each in answer["findings"]}
    assert {found[subject] for subject in ("worker", "shared directory", "Python of the worker")} == {"ok"}
    assert not (desk.path / "runs").exists()
    answer = json.loads(desk("doctor", "--probe", "--site", "generic-slurm", "--json", exits=1, env=bare).stdout)
    [worker] = [each for each in answer["findings"] if each["subject"] == "worker"]
    assert (worker["state"], worker["note"]) == ("missing", "sbatch is not installed here.")
    said(desk("doctor", "--timeout", "5m", exits=2), "Error: --timeout needs --probe.")
    said(
        desk("doctor", "--probe", "--timeout", "soon", exits=2),
        'Error: --timeout must be seconds, or a time such as 3h or 90m, not "soon".',
    )


def test_without_a_probe_workers_are_not_known(desk: Desk, bare: dict[str, str]) -> None:
    done = desk("doctor", "--site", "generic-slurm", exits=1, env=bare | {"COLUMNS": "30"})
    assert "worker unknown not looked at start a small job" in " ".join(done.stdout.split())


def test_a_probe_without_an_answer_is_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("reana_batch.lifecycle.doctor.examine", lambda _site, _runs: iter(()))
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, does in {"sbatch": "echo 5", "squeue": WAITS, "scancel": 'touch "$0.done"'}.items():
        (tools / name).write_text(f"#!/bin/bash\n{does}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    done = desk("doctor", "--site", "generic-slurm", "--probe", "--timeout", "1", exits=1)
    assert "worker\tunknown\tits job was still waiting after 1 s\t" in done.stdout
    assert "The job of the probe waits in the queue." in done.stderr


WAITS = 'if [ -e "$(dirname "$0")/scancel.done" ]; then echo "Invalid job id" >&2; exit 1; fi; echo "PENDING|Priority|"'


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


def finding(site: Site, subject: str, runs: Path = Path()) -> tuple[str, str, str]:
    [found] = [each for each in examine(site, runs) if each.subject == subject]
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


def test_the_cache_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(container_runtime="apptainer")
    monkeypatch.setenv("APPTAINER_CACHEDIR", str(tmp_path / "cache"))
    state, note, _ = finding(site, "image cache")
    assert state == "ok"
    assert note.startswith(f"{tmp_path}/cache, ")
    assert not (tmp_path / "cache").exists()
    monkeypatch.delenv("APPTAINER_CACHEDIR")
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    state, note, cure = finding(site, "image cache")
    assert (state, cure) == ("missing", "choose a directory with free space with APPTAINER_CACHEDIR.")
    assert note.startswith(f"{Path.home()}/.apptainer/cache, ")
    assert note.endswith("but you cannot write there")


def test_a_disk_without_room_for_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 2**30, 2**30, 2**30, 10_000, 3, 3, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: full)
    assert finding(Site(), "runs", tmp_path)[:2] == ("missing", f"{tmp_path}, 4,096.0 GiB free, 3 more files")


def test_a_disk_with_another_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.fstat

    class Later:
        st_mtime = really(0).st_mtime + 10**9

    monkeypatch.setattr(os, "fstat", lambda _descriptor: Later)
    state, note, cure = finding(Site(), "clock of the disk", tmp_path)
    assert (state, note.partition(" s ")[2]) == ("missing", "ahead of the clock of this machine")
    assert cure
    monkeypatch.undo()
    (tmp_path / "file").touch()
    state, note, _ = finding(Site(), "clock of the disk", tmp_path / "file")
    assert (state, note) == ("unknown", f"no file can be written to {tmp_path}/file: Not a directory")


def test_the_python_of_jobs_that_run_here(tmp_path: Path) -> None:
    assert finding(Site(python="/no/python"), "Python of jobs") == (
        "missing",
        "/no/python does not run, or has no reana-batch",
        "change the setting python.",
    )
    assert "Python of jobs" not in {each.subject for each in examine(Site(backend="slurm"), tmp_path)}


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
