"""Whole runs on the real Slurm, and faults during them."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from .conftest import ROOT, Desk, eventually, serial
from .flows import Template, compile_flow

pytestmark = pytest.mark.site

SITE = "generic-slurm"
BARE = "container_runtime=none"
HERE = ("--site", SITE, "--set", BARE)

# A job notes its start and its end. Files in the workspace control it, so that a test can fix a failed run:
#   sleep-STEP     the step's jobs last that long
#   hold-STEP      they wait until the file is gone
#   fail-STEP-ROW  the job of this row fails
JOB = """step=STEP row={row}
echo "start $step $row" >>order.txt
[ ! -e "sleep-$step" ] || sleep "$(cat "sleep-$step")"
while [ -e "hold-$step" ]; do sleep 0.2; done
[ ! -e "fail-$step-$row" ] || { echo "no luck with $step $row" >&2; exit 3; }
echo "end $step $row" >>order.txt
"""


def job(name: str, *needs: str, rows: int | None = None, each: Sequence[str] = ()) -> Template:
    command = JOB.replace("STEP", name)
    edges = {**dict.fromkeys(needs, "all"), **dict.fromkeys(each, "each")}
    return Template(name, command if rows else command.replace("{row}", "0"), rows=rows, needs=edges)


def scatter(rows: int) -> tuple[Template, ...]:
    return job("prepare"), job("work", "prepare", rows=rows), job("merge", "work")


def each_chain(rows: int) -> tuple[Template, ...]:
    first, second = job("make", rows=rows), job("shape", rows=rows, each=["make"])
    return first, second, job("draw", rows=rows, each=["shape"]), job("merge", "draw")


def compiled(desk: Desk, *steps: Template, site: str = SITE, settings: Sequence[str] = (), **files: str) -> str:
    """Compile, and write ``files`` into the workspace. ``_`` in their names stands for ``-``."""
    name = compile_flow(desk, "flow", site, *steps, settings=[BARE, *settings])
    for file, text in files.items():
        desk.write(f"runs/{name}/workspace/{file.replace('_', '-')}", text)
    return name


def submitted(desk: Desk, *steps: Template, site: str = SITE, settings: Sequence[str] = (), **files: str) -> str:
    name = compiled(desk, *steps, site=site, settings=settings, **files)
    desk.reana_batch("submit", f"runs/{name}")
    return name


def order(desk: Desk, name: str) -> list[str]:
    return desk.file(f"runs/{name}/workspace/order.txt").splitlines()


def until_queue(desk: Desk, wanted: set[str], seconds: float = 30) -> None:
    """Wait until the queue holds exactly the jobs of these names."""
    eventually(lambda: {line.split()[0] for line in desk.slurm_jobs()} == wanted, seconds, desk.slurm_jobs)


def until_started(desk: Desk, name: str, step: str, rows: int = 1, seconds: float = 30) -> None:
    """Wait until ``count`` jobs of a step have started their command."""
    log = desk.path / f"runs/{name}/workspace/order.txt"
    eventually(lambda: log.exists() and log.read_text().count(f"start {step} ") >= rows, seconds, desk.slurm_jobs)


def wrap(desk: Desk, **scripts: str) -> dict[str, str]:
    """Write wrappers of Slurm's tools, and return the environment that uses them."""
    for tool, text in scripts.items():
        desk.write(f"bin/{tool}", f"#!/bin/bash\n{text}\n")
    desk.box.root("chmod", "-R", "+x", f"{desk.folder}/bin")
    return {"PATH": f"{desk.folder}/bin:/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture(autouse=True)
def empty_queue(desk: Desk) -> None:
    desk.box.root("scancel", "--user=alice")


# --- good runs ----------------------------------------------------------------------------------------


def test_a_sample_gives_the_same_bytes_as_make_even_in_an_odd_place(desk: Desk) -> None:
    desk.copy(ROOT / "samples/wordcount", "sample")
    runs = "läufe für 100% & %j $HOME"
    for backend in ("make", "slurm"):
        here = ("-f", "sample", "--site", f"generic-{backend}" if backend == "slurm" else "local", "--set", BARE)
        desk.reana_batch("run", *here, "--runs", runs, "-w", backend)
    status = partial(desk.reana_batch, "status", "--runs", runs, "-w", "slurm", "--json")
    eventually(lambda: '"finished"' in status().stdout, 120)
    for result in ("counts.txt", "word report.txt"):
        made, slurm = ((desk.path / runs / f"{b}.1/workspace/results" / result).read_bytes() for b in ("make", "slurm"))
        assert made == slurm
    assert not list((desk.path / runs / "slurm.1/logs").rglob("*%*"))


def test_srun_has_the_jobs_environment_and_slurms_log_is_in_the_run_whatever_its_path(desk: Desk) -> None:
    asks = "srun -n 1 bash -c 'echo $$OWN ${PATH%%:*} $$HOME $$REANA_WORKSPACE'".replace("${", "$${")
    desk.write("reana.yaml", serial(f"export OWN=mine PATH=/opt/own:$$PATH; {asks} >said.txt"))
    places = ("100% %j", "back\\slash %j")
    for place in places:
        desk.reana_batch("run", *HERE, "--runs", place, "-w", "test")
    for place in places:
        run = desk.path / place / "test.1"
        eventually((run / "logs/finaliser.out").exists, 60)
        workspace = f"{desk.folder}/{place}/test.1/workspace"
        assert (run / "workspace/said.txt").read_text() == f"mine /opt/own /home/alice {workspace}\n"
        assert (run / "logs/step1/slurm.out").exists()
    assert sorted(path.name for path in desk.path.iterdir()) == [*places, "reana.yaml"]


def test_a_diamond(desk: Desk) -> None:
    steps = job("top"), job("left", "top", rows=2), job("right", "top", rows=2), job("bottom", "left", "right")
    name = submitted(desk, *steps)
    assert desk.wait(name)["status"] == "finished"
    lines = order(desk, name)
    assert lines[:2] == ["start top 0", "end top 0"]
    assert lines[-2:] == ["start bottom 0", "end bottom 0"]
    assert len(lines) == 12
    until_queue(desk, set())


def test_rows_follow_each_other_one_by_one_in_arrays_that_are_split(desk: Desk) -> None:
    name = submitted(desk, *each_chain(7), settings=["slurm.max_array_size=3"], sleep_make="1")
    assert desk.wait(name)["status"] == "finished"
    lines = order(desk, name)
    assert Counter(lines) == Counter(dict.fromkeys(lines, 1))
    assert len(lines) == 44
    for row in range(7):
        assert lines.index(f"end make {row}") < lines.index(f"start shape {row}")
        assert lines.index(f"end shape {row}") < lines.index(f"start draw {row}")
    assert lines[-2] == "start merge 0"
    journal = [line.split() for line in desk.file(f"runs/{name}/state/slurm.jobs").splitlines()]
    assert [key for _, key, *_ in journal if key.startswith("shape/")] == ["shape/0", "shape/1", "shape/2"]
    assert sum(line[-1].startswith("aftercorr:") for line in journal) == 6


def test_chunks_and_pairs(desk: Desk) -> None:
    two_by_two = [[2 * row, 2 * row + 1] for row in range(3)]
    join = Template("join", JOB.replace("STEP", "join"), rows=3, needs={"make": two_by_two})
    name = submitted(desk, job("make", rows=6), join, job("after", rows=3, each=["join"]), settings=["rows_per_job=2"])
    assert desk.wait(name)["status"] == "finished"
    lines = order(desk, name)
    assert len(lines) == len(set(lines)) == 24
    for row, parents in enumerate(two_by_two):
        assert all(lines.index(f"end make {parent}") < lines.index(f"start join {row}") for parent in parents)


def test_two_runs_of_one_analysis_at_a_time(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo one >>order.txt; sleep 1", "echo two >>order.txt"))
    names = [desk.run(*HERE), desk.run(*HERE)]
    assert names == ["test.1", "test.2"]
    for name in names:
        assert desk.wait(name)["status"] == "finished"
        assert order(desk, name) == ["one", "two"]


def test_calls_of_slurm_are_counted_by_steps_and_not_by_rows(desk: Desk) -> None:
    count = 'echo "${0##*/}" >>CALLS; exec "/usr/bin/${0##*/}" "$@"'.replace("CALLS", f"{desk.folder}/calls")
    tools = ("sbatch", "squeue", "scontrol", "scancel", "sacct", "sinfo", "srun")
    env = wrap(desk, **dict.fromkeys(tools, count))
    steps = [job("step0", rows=100), *(job(f"step{n}", rows=100, each=[f"step{n - 1}"]) for n in range(1, 4))]
    name = compiled(desk, *steps, job("merge", "step3"), settings=["rows_per_job=10"])
    begun = time.monotonic()
    desk.reana_batch("submit", f"runs/{name}", env=env)
    print(f"submitting 5 steps of 401 rows took {time.monotonic() - begun:.1f} s")
    calls = Counter(desk.file("calls").split())
    # sbatch: one call for each step and two for finalisers. scontrol: one for MaxArraySize and one for the release.
    assert calls == {"sbatch": 5 + 2, "scontrol": 2}
    desk.reana_batch("status", "--runs", "runs", "-w", name, env=env)
    assert Counter(desk.file("calls").split()) - calls == {"squeue": 1}
    assert desk.wait(name)["progress"] == {"done": 401, "total": 401}
    until_queue(desk, set())
    # One finaliser calls squeue, finds nothing to do, and cancels the other one.
    assert Counter(desk.file("calls").split()) - calls == {"squeue": 2, "scancel": 1}


def test_jobs_get_nothing_of_the_submitters_environment(desk: Desk) -> None:
    desk.write("reana.yaml", serial("env >env.txt; pwd >pwd.txt; umask >umask.txt"))
    traps = {
        "CANARY": "tweet",
        "SLURM_ARRAY_TASK_ID": "5",  # as in a job of an array
        "SLURM_CANARY": "tweet",
        "SBATCH_PARTITION": "nonesuch",
        "SQUEUE_USERS": "bob",
        "SQUEUE_STATES": "nonesuch",
        "SCANCEL_INTERACTIVE": "yes",
    }
    desk.reana_batch("run", *HERE, "--runs", "runs", "-w", "test", env=traps)
    assert desk.reana_batch("status", "--runs", "runs", "-w", "test", env=traps)
    assert desk.wait("test.1")["status"] == "finished"
    environment = desk.file("runs/test.1/workspace/env.txt")
    assert "tweet" not in environment
    lines = environment.splitlines()
    assert {"HOME=/home/alice", "USER=alice", f"REANA_WORKSPACE={desk.folder}/runs/test.1/workspace"} <= set(lines)
    assert any(line.startswith("PATH=/usr/") for line in lines)
    assert desk.file("runs/test.1/workspace/umask.txt") == "0022\n"


# --- jobs that fail -----------------------------------------------------------------------------------


def test_a_failing_row_and_what_waits_for_it_and_then_restart(desk: Desk) -> None:
    name = submitted(desk, *each_chain(5), settings=["slurm.max_array_size=3"], fail_make_2="")
    record = desk.wait(name)
    until_queue(desk, set())
    assert record["status"] == "failed"
    first = record["first_failure"]
    assert (first["step"], first["row"], first["exit_code"]) == ("make", 2, 3)
    assert first["log"].strip() == "no luck with make 2"
    assert 'echo "start $step $row"' in first["command"]
    assert first["origin"] == "reana.yaml:1"
    assert first["host"]
    # Rows 0, 1, 3 and 4 finished all three steps. Row 2 stopped its two later rows, and so the merge.
    assert record["progress"] == {"done": 12, "total": 16}
    assert record["failed"] == 1
    assert record["not_started"] == 3
    shown = desk.reana_batch("status", "--runs", "runs", "-w", name).stdout
    assert 'Step "make", job 2 of 5 failed: the command ended with exit code 3' in shown
    assert "3 jobs not started" in shown
    assert "no luck with make 2" in desk.reana_batch("logs", "--runs", "runs", "-w", name).stdout
    (desk.path / f"runs/{name}/workspace/fail-make-2").unlink()
    desk.reana_batch("restart", "--runs", "runs", "-w", name)
    assert desk.wait("flow.1.1")["status"] == "finished"
    starts = Counter(line for line in order(desk, name) if line.startswith("start"))
    assert starts.pop("start make 2") == 2
    assert set(starts.values()) == {1}
    assert len(starts) == 15


def test_resume_runs_what_is_left_of_a_scatter(desk: Desk) -> None:
    settings = ["slurm.max_array_size=3", "rows_per_job=2"]
    name = submitted(desk, *scatter(9), settings=settings, fail_work_3="", fail_work_8="")
    record = desk.wait(name)
    assert record["status"] == "failed"
    assert record["first_failure"]["row"] in {3, 8}
    assert (record["failed"], record["not_started"]) == (2, 1)
    for row in (3, 8):
        (desk.path / f"runs/{name}/workspace/fail-work-{row}").unlink()
    desk.reana_batch("resume", "--runs", "runs", "-w", name)
    assert desk.wait(name)["status"] == "finished"
    starts = Counter(line for line in order(desk, name) if line.startswith("start"))
    assert [line for line, times in sorted(starts.items()) if times == 2] == ["start work 3", "start work 8"]
    assert len(starts) == 11


def test_a_dead_tail_goes_while_an_independent_branch_goes_on(desk: Desk) -> None:
    one = [job("one0"), *(job(f"one{n}", f"one{n - 1}") for n in range(1, 6))]
    steps = [*one, job("two0"), job("two1", "two0"), job("both", "one5", "two1")]
    name = submitted(desk, *steps, fail_one0_0="", hold_two0="")
    until_queue(desk, {"two0", "two1", "finaliser"})
    (desk.path / f"runs/{name}/workspace/hold-two0").unlink()
    record = desk.wait(name)
    assert record["status"] == "failed"
    assert record["first_failure"]["step"] == "one0"
    assert (record["progress"]["done"], record["failed"], record["not_started"]) == (2, 1, 6)
    assert order(desk, name)[-1] == "end two1 0"
    until_queue(desk, set())


def test_the_last_job_ends_while_the_finaliser_of_the_end_submits_another(desk: Desk) -> None:
    steps = [job("one"), job("two0"), job("two1", "two0"), job("both", "one", "two1")]
    name = submitted(desk, *steps, fail_one_0="", sleep_one="2", sleep_two0="6")
    wait = f"touch {desk.folder}/called; while squeue -h --name=two0,two1 | grep .; do sleep 0.2; done"
    late = f"case $* in *'finaliser.sbatch end '*) {wait} ;; esac >&2"
    wrap(desk, sbatch=f'{late}\nexec /usr/bin/sbatch "$@"')
    desk.write(f"runs/{name}/state/slurm.tools", f"{desk.folder}/bin\n")
    assert desk.wait(name)["status"] == "failed"
    assert (desk.path / "called").exists()
    until_queue(desk, set(), 60)


def test_a_run_that_is_deleted_before_it_is_tidied_up_leaves_nothing(desk: Desk) -> None:
    name = submitted(desk, *scatter(2), sleep_merge="3")
    finaliser = desk.file(f"runs/{name}/state/slurm.jobs").splitlines()[-1].split()[0]
    desk.box.alice("scontrol", "hold", finaliser)
    assert desk.wait(name)["status"] == "finished"
    desk.reana_batch("delete", "--runs", "runs", "-w", name)
    until_queue(desk, set(), 5)


def test_an_id_that_slurm_has_given_anew_is_not_cancelled(desk: Desk) -> None:
    name = submitted(desk, *scatter(2))
    assert desk.wait(name)["status"] == "finished"
    until_queue(desk, set())
    other = desk.box.alice("sbatch", "--parsable", "--wrap=sleep 60", f"--chdir={desk.folder}").stdout.strip()
    # A Slurm that lost its state reuses ids from the first one on. The journal is changed to such an id.
    journal = desk.file(f"runs/{name}/state/slurm.jobs").splitlines()
    desk.write(f"runs/{name}/state/slurm.jobs", " ".join([other, *journal[0].split()[1:]]) + "\n")
    assert desk.status(name)["status"] == "finished"
    desk.reana_batch("delete", "--runs", "runs", "-w", name)
    queued = desk.box.alice("squeue", "--noheader", "--format=%T", f"--jobs={other}").stdout.split()
    assert queued in (["PENDING"], ["RUNNING"])
    desk.box.alice("scancel", other)


def test_a_failure_at_the_top_of_a_long_chain_is_tidied_up_in_one_go(desk: Desk) -> None:
    steps = [job("step0"), *(job(f"step{n}", f"step{n - 1}") for n in range(1, 40))]
    begun = time.monotonic()
    name = submitted(desk, *steps, fail_step0_0="")
    record = desk.wait(name, 20)
    print(f"a chain of 40 steps was submitted, failed and tidied up in {time.monotonic() - begun:.1f} s")
    assert (record["status"], record["not_started"]) == ("failed", 39)
    until_queue(desk, set())


def test_a_job_cancelled_by_hand(desk: Desk) -> None:
    name = submitted(desk, *scatter(3), sleep_work="30")
    until_started(desk, name, "work", 3)
    array = next(line.split()[0] for line in desk.file(f"runs/{name}/state/slurm.jobs").splitlines() if "work/" in line)
    desk.box.alice("scancel", f"{array}_1")
    desk.write(f"runs/{name}/workspace/sleep-work", "0")
    desk.box.alice("bash", "-c", f"sleep 3; scancel {array}_0 {array}_2")
    record = desk.wait(name)
    assert record["status"] == "failed"
    assert record["first_failure"]["cause"] == "the job was ended from outside, by scancel"
    assert (record["failed"], record["not_started"]) == (3, 1)
    until_queue(desk, set())


def test_stop_and_resume(desk: Desk) -> None:
    name = submitted(desk, *scatter(4), sleep_work="30")
    until_started(desk, name, "work", 4)
    desk.reana_batch("stop", "--runs", "runs", "-w", name)
    assert desk.status(name)["status"] == "stopped"
    desk.write(f"runs/{name}/workspace/sleep-work", "0")
    journal = desk.file(f"runs/{name}/state/slurm.jobs")
    silent = wrap(desk, squeue='echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1')
    assert desk.reana_batch("resume", "--runs", "runs", "-w", name, check=False, env=silent).returncode == 3
    assert desk.file(f"runs/{name}/state/slurm.jobs") == journal
    desk.reana_batch("resume", "--runs", "runs", "-w", name)
    assert desk.wait(name)["status"] == "finished"
    starts = Counter(line for line in order(desk, name) if line.startswith("start"))
    assert starts["start prepare 0"] == starts["start merge 0"] == 1
    until_queue(desk, set())


# --- submissions that fail ----------------------------------------------------------------------------


def refused(desk: Desk, name: str, env: dict[str, str] | None = None) -> str:
    """Submit jobs that Slurm refuses, and return the messages. No job is left, and a later submission succeeds."""
    answer = desk.reana_batch("submit", f"runs/{name}", check=False, env=env)
    assert answer.returncode == 3
    assert desk.status(name)["status"] == "created"
    assert not desk.slurm_jobs()
    return " ".join(answer.stderr.split())


@pytest.mark.parametrize(
    ("asked", "cure", "words"),
    [
        ({"slurm_partition": "nonesuch"}, "/partition/d", "sbatch refused step3/0: sbatch: error: invalid partition"),
        ({"kubernetes_memory_limit": "900Gi"}, "/--mem=/d", "sbatch refused step3/0: sbatch: error: Memory spec"),
    ],
)
def test_a_refusal_half_way_leaves_nothing(desk: Desk, asked: dict[str, str], cure: str, words: str) -> None:
    flow = json.loads(serial("echo 1 >>order.txt", "echo 2 >>order.txt", "echo 3 >>order.txt", "true"))
    flow["workflow"]["specification"]["steps"][2] |= asked
    desk.write("reana.yaml", json.dumps(flow))
    answer = desk.reana_batch("run", *HERE, "--runs", "runs", "-w", "test", check=False)
    assert words in " ".join(answer.stderr.split())
    assert "cancelling the 2 jobs and arrays accepted so far" in " ".join(answer.stderr.split())
    assert words in refused(desk, "test.1")
    script = f"{desk.folder}/runs/test.1/batch/steps/step3/job.sbatch"
    desk.box.alice("sed", "-i", cure, script)
    desk.reana_batch("submit", "runs/test.1")
    assert desk.wait("test.1")["status"] == "finished"
    assert order(desk, "test.1") == ["1", "2", "3"]


# A wrapper of sbatch that fails at one of its calls. It forwards the others.
UNANSWERED = """echo >>{calls}
[[ $(wc -l <{calls}) == {call} ]] || exec /usr/bin/sbatch "$@"
{meanwhile}
echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
exit 1"""


def unanswered(desk: Desk, call: int, meanwhile: str) -> dict[str, str]:
    """Return the environment in which sbatch runs ``meanwhile`` at one call and gives no answer."""
    return wrap(desk, sbatch=UNANSWERED.format(calls=f"{desk.folder}/calls", call=call, meanwhile=meanwhile))


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        pytest.param('/usr/bin/sbatch "$@" >/dev/null', "found", id="accepted"),
        pytest.param("", "tried again", id="lost"),
        pytest.param('(sleep 6; /usr/bin/sbatch "$@") >/dev/null 2>&1 &', "tried again", id="accepted-late"),
    ],
)
def test_no_job_runs_twice_when_sbatch_gives_no_answer(desk: Desk, accepted: str, words: str) -> None:
    env = unanswered(desk, 2, accepted)
    name = compiled(desk, *scatter(3), sleep_prepare="6" if "sleep" in accepted else "0")
    desk.reana_batch("submit", f"runs/{name}", env=env)
    assert len(desk.file("calls").splitlines()) == (5 if words == "found" else 6)
    assert desk.wait(name)["status"] == "finished"
    until_queue(desk, set())
    assert len(order(desk, name)) == len(set(order(desk, name))) == 10
    assert len(list((desk.path / "bin").iterdir())) == 1


