"""Messages of commands about runs that cannot continue, on the real systems."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .conftest import Desk, eventually, serial

pytestmark = pytest.mark.site


def following(desk: Desk, run: str) -> tuple[subprocess.Popen[bytes], Path]:
    """Start ``reana-batch wait`` and return it with the file of its output."""
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


def vacate(desk: Desk, run: str) -> None:
    """Remove the only job of a run from its HTCondor worker after it has started."""
    mine = f'Iwd == "{desk.folder}/runs/{run}" && JobUniverse == 5'

    def look() -> list[str]:
        return desk.box.alice("condor_q", "-constraint", mine, "-af", "JobStatus", "NumShadowStarts").stdout.split()

    eventually(lambda: look()[:1] == ["2"], 60, look)
    _, starts = look()
    desk.box.alice("condor_vacate_job", "-fast", "-constraint", mine)
    eventually(lambda: int(look()[1]) > int(starts), 60, look)


def requeue(desk: Desk, run: str) -> None:
    """Remove the first job of a run from its Slurm node after it has started."""
    job = desk.file(f"runs/{run}/state/slurm.jobs").split()[0]
    eventually(lambda: desk.box.alice("squeue", "-ho", "%T", "-j", job).stdout.strip() == "RUNNING")
    desk.box.alice("scontrol", "requeue", job)


EVICTED = {
    "generic-htcondor": (vacate, r"started [5-9] times, and evicted from its worker before it ended( \(.*\))?; .*"),
    "generic-slurm": (requeue, r"started 5 times, and requeued before it ended \(requeued: 4\); .*"),
}


@pytest.mark.parametrize("site", EVICTED)
def test_a_job_that_is_taken_off_its_worker_time_after_time_is_named(desk: Desk, site: str) -> None:
    evict, told = EVICTED[site]
    desk.write("reana.yaml", serial("sleep 1000"))
    run = desk.run("--site", site, "--set", "container_runtime=none")
    for _ in range(5 if evict is vacate else 4):
        evict(desk, run)
    [job] = desk.until(run, lambda record: bool(record["hindered"]))["hindered"]
    assert re.fullmatch(told, job["reason"])
    process, said = following(desk, run)
    eventually(lambda: said.exists() and "before it ended" in said.read_text(), 60)
    assert "==> WARNING: step1 (" in said.read_text()
    desk.reana_batch("stop", "--runs", "runs", "-w", run)
    assert process.wait(timeout=240) == 130


# --- accounts and limits of Slurm -----------------------------------------------------------------


@pytest.fixture
def manage(desk: Desk) -> Iterator[Callable[..., str]]:
    """A function that changes Slurm's accounts. The fixture restores them after the test."""

    def call(*words: str, check: bool = True) -> str:
        return desk.box.root("sacctmgr", "-iQ", *words, check=check).stdout

    def known() -> list[str]:
        return sorted((call("-nP", "show", "associations") + call("-nP", "show", "qos")).splitlines())

    def restore() -> list[str]:
        call("add", "user", "alice", "account=escape", check=False)
        call("delete", "user", "alice", "account=tiny", check=False)
        call("delete", "account", "tiny", check=False)
        call("delete", "qos", "small", check=False)
        return known()

    before = known()
    try:
        yield call
    finally:
        desk.box.root("scancel", "--user=alice")
        desk.box.root("scontrol", "update", "partitionname=main", "state=up")
        eventually(lambda: not desk.box.root("squeue", "-h", "-u", "alice").stdout)
        # slurmdbd learns a little later that jobs have ended, and does not delete an account before that.
        eventually(lambda: restore() == before, 60)
        desk.box.root("slurm-set")


CHANGE = ", or stop the run, correct the analysis or settings and run it again"


def test_accounts_and_limits_that_keep_jobs_waiting_are_named(desk: Desk, manage: Callable[..., str]) -> None:
    def run(name: str, *settings: str, check: bool = True, **hints: str) -> str:
        desk.write(f"{name}/reana.yaml", serial("true", "true", **hints))
        words = [word for each in ("container_runtime=none", *settings) for word in ("--set", each)]
        where = ("-f", name, "--runs", "runs", "-w", name)
        return desk.reana_batch("run", "--site", "generic-slurm", *words, *where, check=check).stderr

    def told(name: str, reason: str) -> str:
        def is_there(record: Mapping[str, Any]) -> bool:
            return any(reason in job["reason"] for job in record["held"] + record["hindered"])

        record = desk.until(f"{name}.1", is_there)
        return next(str(job["reason"]) for job in record["held"] + record["hindered"] if reason in job["reason"])

    # Jobs of a user without an account. Slurm accepts them while it does not enforce accounts.
    desk.box.root("scancel", "--user=alice")  # jobs that other tests have left
    manage("show", "runawayjobs")  # ends, in slurmdbd, jobs that a killed slurmctld has lost
    eventually(
        lambda: "alice|" not in manage("-nP", "delete", "user", "alice", check=False) + manage("-nP", "show", "user")
    )
    desk.box.root("scontrol", "update", "partitionname=main", "state=down")
    run("stranger")
    desk.box.root("slurm-set", "AccountingStorageEnforce=associations,limits,qos")
    desk.box.root("scontrol", "update", "partitionname=main", "state=up")
    assert told("stranger", "account does not exist").endswith(f"Account=NAME{CHANGE}")
    manage("add", "user", "alice", "account=escape")
    manage("add", "account", "tiny")
    manage("modify", "account", "tiny", "set", "GrpTRES=cpu=1")
    manage("add", "user", "alice", "account=tiny")
    manage("add", "qos", "small")
    manage("modify", "qos", "small", "set", "MaxWall=20")
    manage("modify", "user", "alice", "where", "account=escape", "set", "qos+=small")
    run("long", "slurm.qos=small", slurm_time="30")
    run("wide", "slurm.account=tiny", kubernetes_cpu_limit="2")
    assert told("long", "more time than its QOS allows").endswith(f"TimeLimit=MINUTES{CHANGE}")
    process, said = following(desk, "wide.1")
    limit = (
        "the jobs of its account together have reached a limit (AssocGrpCpuLimit); if none of them runs, ask for less"
    )
    assert told("wide", "AssocGrpCpuLimit") == limit
    eventually(lambda: said.exists() and limit in said.read_text(), 60)
    manage("modify", "user", "alice", "where", "account=escape", "set", "qos-=small")
    assert told("long", "quality of service does not exist").endswith(f"QOS=NAME{CHANGE}")
    for setting, words, hint in (
        ("slurm.account=nonesuch", "Invalid account", "set slurm.account to one of yours"),
        ("slurm.qos=small", "Invalid qos", "set slurm.qos to one of yours"),
    ):
        refused = run("refused", setting, check=False)
        assert words in refused
        assert f"hint: {hint}" in refused
    for name in ("long", "wide"):
        desk.reana_batch("stop", "--runs", "runs", "-w", f"{name}.1")
    assert process.wait(timeout=240) == 130


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
    assert ended["last_words"].splitlines()[-1] in desk.reana_batch("status", "-w", "./broken").stdout


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
