"""The same chains as in test_slurm, submitted with the real pyslurm. Tests of possible differences use both ways.

Differences between pyslurm and sbatch, and the tests of them:

- Importing pyslurm may end the process, so it runs in a separate one: test_a_slurm_without_configuration,
  tests/unit/test_pyslurm.
- The default environment is empty. A dictionary replaces all of it, and a text asks for a login environment. pyslurm
  does not set submit directory and host, job name, umask, niceness, limits and mpirun's variables. It sets profiling:
  test_the_same_environment.
- pyslurm ignores #SBATCH lines, does not accept numbers as text, and changes dependencies in a dictionary. The helper's
  table handles that: test_the_same_chain.
- Errors have other words, and more of them go to stderr: test_a_refusal_half_way_leaves_nothing.
- pyslurm may hang or die, because it waits for slurmctld without end:
  test_no_job_runs_twice_when_pyslurm_gives_no_answer.
- reana-batch does not use pyslurm for states, exit codes, element 0, forgotten jobs, and to cancel, hold or modify jobs.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter

import pytest

from .conftest import PYSLURM_PYTHON, Desk, serial
from .test_slurm import (
    HERE,
    each_chain,
    empty_queue,
    job,
    order,
    refused,
    refused_while_down,
    scatter,
    submitted,
    until_queue,
    wrap,
)
from .test_slurm import compiled as compiled_for_sbatch

pytestmark = [pytest.mark.site, pytest.mark.usefixtures("pyslurm")]
__all__ = ["empty_queue"]

PYSLURM = ("slurm.submission=pyslurm", f"slurm.pyslurm_python={PYSLURM_PYTHON}")
SET = [word for setting in PYSLURM for word in ("--set", setting)]


# --- the two ways -----------------------------------------------------------------------------------


def jobs_of(desk: Desk, name: str) -> list[dict[str, str]]:
    """Return what Slurm knows about each job and array. Ids of the run's jobs are replaced by line numbers."""
    lines = [line.split() for line in desk.file(f"runs/{name}/state/slurm.jobs").splitlines()]
    number = {line[0]: f"job{position}" for position, line in enumerate(lines)}
    shown = desk.box.alice("scontrol", "--oneliner", "show", "job").stdout.splitlines()
    found = []
    for line in lines:
        [text] = [each for each in shown if re.search(rf"^JobId={line[0]}\b", each)]
        text = re.sub(r"\d+", lambda match: number.get(match[0], match[0]), text.replace(f"/{name}/", "/RUN/"))
        found.append(dict(re.findall(r"(?:^| )([A-Z][A-Za-z/:]*)=(.*?)(?= [A-Z][A-Za-z/:]*=|$)", text)))
    return found


# Fields that may differ. Slurm only notes some of them (the token in the comment, the command line of sbatch), and some
# depend on the time. The most nodes are one with pyslurm, and one task runs on one node anyway.
DIFFERENT = {"SubmitLine", "Comment", "OOMKillStep", "TresPerTask", "NumNodes"} | {
    *("SubmitTime", "EligibleTime", "AccrueTime", "LastSchedEval", "Scheduler", "Priority", "Reason"),
    "ArrayTaskId",  # Slurm splits arrays at different times; their elements are compared below
}


def test_the_same_chain(desk: Desk) -> None:
    found, elements, journals = [], [], []
    for settings in ((), PYSLURM):
        name = compiled_for_sbatch(desk, *each_chain(5), settings=["slurm.max_array_size=3", *settings])
        # all jobs stay held, because the last step of submit.sh is left out
        env = wrap(desk, scontrol='[[ $1 != release ]] || exit 0; exec /usr/bin/scontrol "$@"')
        desk.reana_batch("submit", f"runs/{name}", env=env)
        found.append(jobs_of(desk, name))
        elements.append(sorted(desk.box.alice("squeue", "--array", "--noheader", "--format=%j %K").stdout.splitlines()))
        journals.append(desk.file(f"runs/{name}/state/slurm.jobs").splitlines())
        desk.reana_batch("stop", "--runs", "runs", "-w", name)
        desk.box.root("rm", "-r", f"{desk.folder}/runs/{name}")
        until_queue(desk, set())
    by_sbatch, by_pyslurm = found
    assert len(by_sbatch) == 3 * 2 + 1 + 2
    for one, other in zip(by_sbatch, by_pyslurm, strict=True):
        assert {k: v for k, v in one.items() if k not in DIFFERENT} == {
            k: v for k, v in other.items() if k not in DIFFERENT
        }
    assert elements[0] == elements[1]
    keys = [[line.split()[1:6] for line in journal] for journal in journals]
    assert keys[0] == keys[1]
    comments = [[job["Comment"].partition(":")[2] for job in jobs if job["JobName"] != "finaliser"] for jobs in found]
    assert comments[0] == comments[1] == [key for key, *_ in keys[0][:-2]]