@pytest.mark.parametrize("signal", ["INT", "KILL"])
def test_an_interrupted_submission(desk: Desk, signal: str) -> None:
    interrupt = f'read -r _ _ pid <state/slurm.submitting; kill -{signal} "$pid"; exec /usr/bin/sbatch "$@"'
    env = unanswered(desk, 2, interrupt)
    name = compiled(desk, *scatter(3))
    if signal == "INT":
        assert "interrupted cancelling the 2 jobs and arrays" in refused(desk, name, env).replace("reana-batch: ", "")
    else:
        assert desk.reana_batch("submit", f"runs/{name}", check=False, env=env).returncode == 3
        until_queue(desk, {"prepare", "work"})
    desk.reana_batch("submit", f"runs/{name}")
    assert desk.wait(name)["status"] == "finished"
    until_queue(desk, set())
    assert len(order(desk, name)) == len(set(order(desk, name))) == 10


def kill_controller(desk: Desk) -> None:
    desk.box.kill("cat /run/slurm/slurmctld.pid")


def start_controller(desk: Desk) -> None:
    desk.box.up("slurm")


def refused_while_down(desk: Desk, name: str) -> str:
    """Submit without slurmctld, then again with it, and wait. Return the first messages."""
    kill_controller(desk)
    try:
        env = {"REANA_BATCH_SBATCH_TIMEOUT": "5"}
        answer = desk.reana_batch("submit", f"runs/{name}", check=False, env=env)
    finally:
        start_controller(desk)
    assert answer.returncode == 3
    assert desk.status(name)["status"] == "created"
    desk.reana_batch("submit", f"runs/{name}")
    assert desk.wait(name)["status"] == "finished"
    return " ".join(answer.stderr.split())


