"""Runs on the real HTCondor and Slurm with expansions, which their own jobs compile, in a toy language."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.toy import flows

from .conftest import Desk, add_secrets, eventually
from .test_pyslurm import SET

pytestmark = pytest.mark.site

_PYTHON = "/opt/venv/reana-batch/bin/python"
BARE = "container_runtime=none"


@pytest.fixture(autouse=True)
def toy(desk: Desk) -> None:
    """A Python with the toy language, here and on the workers."""
    desk.copy(flows.HERE, "toy")
    lines = ["#!/bin/bash", f'PYTHONPATH={desk.folder}/toy exec {_PYTHON} "$@"', ""]
    desk.write("python", "\n".join(lines))
    desk.box.root("chmod", "755", f"{desk.folder}/python")


def submit(desk: Desk, site: str, flow: str, *words: str, name: str = "test", **files: str) -> str:
    """Submit a workflow with extra input files, and return the run's name with its number."""
    desk.write("flow.json", flow)
    for file, text in files.items():
        desk.write(file.replace("_", "-"), text)
    inputs = ", ".join(["flow.json", *(file.replace("_", "-") for file in files)])
    desk.write("reana.yaml", flows.ANALYSIS.replace("flow.json]", f"{inputs}]"))
    settings = ["--set", BARE, "--set", f"python={desk.folder}/python"]
    command = ["run", "--site", site, *settings, "--runs", "runs", "-w", name, "--json", *words]
    answer = desk.box.alice(f"{desk.folder}/python", "-m", "reana_batch", *command, cwd=desk.folder)
    return str(json.loads(answer.stdout)["name"])


def started(desk: Desk, run: str) -> list[str]:
    return sorted(desk.file(f"runs/{run}/workspace/starts").split())


def until_in_expansion(desk: Desk, run: str, step: str) -> dict[str, Any]:
    return desk.until(run, lambda record: any(s["name"] == step and s["running"] for s in record["steps"]), 120)


def queued(desk: Desk) -> list[str]:
    """Return the jobs of the desk in both queues."""
    return desk.condor_jobs() + desk.slurm_jobs()


def until_queue_empty(desk: Desk) -> None:
    eventually(lambda: not queued(desk), 90, lambda: queued(desk))


def test_the_rest_is_compiled_when_its_files_are_known(desk: Desk, site: str) -> None:
    run = submit(desk, site, flows.scatter(5))
    record = desk.wait(run)
    assert record["status"] == "finished", record
    assert record["progress"] == {"done": 9, "total": 9}
    assert desk.file(f"runs/{run}/workspace/result").split() == ["1", "2", "3", "4", "5"]
    assert started(desk, run) == ["aside", "join", "split", *["work"] * 5]
    until_queue_empty(desk)


def test_expansions_lie_in_each_other(desk: Desk, site: str) -> None:
    run = submit(desk, site, flows.nested('echo "$REANA_WORKSPACE $REANA_WORKFLOW_UUID" >>where'))
    assert desk.wait(run)["status"] == "finished"
    assert started(desk, run) == ["a", "b", "c"]
    assert len(set(desk.file(f"runs/{run}/workspace/where").splitlines())) == 1


def test_an_expansion_may_yield_nothing(desk: Desk, site: str) -> None:
    run = submit(desk, site, flows.empty())
    assert desk.wait(run)["status"] == "finished"
    until_queue_empty(desk)


def test_a_fault_in_the_run_is_shown_and_resume_goes_on(desk: Desk, site: str) -> None:
    run = submit(desk, site, flows.faulty())
    record = desk.wait(run)
    assert record["status"] == "failed"
    failure = record["first_failure"]
    assert (failure["step"], failure["cause"]) == ("follows", "what follows from it was refused")
    assert "error: Files must be good, not ['a/bad']. [bad-value]" in failure["log"]
    assert record["expansions"] == [{"label": "follows", "origin": "flow.json:1", "reason": "the files a/*"}]
    desk.box.alice("mv", f"runs/{run}/workspace/a/bad", f"runs/{run}/workspace/a/good", cwd=desk.folder)
    until_queue_empty(desk)
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    assert desk.wait(run)["status"] == "finished"