# Variables that always differ between an element of an array and a single job: ids and times.
OWN = re.compile(r"^(SLURM_(ARRAY_)?JOB_?ID|SLURM_TASK_PID|SLURM_JOB_(START|END)_TIME|REANA_WORKFLOW_UUID)=")
LOOK = "{ env | sort; ulimit -a; umask; nice; pwd; } >env.txt"


@pytest.mark.parametrize("inherit", [False, True], ids=["nothing", "all"])
@pytest.mark.parametrize("hints", [{}, {"htcondor_request_cpus": "2", "kubernetes_memory_limit": "300Mi"}])
def test_the_same_environment(desk: Desk, inherit: bool, hints: dict[str, str]) -> None:
    desk.write("reana.yaml", serial(LOOK, **hints))
    desk.write("reana-batch", 'umask 027; ulimit -n 777 -s 4096; exec nice -n 3 reana-batch "$@"')
    traps = {
        "CANARY": "tweet",
        "SLURM_ARRAY_TASK_ID": "5",
        "SLURM_CANARY": "tweet",
        "SBATCH_PARTITION": "nonesuch",
        "I_MPI_HYDRA_BOOTSTRAP": "ssh",
        "LINES_OF_TEXT": "two\nlines ' \" $x",
    }
    found = []
    for way, settings in (("one", []), ("two", SET)):
        words = [*HERE, "--set", f"inherit_environment={json.dumps(inherit)}", *settings, "--runs", "runs", "-w", way]
        desk.box.alice("bash", "reana-batch", "run", *words, cwd=desk.folder, env=traps)
        assert desk.wait(f"{way}.1")["status"] == "finished"
        text = desk.file(f"runs/{way}.1/workspace/env.txt").replace(f"/{way}.1", "/RUN")
        found.append([line for line in text.splitlines() if not OWN.match(line)])
    assert found[0] == found[1]
    assert ("CANARY=tweet" in found[0]) == inherit
    assert "SLURM_CANARY=tweet" not in found[0]
    assert any(re.match(r"nofiles.* 777$|open files.* 777$", line) for line in found[0])


# --- runs -------------------------------------------------------------------------------------------


def test_arrays_that_fail_and_are_restarted(desk: Desk) -> None:
    settings = ["slurm.max_array_size=3", *PYSLURM]
    name = submitted(desk, *each_chain(5), settings=settings, fail_make_2="")
    record = desk.wait(name)
    until_queue(desk, set())
    assert (record["status"], record["progress"], record["failed"]) == ("failed", {"done": 12, "total": 16}, 1)
    (desk.path / f"runs/{name}/workspace/fail-make-2").unlink()
    desk.reana_batch("restart", "--runs", "runs", "-w", name)
    assert desk.wait("flow.1.1")["status"] == "finished"
    starts = Counter(line for line in order(desk, name) if line.startswith("start"))
    assert starts.pop("start make 2") == 2
    assert set(starts.values()) == {1}
    assert len(starts) == 15
    until_queue(desk, set())


@pytest.mark.parametrize(
    ("asked", "cure", "words"),
    [
        (
            {"slurm_partition": "nonesuch"},
            "/partition/d",
            "error: invalid partition specified: nonesuch pyslurm: Invalid",
        ),
        (
            {"kubernetes_memory_limit": "900Gi"},
            "/--mem=/d",
            "error: Memory specification can not be satisfied pyslurm: ",
        ),
    ],
)
def test_a_refusal_half_way_leaves_nothing(desk: Desk, asked: dict[str, str], cure: str, words: str) -> None:
    flow = json.loads(serial("echo 1 >>order.txt", "echo 2 >>order.txt", "echo 3 >>order.txt", "true"))
    flow["workflow"]["specification"]["steps"][2] |= asked
    desk.write("reana.yaml", json.dumps(flow))
    answer = desk.reana_batch("run", *HERE, *SET, "--runs", "runs", "-w", "test", check=False)
    assert f"pyslurm refused step3/0: python: {words}" in " ".join(answer.stderr.split())
    assert "cancelling the 2 jobs and arrays accepted so far" in " ".join(answer.stderr.split())
    assert words in refused(desk, "test.1")
    desk.box.alice("sed", "-i", cure, f"{desk.folder}/runs/test.1/batch/steps/step3/job.sbatch")
    desk.reana_batch("submit", "runs/test.1")
    assert desk.wait("test.1")["status"] == "finished"
    assert order(desk, "test.1") == ["1", "2", "3"]


def test_a_chain_of_many_jobs_is_handed_in_by_one_process(desk: Desk) -> None:
    steps = [job("step0"), *(job(f"step{n}", f"step{n - 1}") for n in range(1, 60))]
    env = wrap(
        desk,
        sbatch='[[ $1 == --version ]] || echo "$*" >>CALLS; exec /usr/bin/sbatch "$@"'.replace(
            "CALLS", f"{desk.folder}/calls"
        ),
    )
    seconds = []
    for settings in ((), PYSLURM):
        name = compiled_for_sbatch(desk, *steps, settings=settings)
        begun = time.monotonic()
        desk.reana_batch("submit", f"runs/{name}", env=env)
        seconds.append(time.monotonic() - begun)
        desk.reana_batch("stop", "--runs", "runs", "-w", name)
        desk.box.root("rm", "-r", f"{desk.folder}/runs/{name}")
    print(f"60 jobs were submitted with sbatch in {seconds[0]:.1f} s, with pyslurm in {seconds[1]:.1f} s")
    assert len(desk.file("calls").splitlines()) == 60 + 2  # pyslurm made none of them