def test_a_controller_that_is_down(desk: Desk) -> None:
    assert "Slurm gave no answer for prepare/0" in refused_while_down(desk, compiled(desk, *scatter(2)))


def test_a_controller_that_comes_back_with_the_chain_queued(desk: Desk) -> None:
    name = submitted(desk, *each_chain(3), sleep_make="8")
    until_started(desk, name, "make", 3)
    # A killed slurmctld loses what it has not saved. It saves within five seconds.
    saved = 'until [ -n "$(find /var/spool/slurmctld/job_state -newer now)" ]; do sleep 0.2; done'
    desk.box.root("bash", "-c", f"cd {desk.folder} && touch now && {saved}")
    kill_controller(desk)
    time.sleep(4)  # meanwhile the jobs end
    start_controller(desk)
    assert desk.wait(name)["status"] == "finished"
    assert len(order(desk, name)) == len(set(order(desk, name))) == 20


def test_arrays_too_large_for_the_site_and_records_that_slurm_forgets(desk: Desk) -> None:
    large = compiled(desk, *scatter(5))
    desk.box.slurm(MaxArraySize=4)
    try:
        said = refused(desk, large)
        assert "arrays of up to 4 elements, not 5; compile it again with --set slurm.max_array_size=4" in said
        desk.box.root("rm", "-r", f"{desk.folder}/runs/{large}")
        name = submitted(desk, *scatter(5), settings=["slurm.max_array_size=4"], fail_work_4="")
        desk.write("reana.yaml", serial(MEMORY_HOG, kubernetes_memory_limit="64Mi"))
        hog = desk.run(*HERE)
        desk.wait(name)
        desk.wait(hog)
        # A finaliser records jobs that Slurm ended. It asks before slurmctld forgets them, which happens once a minute.
        eventually((desk.path / f"runs/{hog}/state/step1/0.failed").exists, 60)
        desk.box.slurm(MaxArraySize=4, MinJobAge=2)
        eventually(lambda: not desk.box.alice("squeue", "--noheader", "--states=all").stdout, 120)
        assert desk.status(name)["first_failure"]["row"] == 4
        assert desk.status(name)["not_started"] == 1
        assert desk.status(hog)["first_failure"]["cause"] == "the job was ended from outside, by its memory limit"
        assert desk.status(hog)["status"] == "failed"
    finally:
        desk.box.slurm()