@pytest.mark.parametrize("word", ["restart", "resume"])
def test_after_a_failure_in_an_expansion_the_rest_goes_on(desk: Desk, site: str, word: str) -> None:
    run = submit(desk, site, flows.scatter(3), fail_join="")
    record = desk.wait(run)
    assert (record["status"], record["progress"]) == ("failed", {"done": 6, "total": 7})
    assert record["first_failure"]["step"] == "join"
    desk.box.root("rm", f"{desk.folder}/runs/{run}/workspace/fail-join")
    until_queue_empty(desk)
    answer = json.loads(desk.reana_batch(word, "--runs", "runs", "-w", run, "--json").stdout)
    assert desk.wait(str(answer["name"]))["status"] == "finished"
    assert started(desk, run) == ["aside", "join", "join", "split", "work", "work", "work"]


def test_a_restart_goes_on_before_the_rest_is_known(desk: Desk, site: str) -> None:
    run = submit(desk, site, flows.scatter(2), fail_split="")
    assert desk.wait(run)["status"] == "failed"
    desk.box.root("rm", f"{desk.folder}/runs/{run}/workspace/fail-split")
    until_queue_empty(desk)
    answer = json.loads(desk.reana_batch("restart", "--runs", "runs", "-w", run, "--json").stdout)
    record = desk.wait(str(answer["name"]))
    assert record["status"] == "finished", record
    assert started(desk, run) == ["aside", "join", "split", "split", "work", "work"]


def test_stop_ends_the_jobs_of_an_expansion_and_resume_goes_on(desk: Desk, site: str) -> None:
    run = submit(desk, site, flows.nested("[ -e go ] || sleep 1000"))
    record = until_in_expansion(desk, run, "first/b")
    assert [each["reason"] for each in record["expansions"]] == ["the files b/*"]
    desk.reana_batch("stop", "--runs", "runs", "-w", run)
    assert desk.status(run)["status"] == "stopped"
    until_queue_empty(desk)
    desk.write(f"runs/{run}/workspace/go", "")
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    assert desk.wait(run)["status"] == "finished"
    assert started(desk, run) == ["a", "b", "b", "c"]


# --- what waits for an expansion --------------------------------------------------------------------------------------

JOINED = ["collect", "join", "last", "split", "x", "x", "y", "y", "z"]


def test_steps_and_expansions_wait_for_expansions(desk: Desk, site: str) -> None:
    check_joined(desk, submit(desk, site, flows.joined()))


def test_a_step_that_a_dag_delegates_to_slurm_waits_for_expansions(desk: Desk) -> None:
    flow = flows.joined(compute_backend="slurmcern")
    run = submit(desk, "generic-htcondor", flow, "--backend", "auto")
    check_joined(desk, run)
    assert "join/0" in desk.file(f"runs/{run}/state/slurm.jobs")


@pytest.mark.usefixtures("pyslurm")
def test_jobs_that_pyslurm_submits_wait_for_expansions(desk: Desk) -> None:
    check_joined(desk, submit(desk, "generic-slurm", flows.joined(), *SET))


def check_joined(desk: Desk, run: str) -> None:
    """Wait until the run of ``flows.joined`` has ended, and check all that it did."""
    record = desk.wait(run, 240)
    assert (record["status"], record["progress"]) == ("finished", {"done": 13, "total": 13}), record
    assert started(desk, run) == JOINED
    assert desk.file(f"runs/{run}/workspace/result").split() == ["1", "2", "3"]
    learned = json.loads(desk.file(f"runs/{run}/workspace/learned"))
    assert learned == {"": [], "first": ["a/1", "a/2"], "first/inner": ["x/1", "x/2"], "second": ["b/3"]}
    until_queue_empty(desk)


