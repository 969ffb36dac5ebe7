"""DAGs on the real HTCondor whose nodes submit steps to the real Slurm and wait for them."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from . import test_slurm
from .conftest import Desk, eventually
from .flows import Template
from .test_slurm import (
    BARE,
    MEMORY_HOG,
    job,
    kill_controller,
    order,
    start_controller,
    unanswered,
    until_queue,
    until_started,
    wrap,
)

pytestmark = pytest.mark.site

SITE = "generic-htcondor"
HERE = ("--site", SITE, "--set", BARE, "-b", "auto")
compiled = partial(test_slurm.compiled, site=SITE)
submitted = partial(test_slurm.submitted, site=SITE)


@pytest.fixture(autouse=True)
def clean_queues(desk: Desk) -> Iterator[None]:
    """Begin with an empty Slurm, and remove the jobs that a failed test left in HTCondor."""
    desk.box.root("scancel", "--user=alice")
    yield
    desk.empty_htcondor()


def on_slurm(template: Template) -> Template:
    return replace(template, hints={"compute_backend": "slurmcern"})


def diamond(rows: int = 3) -> tuple[Template, ...]:
    """A step on HTCondor, two on Slurm, one on HTCondor that waits for both, and one without parents or children."""
    left, right = on_slurm(job("left", "top", rows=rows)), on_slurm(job("right", "top"))
    return job("top"), left, right, job("bottom", "left", "right"), job("alone", "top")


def mended(desk: Desk, name: str, *files: str) -> None:
    for file in files:
        (desk.path / f"runs/{name}/workspace/{file}").unlink()


def starts(desk: Desk, name: str) -> Counter[str]:
    return Counter(line for line in order(desk, name) if line.startswith("start"))


def ids(desk: Desk, name: str) -> dict[str, list[str]]:
    """Return the ids of each step's submissions to Slurm, in their order."""
    found: dict[str, list[str]] = {}
    for line in desk.file(f"runs/{name}/state/slurm.jobs").splitlines():
        identity, key, *_ = line.split()
        found.setdefault(key.partition("/")[0], []).append(identity)
    return found


def gone(desk: Desk, name: str) -> None:
    """Wait until HTCondor has no jobs of the run left."""
    look = ("condor_q", "-constraint", f'Iwd == "{desk.folder}/runs/{name}"', "-af", "ClusterId")
    eventually(lambda: not desk.box.alice(*look).stdout)


# --- good runs ----------------------------------------------------------------------------------------


def test_a_diamond_with_few_calls_of_slurm(desk: Desk) -> None:
    count = 'echo "${0##*/}" >>CALLS; exec "/usr/bin/${0##*/}" "$@"'.replace("CALLS", f"{desk.folder}/calls")
    env = wrap(desk, **dict.fromkeys(("sbatch", "squeue", "scontrol", "scancel", "sacct"), count))
    name = compiled(desk, *diamond(100), settings=["rows_per_job=10"], sleep_right="8")
    desk.reana_batch("submit", f"runs/{name}", env=env)
    assert desk.wait(name)["status"] == "finished"
    lines = order(desk, name)
    assert lines[:2] == ["start top 0", "end top 0"]
    assert lines[-2:] == ["start bottom 0", "end bottom 0"]
    assert len(lines) == len(set(lines)) == 2 * 104
    calls = Counter(desk.file("calls").split())
    # An array and a job, each released when its id is written down. squeue is called after 4 seconds, 8, 16, ...
    assert (calls.pop("sbatch"), calls.pop("scontrol")) == (2, 2)
    assert calls.pop("squeue") <= 4
    assert not calls
    assert [len(each) for each in ids(desk, name).values()] == [1, 1]
    for step, row in (("top", 0), ("left", 99), ("right", 0)):
        record = desk.file(f"runs/{name}/state/{step}/{row}.done")
        of_htcondor = re.search(r"^scheduler_job=\d+\.0$", record, re.MULTILINE)
        assert ("host=n" in record, bool(of_htcondor)) == (step != "top", step == "top")
    assert not list((desk.path / f"runs/{name}/state").glob("*/node-*"))
    until_queue(desk, set())