# --- jobs that are ended by Slurm ---------------------------------------------------------------------

MEMORY_HOG = "echo start; x=$$(head -c 300000000 /dev/zero | tr '\\0' x); sleep 60"


def job_ids(desk: Desk, name: str) -> dict[str, str]:
    """Return the id of each submission by its key."""
    lines = desk.file(f"runs/{name}/state/slurm.jobs").splitlines()
    return {key: identity for identity, key, *_ in map(str.split, lines)}


def test_a_job_that_ran_out_of_memory_is_resumed_with_more(desk: Desk) -> None:
    desk.write("reana.yaml", serial(MEMORY_HOG.replace("60", "1"), "true", kubernetes_memory_limit="64Mi"))
    name = desk.run(*HERE)
    cure = desk.wait(name)["cure"]
    assert cure == f"reana-batch resume -w runs/{name} --step step1 --memory 128Mi"
    desk.reana_batch(*cure.split()[1:-1], "1000Mi", "--runtime", "90s")
    identity = job_ids(desk, name)["step1/0"]
    shown = desk.box.alice("squeue", "--noheader", "--states=all", "--format=%m %l", f"--jobs={identity}")
    assert shown.stdout == "1000M 2:00\n"
    assert desk.wait(name)["status"] == "finished"


def test_a_shell_on_a_worker_has_what_the_job_had(desk: Desk) -> None:
    desk.write(
        "reana.yaml", serial("ulimit -a; env; exit 4", kubernetes_memory_limit="200Mi", htcondor_request_cpus="2")
    )
    name = desk.run(*HERE)
    desk.wait(name)
    words = ("reana-batch", "shell", "--runs", "runs", "-w", name, "step1", "--on-worker")
    script = "pwd; echo $SLURM_CPUS_ON_NODE $SLURM_MEM_PER_NODE $MINE; exit 5"
    shell = desk.box.alice(*words, cwd=desk.folder, input=script, check=False, env={"MINE": "mine"})
    assert (shell.returncode, shell.stdout) == (5, f"{desk.folder}/runs/{name}/workspace\n2 200\n"), shell.stderr
    assert "/batch/steps/step1/command.1, which is not run:\n  ulimit -a; env; exit 4\n" in shell.stderr
    assert desk.status(name)["status"] == "failed"