@pytest.mark.parametrize(("failed", "word"), [("y", "resume"), ("z", "restart")])
def test_what_waits_for_an_expansion_with_a_failed_job_does_not_start(
    desk: Desk, site: str, failed: str, word: str
) -> None:
    run = submit(desk, site, flows.joined(), **{f"fail_{failed}": ""})
    record = desk.wait(run, 240)
    assert record["status"] == "failed", record
    assert record["first_failure"]["step"] == failed
    assert {"join", "third"} <= {each["step"] for each in record["blocked"]}
    assert not {"join", "last"}.intersection(started(desk, run))
    if site == "generic-slurm":
        assert desk.file(f"runs/{run}/state/join/0.skipped").startswith("reason=parent\n")
    until_queue_empty(desk)
    desk.box.root("rm", f"{desk.folder}/runs/{run}/workspace/fail-{failed}")
    answer = json.loads(desk.reana_batch(word, "--runs", "runs", "-w", run, "--json").stdout)
    again = desk.wait(str(answer["name"]), 240)
    assert again["status"] == "finished", again
    assert set(started(desk, run)) == set(JOINED)
    until_queue_empty(desk)


def test_rows_wait_for_an_expansion_in_jobs_that_end_in_any_case(desk: Desk, site: str) -> None:
    run = submit(desk, site, flows.rows_after(), "--rows-per-job", "2", fail_work="")
    record = desk.wait(run, 240)
    assert (record["status"], record["progress"]) == ("failed", {"done": 2, "total": 10}), record
    assert started(desk, run) == ["work"]
    until_queue_empty(desk)
    desk.box.root("rm", f"{desk.folder}/runs/{run}/workspace/fail-work")
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    record = desk.wait(run, 240)
    assert record["status"] == "finished", record
    assert started(desk, run) == [*["next"] * 3, *["part"] * 3, "work", "work"]


def test_stop_ends_what_waits_for_an_expansion_and_resume_goes_on(desk: Desk, site: str) -> None:
    run = submit(desk, site, flows.joined("[ -e go ] || sleep 1000"))
    until_in_expansion(desk, run, "first/inner/y")
    until_in_expansion(desk, run, "second/z")
    desk.reana_batch("stop", "--runs", "runs", "-w", run)
    assert desk.status(run)["status"] == "stopped"
    until_queue_empty(desk)
    desk.write(f"runs/{run}/workspace/go", "")
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    record = desk.wait(run, 240)
    assert record["status"] == "finished", record
    assert desk.file(f"runs/{run}/workspace/result").split() == ["1", "2", "3"]
    until_queue_empty(desk)


SNAKEFILE = """
rule all:
    input: "results/all.txt"

checkpoint split:
    output: directory("parts")
    container: "docker://docker.io/library/debian:12"
    shell: "mkdir -p {output} && for part in $(seq COUNT); do echo $part >{output}/$part.txt; done"

rule work:
    input: "parts/{part}.txt"
    output: "work/{part}.txt"
    container: "docker://docker.io/library/debian:12"
    shell: "mkdir -p work && cat {input} {input} >{output}"

def parts(wildcards):
    folder = checkpoints.split.get().output[0]
    return expand("work/{part}.txt", part=sorted(glob_wildcards(folder + "/{part}.txt").part))

checkpoint pack:
    input: parts
    output: directory("packed")
    container: "docker://docker.io/library/debian:12"
    shell: "mkdir -p {output} && for file in {input}; do cp $file {output}/; done"

def packed(wildcards):
    folder = checkpoints.pack.get().output[0]
    return sorted(f"{folder}/{name}.txt" for name in glob_wildcards(folder + "/{name}.txt").name)

rule join:
    input: packed
    output: "results/all.txt"
    container: "docker://docker.io/library/debian:12"
    shell: "mkdir -p results && cat {input} >{output}"
"""