def test_rows_that_follow_rows_in_bundles(desk: Desk) -> None:
    steps = job("make", rows=7), on_slurm(job("shape", rows=7, each=["make"])), job("draw", rows=7, each=["shape"])
    name = submitted(desk, *steps, settings=["slurm.max_array_size=3"], sleep_make="1")
    assert desk.wait(name)["status"] == "finished"
    lines = order(desk, name)
    assert len(lines) == len(set(lines)) == 42
    for row in range(7):
        assert lines.index(f"end make {row}") < lines.index(f"start shape {row}")
        assert lines.index(f"end shape {row}") < lines.index(f"start draw {row}")
    assert len(ids(desk, name)["shape"]) == 3


def test_a_job_finds_what_it_finds_on_slurm_alone(desk: Desk) -> None:
    look = "env | grep -vE '^(SLURM_(JOB|TASK|TOPOLOGY|NODE|GTIDS|STEP).*|SLURMD.*|REANA_WORK.*|PWD|OLDPWD)=' | sort"
    steps = [{"name": "on", "environment": "debian:12", "compute_backend": "slurmcern", "commands": [f"{look} >env"]}]
    first = {"name": "first", "environment": "debian:12", "commands": ["true"]}
    for name, flow, words in (
        ("mixed", [first, *steps], HERE),
        ("slurm", steps, ("--site", "generic-slurm", "--set", BARE)),
    ):
        desk.write(f"{name}/reana.yaml", json.dumps({"workflow": {"type": "serial", "specification": {"steps": flow}}}))
        canary = {"CANARY": "tweet", "SBATCH_PARTITION": "nonesuch"}
        desk.reana_batch("run", *words, "-f", name, "--runs", "runs", "-w", name, env=canary)
        assert desk.wait(f"{name}.1")["status"] == "finished"
    mixed, slurm = (desk.file(f"runs/{name}.1/workspace/env") for name in ("mixed", "slurm"))
    assert mixed.replace("/mixed.1", "/slurm.1") == slurm
    assert "tweet" not in mixed


# --- jobs that fail -----------------------------------------------------------------------------------


def test_a_failing_row_is_the_nodes_status_and_is_shown_and_restart_and_resume_go_on(desk: Desk) -> None:
    name = submitted(desk, *diamond(), fail_left_1="")
    record = desk.wait(name)
    assert (record["status"], record["progress"]) == ("failed", {"done": 5, "total": 7})
    first = record["first_failure"]
    assert (first["step"], first["row"], first["exit_code"], first["log"]) == ("left", 1, 3, "no luck with left 1")
    assert first["scheduler_job"] == f"{ids(desk, name)['left'][0]}_1"
    assert (record["failed"], record["not_started"]) == (1, 1)
    events = desk.file(f"runs/{name}/batch/workflow.dag.nodes.log")
    assert events.count("Normal termination (return value 3)") == 1
    shown = desk.reana_batch("status", "--runs", "runs", "-w", name).stdout
    assert 'Step "left", job 1 of 3 failed: the command ended with exit code 3' in shown
    assert f"on {first['host']}, as job {first['scheduler_job']}:" in shown
    assert "no luck with left 1" in desk.reana_batch("logs", "--runs", "runs", "-w", name).stdout
    mended(desk, name, "fail-left-1")
    desk.reana_batch("restart", "--runs", "runs", "-w", name)
    assert desk.wait("flow.1.1")["status"] == "finished"
    assert starts(desk, name) == Counter({f"start left {row}": 1 + (row == 1) for row in range(3)}) + Counter(
        f"start {step} 0" for step in ("top", "right", "bottom", "alone")
    )
    desk.reana_batch("delete", "--runs", "runs", "-w", "flow.1.1")
    desk.box.root("rm", "-r", f"{desk.folder}/runs/{name}")
    name = submitted(desk, *diamond(), fail_left_0="", fail_left_2="", fail_right_0="")
    assert desk.wait(name)["failed"] == 3
    mended(desk, name, "fail-left-0", "fail-left-2", "fail-right-0")
    desk.reana_batch("resume", "--runs", "runs", "-w", name)
    assert desk.wait(name)["status"] == "finished"
    assert {line for line, times in starts(desk, name).items() if times == 2} == {
        "start left 0",
        "start left 2",
        "start right 0",
    }
    until_queue(desk, set())