# --- faults -----------------------------------------------------------------------------------------

# Runs the helper. At its second job, {} happens.
FAULTY = """#!/opt/venv/pyslurm/bin/python
import os, sys, time
sys.path.insert(0, "batch")
import pyslurm_sbatch as helper

def submit(words, hydra, real=helper.submit):
    with open("CALLS", "a") as file:
        file.write("call\\n")
        second = file.tell() == 10
    if second:
        {}
    return real(words, hydra=hydra)

helper.submit = submit
helper.main()
"""


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        pytest.param("real(words, hydra=hydra); os._exit(1)", 5, id="ends-accepted"),
        pytest.param("os.kill(os.getpid(), 11)", 6, id="ends-lost"),
        pytest.param("real(words, hydra=hydra); time.sleep(100)", 5, id="hangs-accepted"),
        pytest.param("return 'pyslurm: Socket timed out on send/recv operation'", 6, id="lost"),
    ],
)
def test_no_job_runs_twice_when_pyslurm_gives_no_answer(desk: Desk, fault: str, calls: int) -> None:
    desk.write("python", FAULTY.replace("CALLS", f"{desk.folder}/calls").replace("{}", fault))
    desk.box.root("chmod", "+x", f"{desk.folder}/python")
    settings = ["slurm.submission=pyslurm", f"slurm.pyslurm_python={desk.folder}/python"]
    name = compiled_for_sbatch(desk, *scatter(3), settings=settings)
    desk.reana_batch("submit", f"runs/{name}", env={"REANA_BATCH_SBATCH_TIMEOUT": "5"})
    assert len(desk.file("calls").splitlines()) == calls
    assert desk.wait(name)["status"] == "finished"
    until_queue(desk, set())
    assert len(order(desk, name)) == len(set(order(desk, name))) == 10


def test_a_controller_that_is_down(desk: Desk) -> None:
    name = compiled_for_sbatch(desk, *scatter(2), settings=PYSLURM)
    assert "pyslurm does not fit: it does not answer" in refused_while_down(desk, name)


def test_a_slurm_without_configuration(desk: Desk) -> None:
    """Without slurm.conf, importing pyslurm ends the process."""
    name = compiled_for_sbatch(desk, *scatter(2), settings=PYSLURM)
    desk.write("slurm.conf", "")  # an empty file, because Slurm looks for a missing one again and again for a minute
    without = {"SLURM_CONF": f"{desk.folder}/slurm.conf"}
    answer = desk.reana_batch("submit", f"runs/{name}", check=False, env=without)
    assert answer.returncode == 3
    said = " ".join(answer.stderr.split())
    assert "pyslurm does not fit: pyslurm 25.11.2 is for Slurm 25.11, and the Slurm here is sbatch: fatal:" in said
    wrapped = wrap(desk, sbatch='[[ $1 != --version ]] || { echo slurm 25.11.2; exit; }; exec /usr/bin/sbatch "$@"')
    answer = desk.reana_batch("submit", f"runs/{name}", check=False, env=without | wrapped)
    assert "pyslurm does not fit: python: fatal:" in " ".join(answer.stderr.split())


def test_auto_uses_sbatch_where_there_is_no_pyslurm(desk: Desk) -> None:
    name = compiled_for_sbatch(desk, *scatter(2), settings=["slurm.submission=auto"])
    said = " ".join(desk.reana_batch("submit", f"runs/{name}").stderr.split())
    assert "pyslurm is not installed for /opt/venv/reana-batch/bin/python" in said
    assert "sbatch is used" in said
    assert desk.wait(name)["status"] == "finished"


def test_the_doctor_tells_whether_pyslurm_fits(desk: Desk) -> None:
    def finding(**variables: str) -> dict[str, str]:
        env = {"REANA_BATCH_SLURM__SUBMISSION": "pyslurm", **variables}
        answer = desk.reana_batch("doctor", "--site", "generic-slurm", "--json", env=env, check=False)
        [found] = [each for each in json.loads(answer.stdout)["findings"] if each["subject"] == "pyslurm"]
        return found  # type: ignore[no-any-return]  # read from JSON

    good = finding(REANA_BATCH_SLURM__PYSLURM_PYTHON=PYSLURM_PYTHON)
    assert (good["state"], good["note"]) == ("ok", "pyslurm 25.11.2")
    bad = finding()
    assert (bad["state"], bad["cure"]) == (
        "missing",
        "install the pyslurm of this Slurm, or set slurm.submission to sbatch.",
    )
    assert bad["note"] == "pyslurm is not installed for /opt/venv/reana-batch/bin/python3"
    assert desk.slurm_jobs() == []