@pytest.mark.parametrize("count", [4, 0])
def test_checkpoints_of_snakemake_lie_in_each_other_and_may_yield_nothing(desk: Desk, site: str, count: int) -> None:
    desk.write("Snakefile", SNAKEFILE.replace("COUNT", str(count)))
    desk.write("reana.yaml", "inputs: {files: [Snakefile]}\nworkflow: {type: snakemake, file: Snakefile}\n")
    run = desk.run("--site", site, "--set", BARE)
    record = desk.wait(run, 240)
    assert record["status"] == "finished", record
    assert desk.file(f"runs/{run}/workspace/results/all.txt").split() == sorted([*"1234"[:count]] * 2)
    assert record["progress"] == {"done": count + 5, "total": count + 5}


def test_jobs_of_an_expansion_have_the_ticket_that_was_handed_on(desk: Desk, site: str) -> None:
    desk.box.up("krb5", "pki")
    add_secrets(desk.box)
    work = 'output: "work/{part}.txt"'
    snakefile = SNAKEFILE.replace("COUNT", "1").replace(work, f"{work}\n    resources: kerberos=True")
    desk.write("Snakefile", snakefile.replace("mkdir -p work &&", "mkdir -p work && klist -s &&"))
    desk.write("reana.yaml", "inputs: {files: [Snakefile]}\nworkflow: {type: snakemake, file: Snakefile}\n")
    run = desk.run("--site", site, "--set", BARE)
    record = desk.wait(run, 240)
    assert record["status"] == "finished", record
    assert desk.file(f"runs/{run}/workspace/results/all.txt").split() == ["1", "1"]


def test_a_dag_that_was_compiled_in_the_run_hands_steps_to_slurm(desk: Desk) -> None:
    work = 'output: "work/{part}.txt"'
    snakefile = SNAKEFILE.replace("COUNT", "2").replace(work, f'{work}\n    resources: compute_backend="slurmcern"')
    desk.write("Snakefile", snakefile.replace("mkdir -p work &&", "mkdir -p work && [ $SLURM_JOB_ID -gt 0 ] &&"))
    desk.write("reana.yaml", "inputs: {files: [Snakefile]}\nworkflow: {type: snakemake, file: Snakefile}\n")
    run = desk.run("--site", "generic-htcondor", "--backend", "auto", "--set", BARE)
    record = desk.wait(run, 240)
    assert record["status"] == "finished", record
    assert desk.file(f"runs/{run}/workspace/results/all.txt").split() == ["1", "1", "2", "2"]


def test_nothing_starts_twice_though_what_runs_the_graph_is_killed(desk: Desk) -> None:
    run = submit(desk, "generic-htcondor", flows.nested("until [ -e go ]; do sleep 0.2; done"))
    until_in_expansion(desk, run, "first/b")
    desk.box.kill("pgrep -u alice condor_dagman; pgrep condor_schedd")
    desk.box.up("condor")
    time.sleep(5)
    desk.write(f"runs/{run}/workspace/go", "")
    assert desk.wait(run, 240)["status"] == "finished"
    assert started(desk, run) == ["a", "b", "c"]


def test_a_job_that_submits_is_run_again_after_its_node_has_failed(desk: Desk) -> None:
    """The chain is submitted once. A requeued job finds what it submitted before the requeue."""
    run = submit(desk, "generic-slurm", flows.scatter(2, "until [ -e go ]; do sleep 0.2; done"))
    until_in_expansion(desk, run, "parts/work")
    desk.box.root("rm", f"{desk.folder}/runs/{run}/state/parts/0.done")
    before = desk.file(f"runs/{run}/expansions/parts/state/slurm.jobs")
    again = ["bash", "batch/steps/parts/job.sh"]
    desk.box.alice(*again, cwd=f"{desk.folder}/runs/{run}")
    assert desk.file(f"runs/{run}/expansions/parts/state/slurm.jobs") == before
    desk.write(f"runs/{run}/workspace/go", "")
    assert desk.wait(run)["status"] == "finished"
    assert started(desk, run) == ["aside", "join", "split", "work", "work"]