def test_a_node_is_retried(desk: Desk) -> None:
    work = "echo start >>order.txt; [ $(wc -l <order.txt) -gt 2 ]"
    name = submitted(desk, on_slurm(Template("once", work)), job("after", "once"), settings=["htcondor.retries=2"])
    assert desk.wait(name)["status"] == "finished"
    assert len(ids(desk, name)["once"]) == 3


def test_what_slurm_refuses_and_what_it_ends_is_told_in_plain_words(desk: Desk) -> None:
    tail = {"name": "tail", "environment": "debian:12", "commands": ["true"]}
    cases = {
        "partition": ("true", {"slurm_partition": "nonesuch"}),
        "cancelled": ("sleep 100", {}),
        "pending": ("sleep 100", {"kubernetes_cpu_limit": "8"}),
        "limit": ("sleep 100", {"slurm_time": "1"}),
        "memory": (MEMORY_HOG, {"kubernetes_memory_limit": "64Mi"}),
    }
    desk.box.root("scontrol", "update", "nodename=n4", "state=drain", "reason=test")
    try:
        for name, (command, hints) in cases.items():
            step = {"name": "step", "environment": "debian:12", "compute_backend": "slurmcern", "commands": [command]}
            workflow = {"type": "serial", "specification": {"steps": [step | hints, tail]}}
            desk.write(f"{name}/reana.yaml", json.dumps({"workflow": workflow}))
            extra = ("--set", "slurm.partition=main")
            desk.reana_batch("run", *HERE, *extra, "-f", name, "--runs", "runs", "-w", name)
        for name in ("cancelled", "limit"):
            desk.until(f"{name}.1", lambda record: record["steps"][0]["running"] == 1)
        (cancelled,), (limit,) = (ids(desk, f"{name}.1")["step"] for name in ("cancelled", "limit"))
        desk.box.alice("scancel", cancelled)
        desk.box.root("scontrol", "update", f"JobId={limit}", "EndTime=now+2")
        causes = {name: desk.wait(f"{name}.1")["first_failure"]["cause"] for name in cases if name != "pending"}
    finally:
        desk.box.root("scontrol", "update", "nodename=n4", "state=resume")
        desk.box.root("scancel", "--user=alice")
    causes["pending"] = desk.wait("pending.1")["first_failure"]["cause"]
    refused = causes.pop("partition")
    assert refused.startswith("the job was refused by Slurm: sbatch: error: ")
    outside = "the job was ended from outside, by "
    assert causes == {
        "cancelled": f"{outside}scancel",
        "pending": f"{outside}scancel",
        "limit": f"{outside}its time limit",
        "memory": f"{outside}its memory limit",
    }
    for name in cases:
        assert desk.status(f"{name}.1")["not_started"] == 1


# --- ended from outside -------------------------------------------------------------------------------


def test_stop_cancels_the_jobs_and_resume_goes_on(desk: Desk) -> None:
    name = submitted(desk, *diamond(), sleep_left="60", sleep_right="60")
    until_started(desk, name, "left", 3)
    until_started(desk, name, "right")
    assert desk.status(name)["status"] == "running"
    desk.reana_batch("stop", "--runs", "runs", "-w", name)
    assert desk.status(name)["status"] == "stopped"
    until_queue(desk, set())
    gone(desk, name)
    mended(desk, name, "sleep-left", "sleep-right")
    desk.reana_batch("resume", "--runs", "runs", "-w", name)
    assert desk.wait(name)["status"] == "finished"
    assert Counter(line for line in order(desk, name) if line.startswith("end")) == Counter(
        [*(f"end left {row}" for row in range(3)), *(f"end {step} 0" for step in ("top", "right", "bottom", "alone"))]
    )
    desk.reana_batch("delete", "--runs", "runs", "-w", name)


