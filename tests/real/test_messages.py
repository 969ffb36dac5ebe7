"""What commands say of runs that get nowhere, on the real systems."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import Desk, eventually, serial

pytestmark = pytest.mark.site


def following(desk: Desk, run: str) -> tuple[subprocess.Popen[bytes], Path]:
    """Start ``reana-batch wait`` and return it with the file that holds what it says."""
    desk.box.root("rm", "-f", f"{desk.folder}/{run}.said")
    command = f"cd {desk.folder} && exec reana-batch wait --runs runs -w {run} 2>{run}.said"
    return desk.box.background("runuser", "-u", "alice", "--", "bash", "-c", command), desk.path / f"{run}.said"


HINDERED = {
    # Slurm accepts what its partition does not allow.
    "slow": (
        ("--site", "generic-slurm", "--set", "container_runtime=none"),
        serial("true", "true", slurm_partition="short", slurm_time="60"),
        "step1 (ID) does not go on: it asks for more time than its partition allows; scontrol update JobId=ID"
        " TimeLimit=MINUTES, or stop the run, correct the analysis or settings and run it again.",
    ),
    "picky": (
        ("--site", "generic-htcondor", "--set", "container_runtime=none"),
        serial("true", "true", htcondor_requirements='Machine == "nowhere"'),
        "step1 (ID) is waiting: HTCondor has no free worker that fits it (no match found); to see why:"
        " condor_q -better-analyze ID.",
    ),
}


def test_wait_says_once_what_keeps_a_run_from_going_on(desk: Desk) -> None:
    waiting = {}
    for name, (words, analysis, _) in HINDERED.items():
        desk.write(f"{name}/reana.yaml", analysis)
        waiting[name] = following(desk, desk.run(*words, "-f", name, name=name))
    for name, (process, said) in waiting.items():
        eventually(lambda: "step1" in said.read_text(), 60, said.read_text)  # noqa: B023  # called at once
        record = desk.status(f"{name}.1")
        [job] = record["held"] + record["hindered"]
        told = HINDERED[name][2].replace("ID", job["id"])
        assert job["reason"] == told.partition(": ")[2].rstrip(".")
        assert said.read_text() == f"==> WARNING: {told}\n"
        desk.reana_batch("stop", "--runs", "runs", "-w", f"{name}.1")
        assert process.wait(timeout=240) == 130
        assert said.read_text().count(told) == 1
        assert desk.reana_batch("wait", "--runs", "runs", "-w", f"{name}.1", check=False).returncode == 130


def test_a_job_that_is_taken_off_its_worker_time_after_time_is_named(desk: Desk) -> None:
    desk.write("reana.yaml", serial("sleep 1000"))
    run = desk.run("--site", "generic-htcondor", "--set", "container_runtime=none")
    mine = f'Iwd == "{desk.folder}/runs/{run}" && JobUniverse == 5'
    for _ in range(5):
        eventually(lambda: "2" in desk.box.alice("condor_q", "-constraint", mine, "-af", "JobStatus").stdout)
        desk.box.alice("condor_vacate_job", "-fast", "-constraint", mine)
        eventually(lambda: "2" not in desk.box.alice("condor_q", "-constraint", mine, "-af", "JobStatus").stdout)
    [job] = desk.until(run, lambda record: bool(record["hindered"]))["hindered"]
    assert job["reason"].startswith("started ")
    assert "times, and taken off its worker before it ended" in job["reason"]
    desk.reana_batch("stop", "--runs", "runs", "-w", run)


def test_what_apptainer_cannot_start_is_the_workers_and_a_dead_dagman_gives_its_reason(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    image = desk.run("--site", "generic-slurm", name="image")  # the box has no way to a registry
    broken = ("--site", "generic-htcondor", "--set", "container_runtime=none", "-o", "broken")
    desk.reana_batch("compile", *broken)
    dag = desk.file("broken/batch/workflow.dag")
    desk.write("broken/batch/workflow.dag", f"{dag}PARENT step1 CHILD nowhere\n")
    desk.reana_batch("submit", "broken")
    failure = desk.wait(image)["first_failure"]
    assert failure["exit_code"] == 94
    cannot = "the job could not start its command: apptainer cannot start docker://docker.io/library/debian:12: "
    assert failure["cause"].startswith(cannot)
    assert "network is unreachable" in failure["cause"]
    ended = desk.wait("./broken")
    assert (ended["status"], ended["first_failure"]) == ("failed", None)
    assert "ERROR: " in ended["last_words"]
    assert "batch/workflow.dag" in ended["last_words"]
    assert ended["last_words"].splitlines()[-1] in desk.reana_batch("status", "-w", "./broken").stderr


def test_a_full_disk_is_told_as_such_with_make(desk: Desk) -> None:
    desk.box.root("mkdir", "-p", f"{desk.folder}/runs")
    desk.box.root("mount", "-t", "tmpfs", "-o", "size=1M,mode=777", "tmpfs", f"{desk.folder}/runs")
    try:
        desk.write("reana.yaml", serial("sleep 2; head -c 50M /dev/zero >big"))
        done = desk.reana_batch("run", "--backend", "make", "--runs", "runs", "-w", "full", check=False)
        assert done.returncode != 0
        cause = desk.status("full.1")["first_failure"]["cause"]
        assert cause == "the job was lost: it left no record; the disk of runs/full.1 is full"
    finally:
        desk.box.root("umount", "-l", f"{desk.folder}/runs")