def test_a_job_ended_by_its_time_limit(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo begin; sleep 100", "true", slurm_time="1"))
    name = desk.run(*HERE)
    desk.until(name, lambda record: record["status"] == "running")
    identity = job_ids(desk, name)["step1/0"]
    assert desk.box.alice("squeue", "--noheader", "--format=%l", f"--jobs={identity}").stdout == "1:00\n"
    desk.box.root("scontrol", "update", f"JobId={identity}", "EndTime=now+2")  # a minute is the least one can ask for
    record = desk.wait(name)
    assert record["status"] == "failed"
    assert record["first_failure"]["cause"] == "the job was ended from outside, by its time limit"
    assert record["first_failure"]["log"] == "begin"
    assert record["first_failure"]["command"].startswith("echo begin")
    assert record["not_started"] == 1
    until_queue(desk, set())


@pytest.fixture
def no_requeue(desk: Desk) -> Iterator[None]:
    """Slurm as at sites where only jobs that ask for it are requeued."""
    desk.box.slurm(JobRequeue=0)
    yield
    desk.box.slurm()


@pytest.mark.usefixtures("no_requeue")
def test_a_node_that_fails(desk: Desk) -> None:
    name = submitted(desk, *scatter(2), sleep_prepare="3")
    for line in desk.file(f"runs/{name}/state/slurm.jobs").splitlines():
        assert "Requeue=1" in desk.box.alice("scontrol", "show", "job", line.split()[0]).stdout
    until_started(desk, name, "prepare")
    identity = job_ids(desk, name)["prepare/0"]
    node = desk.box.root("squeue", "--noheader", "--format=%N", f"--jobs={identity}").stdout.strip()
    crash = f"""
        stepd=$(pgrep -f 'slurmstepd: .{identity}[.]batch')
        script=$(pgrep -P $stepd)
        . /opt/site/lib.sh
        end KILL $(cat /run/slurm/slurmd.{node}.pid) $stepd $script $(pgrep -P $script) $(pgrep -g $(pgrep -P $script))
        scontrol update nodename={node} state=down reason=crash
        slurmd -N {node}
        sleep 5  # until Slurm has stopped killing what was on the node
        scontrol update JobId={identity} StartTime=now || :  # Slurm 24.11 would wait two minutes"""
    desk.box.root("bash", "-c", crash)
    assert desk.wait(name)["status"] == "finished"
    assert Counter(order(desk, name)) == Counter(
        [
            "start prepare 0",
            *(f"{word} {job}" for word in ("start", "end") for job in ("prepare 0", "work 0", "work 1", "merge 0")),
        ]
    )


# --- places that cannot be written --------------------------------------------------------------------


def test_a_full_disk(desk: Desk) -> None:
    desk.box.root("mkdir", f"{desk.folder}/runs")
    desk.box.root("mount", "-t", "tmpfs", "-o", "size=400k,mode=777", "none", f"{desk.folder}/runs")
    try:
        desk.write("reana.yaml", serial("echo begin; head -c 1000000 /dev/zero >fill", "true"))
        name = desk.run(*HERE)
        record = desk.wait(name)
        shown = desk.reana_batch("status", "--runs", "runs", "-w", name).stdout
        print(shown)
        until_queue(desk, set())
        assert record["status"] == "failed"
    finally:
        desk.box.root("umount", f"{desk.folder}/runs")


def test_logs_that_cannot_be_written(desk: Desk) -> None:
    name = compiled(desk, *scatter(2))
    desk.box.root("chown", "-R", "root:root", f"{desk.folder}/runs/{name}/logs/work")
    desk.reana_batch("submit", f"runs/{name}")
    record = desk.wait(name)
    shown = desk.reana_batch("status", "--runs", "runs", "-w", name).stdout
    print(shown)
    assert (record["status"], record["progress"]["done"]) == ("failed", 1)
    until_queue(desk, set())


def test_release_that_slurmctld_has_forgotten_is_made_good_by_resume(desk: Desk) -> None:
    forgetful = wrap(desk, scontrol='[ "$1" = release ] || exec /usr/bin/scontrol "$@"')
    name = compiled(desk, *scatter(3))
    desk.reana_batch("submit", f"runs/{name}", env=forgetful)
    [held] = desk.status(name)["held"]
    assert (held["step"], held["reason"]) == ("prepare", "held by its owner; to continue: reana-batch resume")
    assert desk.reana_batch("resume", "--runs", "runs", "-w", name).stdout == (
        f"==> SUCCESS: {name} goes on; released: {held['id']}.\n"
    )
    assert desk.wait(name)["status"] == "finished"
    assert len(order(desk, name)) == 10


@pytest.mark.parametrize("verb", ["hold", "cancel"])
def test_resume_makes_good_what_was_done_to_finalisers(desk: Desk, verb: str) -> None:
    name = submitted(desk, job("one"), job("two", "one"), hold_one="", fail_one_0="")
    until_started(desk, name, "one")
    journal = [line.split() for line in desk.file(f"runs/{name}/state/slurm.jobs").splitlines()]
    finalisers = {id_: key for id_, key, *_ in journal if key.startswith(".finaliser/")}
    assert sorted(finalisers.values()) == [".finaliser/end", ".finaliser/failure"]
    desk.box.alice(*(("scontrol", "hold", ",".join(finalisers)) if verb == "hold" else ("scancel", *finalisers)))
    (desk.path / f"runs/{name}/workspace/hold-one").unlink()
    eventually(lambda: "two PENDING DependencyNeverSatisfied" in desk.slurm_jobs(), 60, desk.slurm_jobs)
    shown = desk.reana_batch("status", "--runs", "runs", "-w", name).stdout
    assert re.search(
        r"WARNING: the finaliser \(\d+ and 1 more\) does not go on: .*to continue: reana-batch resume", shown
    )
    assert "DAGMan" not in shown
    desk.reana_batch("resume", "--runs", "runs", "-w", name)
    record = desk.wait(name)
    assert (record["status"], record["failed"], record["not_started"]) == ("failed", 1, 1)
    until_queue(desk, set())


def test_a_finaliser_that_was_cancelled_is_missed_at_once(desk: Desk) -> None:
    name = submitted(desk, job("one"), job("two", "one"), hold_one="")
    until_started(desk, name, "one")
    journal = [line.split() for line in desk.file(f"runs/{name}/state/slurm.jobs").splitlines()]
    (failure,) = [id_ for id_, key, *_ in journal if key == ".finaliser/failure"]
    desk.box.alice("scancel", failure)
    eventually(lambda: [job["id"] for job in desk.status(name)["held"]] == [failure])
    desk.reana_batch("resume", "--runs", "runs", "-w", name)
    assert desk.status(name)["held"] == []
    (desk.path / f"runs/{name}/workspace/hold-one").unlink()
    assert desk.wait(name)["status"] == "finished"
    until_queue(desk, set())


def test_one_resume_is_enough_after_a_crash_that_loses_the_chain(desk: Desk) -> None:
    name = compiled(desk, *each_chain(3))
    desk.reana_batch("submit", f"runs/{name}")
    kill_controller(desk)  # before it has saved the last jobs and the release of the first ones
    start_controller(desk)
    record = desk.status(name)
    if record["held"] or record["status"] == "failed":  # the usual case
        desk.reana_batch("resume", "--runs", "runs", "-w", name)
    assert desk.wait(name)["status"] == "finished"
    until_queue(desk, set())