@pytest.mark.parametrize("by", ["condor_rm", "condor_hold"])
def test_who_removes_or_holds_a_node_by_hand_ends_its_job(desk: Desk, by: str) -> None:
    name = submitted(desk, on_slurm(job("work", rows=2)), job("after", "work"), sleep_work="60")
    until_started(desk, name, "work", 2)
    node = f'Iwd == "{desk.folder}/runs/{name}" && DAGNodeName == "work.0"'
    desk.box.alice(by, "-constraint", node)
    until_queue(desk, set())
    mended(desk, name, "sleep-work")
    if by == "condor_rm":
        assert desk.wait(name)["first_failure"]["cause"] == "the job was removed by hand by alice"
        desk.reana_batch("resume", "--runs", "runs", "-w", name)
    else:
        assert desk.status(name)["held"][0]["step"] == "work"
        desk.box.alice("condor_release", "-constraint", node)
    assert desk.wait(name)["status"] == "finished"
    assert len(ids(desk, name)["work"]) == 2


@pytest.mark.parametrize("victim", ["dagman", "schedd", "node", "schedd-restarted"])
def test_a_killed_daemon_repeats_nothing(desk: Desk, victim: str) -> None:
    name = submitted(desk, *diamond(), sleep_left="12", sleep_right="12")
    until_started(desk, name, "left", 3)
    until_started(desk, name, "right")
    if victim == "dagman":
        pid = desk.file(f"runs/{name}/batch/workflow.dag.dagman.out").partition("** PID = ")[2].split()[0]
        desk.box.kill(f"echo {pid}")
    elif victim == "schedd":
        desk.box.kill("pidof condor_schedd")
    elif victim == "node":
        desk.box.kill("pgrep -u alice -f 'batch/steps/(left|right)/node.sh'")
    else:
        desk.box.root("condor_restart", "-schedd")
        time.sleep(3)
    desk.box.up("condor")  # waits until the schedd answers again
    assert desk.wait(name)["status"] == "finished"
    assert set(starts(desk, name).values()) == {1}
    assert {step: len(each) for step, each in ids(desk, name).items()} == {"left": 1, "right": 1}
    if victim != "dagman":
        told = "".join(desk.file(f"runs/{name}/logs/{step}/0.job") for step in ("left", "right"))
        assert told.count("started again, and found") == 2


def test_a_controller_that_is_down_is_waited_for(desk: Desk) -> None:
    name = submitted(desk, *diamond(), job("late"), on_slurm(job("later", "late")), sleep_left="10", sleep_late="8")
    until_started(desk, name, "left", 3)
    saved = 'until [ -n "$(find /var/spool/slurmctld/job_state -newer now)" ]; do sleep 0.2; done'
    desk.box.root("bash", "-c", f"cd {desk.folder} && touch now && {saved}")
    kill_controller(desk)
    time.sleep(12)  # meanwhile jobs end, and a node submits
    start_controller(desk)
    record = desk.wait(name, 180)
    assert record["status"] == "finished"
    assert set(starts(desk, name).values()) == {1}
    until_queue(desk, set())


@pytest.mark.parametrize(
    ("accepted", "calls"),
    [
        pytest.param('/usr/bin/sbatch "$@" >/dev/null', 1, id="accepted"),
        pytest.param("", 2, id="lost"),
        pytest.param('(sleep 6; /usr/bin/sbatch "$@") >/dev/null 2>&1 &', 2, id="accepted-late"),
        pytest.param('/usr/bin/sbatch "$@" >/dev/null; kill -9 "$PPID" $(ps -o ppid= "$PPID")', 1, id="killed"),
    ],
)
def test_no_job_runs_twice_when_sbatch_gives_no_answer(desk: Desk, accepted: str, calls: int) -> None:
    env = unanswered(desk, 1, accepted)
    name = compiled(desk, on_slurm(job("work", rows=3)), job("after", "work"), sleep_work="8")
    desk.reana_batch("submit", f"runs/{name}", env=env)
    assert desk.wait(name)["status"] == "finished"
    assert len(desk.file("calls").splitlines()) == calls
    assert set(starts(desk, name).values()) == {1}
    until_queue(desk, set())