def test_a_job_that_submits_makes_one_chain_even_if_it_runs_twice(desk: Desk) -> None:
    run = submit(desk, "generic-slurm", flows.scatter(2, "until [ -e go ]; do sleep 0.2; done"))
    planner = desk.file(f"runs/{run}/state/slurm.jobs").split(" parts/0 ")[0].split()[-1]
    desk.box.alice("scontrol", "hold", planner)
    eventually((desk.path / f"runs/{run}/state/split/0.done").exists, 60)
    by_hand = "for each in 1 2; do bash batch/steps/parts/job.sh & done; wait -n && wait -n"
    desk.box.alice("bash", "-c", f"scontrol release {planner}; {by_hand}", cwd=f"{desk.folder}/runs/{run}")
    desk.write(f"runs/{run}/workspace/go", "")
    assert desk.wait(run)["status"] == "finished"
    assert started(desk, run) == ["aside", "join", "split", "work", "work"]
    until_queue_empty(desk)


# --- the job that submits, on Slurm ----------------------------------------------------------------------------------

# Scripts that replace sbatch in the job of an expansion, from its second call on.
ACCIDENTS = {
    "refused": 'echo "sbatch: error: Batch job submission failed: Job violates accounting policy" >&2; exit 1',
    # Kills all processes that compile and submit, as for lack of memory. The job records that, and the finaliser cleans
    # up.
    "killed": "pkill -KILL -f '^bash batch/submit.sh|reana_batch expand'",
    "stopped": "touch SUBMITTING; sleep 1000",
}


def submit_with_accident(desk: Desk, accident: str) -> str:
    """Submit a run. The job of its expansion uses another sbatch than the login node."""
    waiting = flows.step("a", "until [ -e go ]; do sleep 0.2; done; mkdir a; echo a >a/a")
    inner = [flows.step("b", "echo b >>starts", each=True), flows.step("c", "echo c >>starts; cp a/a result", "b")]
    rest = flows.expansion("rest", "a/*", "a", steps=inner)
    run = submit(desk, "generic-slurm", json.dumps({"steps": [waiting], "expansions": [rest]}))
    script = ACCIDENTS[accident].replace("SUBMITTING", f"{desk.folder}/submitting")
    real = f'[ ! -e {desk.folder}/called ] && touch {desk.folder}/called && exec /usr/bin/sbatch "$@"'
    desk.write("tools/sbatch", f"#!/bin/bash\n{real}\n{script}\n")
    desk.box.root("chmod", "755", f"{desk.folder}/tools/sbatch")
    desk.write(f"runs/{run}/state/slurm.tools", f"{desk.folder}/tools\n")
    desk.write(f"runs/{run}/workspace/go", "")
    return run


@pytest.mark.parametrize("accident", ["refused", "killed"])
def test_a_submission_in_the_run_that_fails_leaves_nothing_in_the_queue(desk: Desk, accident: str) -> None:
    run = submit_with_accident(desk, accident)
    record = desk.until(run, lambda record: bool(record["first_failure"]), 120)
    assert record["first_failure"]["step"] == "rest"
    if accident == "refused":
        assert record["first_failure"]["cause"] == "what follows from it was refused"
        assert "Job violates accounting policy" in record["first_failure"]["log"]
    until_queue_empty(desk)
    if accident == "killed":
        assert "cancelling the 1 jobs and arrays" in desk.file(f"runs/{run}/logs/finaliser.out")
    assert desk.wait(run)["status"] == "failed"
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    assert desk.wait(run)["status"] == "finished"
    assert started(desk, run) == ["b", "c"]


def test_stop_while_a_job_submits_leaves_nothing_in_the_queue(desk: Desk) -> None:
    run = submit_with_accident(desk, "stopped")
    eventually((desk.path / "submitting").exists, 60)
    desk.reana_batch("stop", "--runs", "runs", "-w", run)
    until_queue_empty(desk)
    assert desk.status(run)["status"] == "stopped"
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    assert desk.wait(run)["status"] == "finished"
    assert started(desk, run) == ["b", "c"]
