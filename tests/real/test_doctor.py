"""The doctor on the real systems: what the schedulers say of the profile, and what a job sees on a worker."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Desk, eventually

pytestmark = pytest.mark.site


def findings(desk: Desk, *words: str, code: int = 0, env: dict[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Return what the doctor finds, by subject."""
    done = desk.reana_batch("doctor", "--json", "--runs", "runs", *words, check=False, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    return {each["subject"]: each for each in json.loads(done.stdout)["findings"]}


def in_the_queue(desk: Desk) -> list[str]:
    return [*desk.slurm_jobs(), *desk.condor_jobs()]


def test_a_job_looks_at_a_worker(desk: Desk, site: str) -> None:
    found = findings(desk, "--site", site, "--probe")
    of_worker = ("bash", "Python", "apptainer", "scratch", "clock")
    for subject in (
        "worker",
        "shared directory",
        "clock of the disk",
        *(f"{each} of the worker" for each in of_worker),
    ):
        assert found[subject]["state"] == "ok", found[subject]
    scheduler = "clock of slurmctld" if site == "generic-slurm" else "clock of the schedd"
    assert found[scheduler]["state"] == "ok"
    assert {each["state"] for each in found.values()} <= {"ok", "absent", "unknown"}
    assert in_the_queue(desk) == []
    assert not desk.path.joinpath("runs").exists()


def test_a_partition_and_an_account_that_are_not_there(desk: Desk) -> None:
    env = {"REANA_BATCH_SLURM__PARTITION": "nope", "REANA_BATCH_SLURM__ACCOUNT": "guests"}
    found = findings(desk, "--site", "generic-slurm", "--probe", code=1, env=env)
    assert found["Slurm partition"] == {
        "subject": "Slurm partition",
        "state": "missing",
        "note": "nope does not exist",
        "cure": "set slurm.partition to one of main, short.",
    }
    assert found["Slurm account"]["state"] == "ok"
    assert found["Slurm account"]["note"] == "alice has no account guests, but Slurm does not enforce it"
    assert found["Slurm submission"]["state"] == "missing"
    assert "nvalid partition" in found["Slurm submission"]["note"]
    assert found["worker"]["state"] == "missing"
    assert "Slurm did not accept the job: sbatch: error: invalid partition" in found["worker"]["note"]
    found = findings(desk, "--site", "generic-slurm", env={"REANA_BATCH_SLURM__PARTITION": "short"})
    assert found["Slurm partition"]["note"] == "short is up; its jobs may take 00:10:00"
    assert found["Slurm account"]["note"] == "escape"
    assert found["Slurm submission"]["note"] == "Slurm would accept a job"
    assert found["worker"]["state"] == "unknown"


@contextlib.contextmanager
def changed(desk: Desk, what: str, state: str, back: str) -> Iterator[None]:
    """Change the state of something of Slurm for a while."""
    why = ("reason=test",) if state == "drain" else ()
    desk.box.root("scontrol", "update", what, f"state={state}", *why)
    try:
        yield
    finally:
        desk.box.root("scontrol", "update", what, f"state={back}")


def test_a_queue_that_starts_nothing_is_not_good(desk: Desk) -> None:
    with changed(desk, "nodename=n[1-4]", "drain", "resume"):
        found = findings(desk, "--site", "generic-slurm", "--probe", "--timeout", "3", code=1)
        assert found["Slurm partition"]["state"] == "ok"
        assert found["worker"]["state"] == "unknown", found["worker"]
        assert found["worker"]["note"].startswith("its job was still waiting after 3 s")
        assert "shared directory" not in found
        assert in_the_queue(desk) == []

        for signal in ("INT", "TERM", "HUP"):
            words = ("timeout", "-s", signal, "6", "reana-batch", "doctor", "--site", "generic-slurm", "--probe")
            ended = desk.box.alice(*words, "--runs", "runs", cwd=desk.folder, check=False)
            assert ended.returncode == 124, ended.stderr
            assert "The job of the probe waits in the queue" in ended.stderr
            assert in_the_queue(desk) == []
            assert not desk.path.joinpath("runs").exists()


def test_a_partition_that_is_down(desk: Desk) -> None:
    with changed(desk, "partitionname=short", "down", "up"):
        env = {"REANA_BATCH_SLURM__PARTITION": "short"}
        found = findings(desk, "--site", "generic-slurm", "--probe", code=1, env=env)
        assert (found["Slurm partition"]["state"], found["Slurm partition"]["note"]) == ("missing", "short is down")
        assert (found["worker"]["state"], found["worker"]["note"]) == (
            "missing",
            "its job is held: its partition is down; ask your site",
        )
        assert in_the_queue(desk) == []


# The file system at /mnt is only that of the command: the workers see an empty directory there.
ALONE = """
mount -t tmpfs -o mode=1777 alone /mnt
cd /mnt && exec setpriv --reuid=alice --regid=alice --init-groups env HOME=/home/alice USER=alice "$@"
"""


def test_a_directory_that_workers_do_not_see(desk: Desk, site: str) -> None:
    words = ("reana-batch", "doctor", "--json", "--site", site, "--probe", "--timeout", "60", "--runs", "/mnt/runs")
    ended = desk.box.root("unshare", "--mount", "bash", "-euc", ALONE, "bash", *words, check=False)
    assert ended.returncode == 1, ended.stderr
    found = {each["subject"]: each for each in json.loads(ended.stdout)["findings"]}
    assert found["worker"]["state"] == "missing"
    if site == "generic-slurm":
        assert "ended without an answer" in found["worker"]["note"]
        assert found["shared directory"]["state"] == "missing"
        assert found["shared directory"]["note"] == "nothing that the job wrote in /mnt/runs is seen here"
    else:
        assert "its job is held" in found["worker"]["note"]
    eventually(lambda: in_the_queue(desk) == [])


@pytest.mark.site("slurm", "condor", "krb5")
def test_a_ticket_that_htcondor_sends(desk: Desk) -> None:
    subject = "Kerberos ticket of the worker"
    env = {
        "REANA_BATCH_HTCONDOR__SEND_CREDENTIAL": "true",
        "_CONDOR_SEC_CREDENTIAL_PRODUCER": "/usr/local/bin/ticket-of-user",
    }
    desk.box.alice("kinit", "-kt", "/home/alice/alice.keytab", "alice")
    try:
        found = findings(desk, "--site", "generic-htcondor", "--probe", env=env)
        assert (found[subject]["state"], found[subject]["note"]) == ("ok", "valid on login.site.test")
        assert subject not in findings(desk, "--site", "generic-htcondor", "--probe")
    finally:
        desk.box.alice("kdestroy", "-q", check=False)
    found = findings(desk, "--site", "generic-htcondor", "--probe", code=1, env=env)
    assert found["Kerberos ticket"]["state"] == "missing"
    assert found["worker"]["state"] == "missing"
    assert subject not in found
    assert in_the_queue(desk) == []


def test_files_that_htcondor_sends(desk: Desk) -> None:
    env = {"REANA_BATCH_HTCONDOR__FILE_TRANSFER": "true"}
    found = findings(desk, "--site", "generic-htcondor", "--probe", env=env)
    assert found["worker"]["state"] == "ok"
    assert found["file transfer"]["note"] == "htcondor.file_transfer brings files there and back, on login.site.test"
    assert "shared directory" not in found
    assert in_the_queue(desk) == []


def test_the_accounting_groups_of_the_pool(desk: Desk) -> None:
    config = "/etc/condor/config.d/99-groups"
    desk.box.root("bash", "-c", f"echo 'GROUP_NAMES = group_physics, group_other' >{config}; condor_reconfig -all")

    def of(group: str) -> dict[str, Any]:
        done = desk.reana_batch("doctor", "--json", "--site", "generic-htcondor", check=False, env={NAME: group})
        return next(each for each in json.loads(done.stdout)["findings"] if each["subject"] == "accounting group")

    try:
        eventually(lambda: of("group_physics")["state"] == "ok", said=lambda: of("group_physics"))
        assert of("group_physics.alice")["state"] == "ok"
        wrong = of("group_phisics")
        assert (wrong["state"], wrong["note"]) == ("missing", "group_phisics does not exist")
        assert "group_physics" in wrong["cure"]
    finally:
        desk.box.root("bash", "-c", f"rm {config}; condor_reconfig -all")


NAME = "REANA_BATCH_HTCONDOR__ACCOUNTING_GROUP"
