"""Real HTCondor: alice runs DAGs on the box's pool, with a shared file system."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Desk, eventually, serial
from .flows import Template, submit_flow

pytestmark = pytest.mark.site

SITE = "generic-htcondor"
BARE = "container_runtime=none"
HERE = ("--site", SITE, "--set", BARE)

# Row I of the step adds "STEP I" to "began" and, at its end, to "ended"; O_APPEND keeps short lines whole.
JOB = "echo {0} {{row}} $(date +%s%N) >>began; {1}echo {0} {{row}} $(date +%s%N) >>ended"


@pytest.fixture(autouse=True)
def clean_queue(desk: Desk) -> Iterator[None]:
    """Remove the jobs that a failed test left in the queue."""
    yield
    desk.empty_htcondor()


def job(name: str, work: str = "") -> str:
    """Return the command of a step that notes when each row began and ended."""
    return JOB.format(name, work and f"{work}; ")


def times(desk: Desk, run: str, which: str) -> dict[tuple[str, int], int]:
    """Return the nanosecond at which each row began or ended. Fails if a row did so twice."""
    lines = [line.split() for line in desk.file(f"runs/{run}/workspace/{which}").splitlines()]
    found = {(step, int(row)): int(when) for step, row, when in lines}
    assert len(found) == len(lines), f"a row {which} twice"
    return found


def starts(desk: Desk, run: str) -> Counter[str]:
    """Return how often each row began, as ``STEP ROW``."""
    return Counter(line.rpartition(" ")[0] for line in desk.file(f"runs/{run}/workspace/began").splitlines())


def by_tools(desk: Desk) -> dict[str, str]:
    """Return an environment without the bindings. Each of HTCondor's tools notes its call in ``calls``."""
    desk.write("no-bindings/sitecustomize.py", "import sys\nsys.modules['htcondor2'] = None\n")
    for tool in ("condor_submit_dag", "condor_q", "condor_rm"):
        desk.write(f"bin/{tool}", f'#!/bin/bash\necho {tool} >>{desk.folder}/calls\nexec /usr/bin/{tool} "$@"\n')
        (desk.path / "bin" / tool).chmod(0o755)
    path = f"{desk.folder}/bin:/usr/local/bin:/usr/bin:/bin"
    return {"PYTHONPATH": f"{desk.folder}/no-bindings", "PATH": path}


def by_bindings(desk: Desk) -> dict[str, str]:
    """Return an environment in which the bindings note each call of the schedd in ``calls``."""
    desk.write(
        "spy/sitecustomize.py",
        "import htcondor2\n"
        "def spy(name):\n"
        "    real = getattr(htcondor2.Schedd, name)\n"
        "    def noting(*words, **more):\n"
        f"        print(name, file=open('{desk.folder}/calls', 'a'))\n"
        "        return real(*words, **more)\n"
        "    setattr(htcondor2.Schedd, name, noting)\n"
        "for name in ('query', 'submit', 'act'):\n"
        "    spy(name)\n",
    )
    return {"PYTHONPATH": f"{desk.folder}/spy"}


def sample_by_make(sample: Path, folder: Path) -> Path:
    """Return the workspace of the sample after a run with make on this machine."""
    tool = Path(sys.executable).with_name("reana-batch")
    subprocess.run(
        [tool, "run", "-f", sample, "--backend", "make", "--runs", folder, "-w", "made"],
        check=True,
        capture_output=True,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
    )
    return folder / "made.1" / "workspace"


# --- whole analyses ------------------------------------------------------------------------------


def test_bindings_and_tools_run_a_sample_alike_and_make_no_needless_call(desk: Desk, tmp_path: Path) -> None:
    desk.copy(ROOT / "samples" / "wordcount", "wordcount")
    runs = {"µ → é $HOME 'a run'": by_bindings(desk), "tools": by_tools(desk)}
    for folder, environment in runs.items():
        submit = ("run", *HERE, "-f", "wordcount", "--runs", folder, "-w", "words")
        desk.reana_batch(*submit, env=environment)
    assert Counter(desk.file("calls").split()) == {"submit": 1, "condor_submit_dag": 1}
    (desk.path / "calls").unlink()
    for folder, environment in runs.items():
        desk.reana_batch("status", "--runs", folder, "-w", "words", env=environment)
    assert Counter(desk.file("calls").split()) == {"query": 1, "condor_q": 1}
    expected = sample_by_make(ROOT / "samples" / "wordcount", tmp_path)
    for folder in runs:
        desk.reana_batch("wait", "--runs", folder, "-w", "words")
        workspace = desk.path / folder / "words.1" / "workspace"
        for result in ("results/counts.txt", "results/word report.txt"):
            assert (workspace / result).read_bytes() == (expected / result).read_bytes()


def test_two_runs_at_once_keep_every_edge(desk: Desk) -> None:
    pairs = [(2 * row, 2 * row + 1) for row in range(25)]
    steps = (
        Template("first", job("first").replace("{row}", "0")),
        Template("make", job("make"), rows=50, needs={"first": "all"}),
        Template("fit", job("fit"), rows=50, needs={"make": "each"}),
        Template("pair", job("pair"), rows=25, needs={"fit": pairs}),
        Template("left", job("left").replace("{row}", "0"), needs={"first": "all"}),
        Template("last", job("last").replace("{row}", "0"), needs={"pair": "all", "left": "all"}),
    )
    single = submit_flow(desk, "single", SITE, *steps, settings=[BARE])
    chunked = submit_flow(desk, "chunked", SITE, *steps, settings=[BARE, "rows_per_job=7"])
    for run in (chunked, single):
        assert desk.wait(run)["status"] == "finished"
        began, ended = times(desk, run, "began"), times(desk, run, "ended")
        assert len(began) == len(ended) == 1 + 50 + 50 + 25 + 1 + 1
        assert all(began["make", row] > ended["first", 0] for row in range(50))
        assert all(began["fit", row] > ended["make", row] for row in range(50))
        assert all(began["pair", row] > max(ended["fit", p] for p in pairs[row]) for row in range(25))
        assert began["last", 0] > max(when for (step, _), when in ended.items() if step != "last")


# --- failures and resumed runs ----------------------------------------------------------------------


def failing_flow(desk: Desk, name: str) -> str:
    work = "if [ {row} = 3 ] && [ ! -e cured ]; then echo no luck >&2; exit 7; fi"
    fit = Template("fit", job("fit", work), rows=6)
    merge = Template("merge", job("merge").replace("{row}", "0"), needs={"fit": "all"})
    return submit_flow(desk, name, SITE, fit, merge, settings=[BARE])


def test_a_failing_row_is_shown_and_others_finish_and_restart_and_resume_go_on(desk: Desk) -> None:
    runs = [failing_flow(desk, "again"), failing_flow(desk, "on")]
    for run in runs:
        record = desk.wait(run)
        assert record["status"] == "failed"
        assert record["progress"] == {"done": 5, "total": 7}
        failure = record["first_failure"]
        assert (failure["step"], failure["row"], failure["exit_code"]) == ("fit", 3, 7)
        assert (failure["origin"], failure["host"], failure["log"]) == ("reana.yaml:1", "login.site.test", "no luck")
        assert "if [ 3 = 3 ]" in failure["command"]
        desk.write(f"runs/{run}/workspace/cured", "")
    again = json.loads(desk.reana_batch("restart", "--runs", "runs", "-w", runs[0], "--json").stdout)
    assert (again["name"], again["done"]) == ("again.1.1", 5)
    desk.reana_batch("resume", "--runs", "runs", "-w", runs[1])
    for started, ended in ((runs[0], "again.1.1"), (runs[1], runs[1])):
        assert desk.wait(ended)["status"] == "finished"
        assert starts(desk, started) == {f"fit {row}": 1 + (row == 3) for row in range(6)} | {"merge 0": 1}


def test_a_run_that_is_deleted_while_dagman_looks_at_its_end_leaves_nothing(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo done >here"))
    run = desk.run(*HERE)
    eventually((desk.path / f"runs/{run}/state/step1/0.done").exists, 60)
    desk.reana_batch("delete", "--runs", "runs", "-w", run)
    eventually(lambda: not desk.condor_jobs(), 10, desk.condor_jobs)


def test_a_job_is_retried_and_an_output_is_missed(desk: Desk) -> None:
    work = "n=$(grep -c ^twice began); [ $n -gt 2 ] || exit 1"
    lucky = Template("twice", job("twice", work).replace("{row}", "0"), outputs=("ended",))
    unlucky = Template("never", "true", outputs=("results/fit.json",))
    runs = [submit_flow(desk, t.name, SITE, t, settings=[BARE, "htcondor.retries=2"]) for t in (lucky, unlucky)]
    assert desk.wait(runs[0])["status"] == "finished"
    assert starts(desk, runs[0]) == {"twice 0": 3}
    record = desk.wait(runs[1])
    assert record["first_failure"]["cause"] == (
        "the command succeeded, but declared outputs are missing: results/fit.json"
    )


# --- ended from outside --------------------------------------------------------------------------


def test_stop_ends_the_jobs_and_resume_goes_on(desk: Desk) -> None:
    work = "echo $$ >>pid; [ -e cured ] || sleep 1000"
    run = submit_flow(desk, "long", SITE, Template("sleep", job("sleep", work), rows=1), settings=[BARE])
    eventually((desk.path / f"runs/{run}/workspace/pid").exists, 60)
    desk.reana_batch("stop", "--runs", "runs", "-w", run)
    assert desk.status(run)["status"] == "stopped"
    desk.write(f"runs/{run}/workspace/cured", "")
    resume = partial(desk.reana_batch, "resume", "--runs", "runs", "-w", run, check=False)
    eventually(lambda: "still in the queue" not in resume().stderr)
    pid = desk.file(f"runs/{run}/workspace/pid").split()[0]
    assert desk.box.root("test", "-e", f"/proc/{pid}", check=False).returncode != 0, "the job outlived the run"
    assert desk.wait(run)["status"] == "finished"


@pytest.mark.parametrize("victim", ["dagman", "schedd"])
def test_a_killed_daemon_repeats_nothing(desk: Desk, victim: str) -> None:
    steps = (
        Template("a", job("a", "sleep 4"), rows=3),
        Template("b", job("b", "sleep 2"), rows=3, needs={"a": "each"}),
    )
    run = submit_flow(desk, "killed", SITE, *steps, settings=[BARE])
    eventually((desk.path / f"runs/{run}/workspace/began").exists, 60)
    if victim == "dagman":
        pid = desk.file(f"runs/{run}/batch/workflow.dag.dagman.out").partition("** PID = ")[2].split()[0]
        desk.box.kill(f"echo {pid}")
    else:
        desk.box.kill("pidof condor_schedd")
    desk.box.up("condor")  # waits until the schedd answers again
    assert desk.wait(run)["status"] == "finished"
    assert starts(desk, run) == {f"{step} {row}": 1 for step in "ab" for row in range(3)}


@pytest.mark.parametrize("way", [by_bindings, by_tools])
def test_jobs_held_by_hand_go_on_by_resume(desk: Desk, way: Callable[[Desk], dict[str, str]]) -> None:
    desk.write("reana.yaml", serial("until [ -e go ]; do sleep 0.3; done"))
    run = desk.run(*HERE)
    desk.until(run, lambda record: record["status"] == "running")
    desk.box.alice("condor_hold", "-constraint", f'Iwd == "{desk.folder}/runs/{run}" && JobUniverse == 5')
    [held] = desk.until(run, lambda record: bool(record["held"]))["held"]
    assert held["reason"].startswith("held by hand")
    desk.write(f"runs/{run}/workspace/go", "")
    answer = desk.reana_batch("resume", "--runs", "runs", "-w", run, env=way(desk))
    assert answer.stdout == f"==> SUCCESS: {run} goes on; released: {held['id']}.\n"
    assert desk.wait(run)["status"] == "finished"


def test_time_limits_memory_and_removal_are_told_in_plain_words(desk: Desk) -> None:
    limited = serial("sleep 1000", htcondor_max_runtime="3")
    greedy = serial(
        "x=$$(head -c 200M /dev/zero | tr '\\0' x); until [ -e cured ]; do sleep 1; done",
        htcondor_request_memory="64 MB",
    )
    cases = {
        "limit": (limited, ()),
        "cern": (limited, ("--set", "htcondor.job_flavours=true")),
        "memory": (greedy, ()),
        "removed": (serial("sleep 1000"), ()),
        "refused": (serial("true", htcondor_requirements="foo bar("), ()),
        "killed": (serial("kill -9 $$PPID; sleep 100"), ()),
    }
    for name, (analysis, settings) in cases.items():
        desk.write(f"{name}/reana.yaml", analysis)
        desk.run(*HERE, *settings, "-f", name, name=name)
    desk.until("removed.1", lambda record: record["status"] == "running")
    desk.box.alice("condor_rm", "-constraint", f'Iwd == "{desk.folder}/runs/removed.1" && JobUniverse == 5')
    held = desk.until("memory.1", lambda record: bool(record["held"]))["held"][0]
    assert held["step"] == "step1"
    assert held["reason"] == (
        "it used more memory than it asked for (Job has gone over its memory limit of 64 megabytes."
        f" Last measured usage: {re.findall('usage: ([0-9]+)', held['reason'])[0]} megabytes);"
        " to continue: reana-batch resume --memory SIZE"
    )
    cure = desk.status("memory.1")["cure"]
    assert cure == "reana-batch resume -w runs/memory.1 --step step1 --memory 128Mi"
    desk.reana_batch(*cure.split()[1:-1], "1000Mi")
    asked = desk.box.alice("condor_q", held["id"], "-af", "RequestMemory").stdout
    assert (asked, "request_memory = 1000 MB" in desk.file("runs/memory.1/batch/steps/step1/job.sub")) == (
        "1000\n",
        True,
    )
    desk.write("runs/memory.1/workspace/cured", "")
    assert desk.wait("memory.1")["status"] == "finished"
    causes = {name: desk.wait(f"{name}.1")["first_failure"]["cause"] for name in cases if name != "memory"}
    refused = causes.pop("refused")
    assert refused.startswith(
        "the job was refused by HTCondor (Submit:-1:Parse error in expression: Requirements = (foo bar("
    )
    assert causes == {
        "limit": "the job was removed because it reached its time limit",
        "cern": "the job was removed because it reached its time limit",
        "removed": "the job was removed by hand by alice",
        "killed": "the job was killed by signal 9, mostly for memory",
    }


def test_a_shell_on_a_worker_has_what_the_job_had(desk: Desk) -> None:
    desk.write("reana.yaml", serial("exit 4", htcondor_request_memory="200 MB"))
    name = desk.run(*HERE)
    desk.wait(name)
    words = ("reana-batch", "shell", "--runs", "runs", "-w", name, "step1", "--on-worker")
    script = "pwd; grep ^RequestMemory $_CONDOR_JOB_AD; echo $MINE; exit 5"
    shell = desk.box.alice(*words, cwd=desk.folder, input=script, check=False, env={"MINE": "mine"})
    found = f"{desk.folder}/runs/{name}/workspace\nRequestMemory = 200\n\n"
    assert (shell.returncode, shell.stdout) == (5, found), shell.stderr
    assert "/batch/steps/step1/command.1, which is not run:\n  exit 4\n" in shell.stderr
    assert desk.status(name)["status"] == "failed"
    assert desk.box.alice("condor_q", "-af", "ClusterId").stdout == ""


# --- images and the environment ------------------------------------------------------------------

TREE, SIF = "/opt/images/py", "/opt/images/py.sif"
PYTHON = "python3 -c 'import sys, os; print(sys.version_info[0], os.getcwd())' >\"$$REANA_WORKSPACE/here\""
HOME = (
    'touch "$$HOME/mine"; ls -A "$$HOME" >home; touch /opt/mine && echo yes >written; python3 -c \'import shadow\' || :'
)


def step_in(image: str, command: str) -> dict[str, object]:
    return {"name": "look", "environment": image, "commands": [command]}


def submit_step(desk: Desk, name: str, image: str, command: str, *settings: str, cvmfs: tuple[str, ...] = ()) -> str:
    """Submit an analysis of one step in an image and return the run's name with its number."""
    workflow = {"type": "serial", "specification": {"steps": [step_in(image, command)]}}
    resources = {"resources": {"cvmfs": cvmfs}} if cvmfs else {}
    desk.write(f"{name}/reana.yaml", json.dumps({"workflow": workflow | resources}))
    words = [word for setting in settings for word in ("--set", setting)]
    return desk.run("--site", SITE, *words, "-f", name, name=name)


def test_images_run_by_apptainer_and_by_the_container_universe(desk: Desk) -> None:
    by_condor = "container_runtime=htcondor"
    # The box has no network, so docker://docker.io/site/py:1 cannot be pulled.
    desk.box.alice("mkdir", "-p", f"{desk.folder}/unpacked/registry.hub.docker.com/site")
    unpacked = f"{desk.folder}/unpacked/registry.hub.docker.com/site/py:1"
    desk.box.alice("ln", "-s", "/cvmfs/unpacked.site.test/images/py", unpacked)
    runs = [
        submit_step(desk, "tree", TREE, PYTHON),
        submit_step(desk, "sif", SIF, PYTHON),
        submit_step(desk, "universe", SIF, PYTHON, by_condor),
        submit_step(desk, "unpacked", "site/py:1", PYTHON, f"unpacked_images={desk.folder}/unpacked"),
    ]
    for run in runs:
        assert desk.wait(run)["status"] == "finished"
        assert desk.file(f"runs/{run}/workspace/here") == f"3 {desk.folder}/runs/{run}/workspace\n"


def test_the_image_can_be_written_to_and_the_users_home_is_not_visible_unless_asked(desk: Desk) -> None:
    packages = "/home/alice/.local/lib/python3.13/site-packages"
    desk.box.alice("bash", "-c", f'mkdir -p {packages}; echo \'open("shadowed", "w")\' >{packages}/shadow.py')
    apart = submit_step(desk, "apart", SIF, HOME)
    asked = submit_step(desk, "asked", SIF, HOME, "container_home=true")
    universe = submit_step(desk, "universe", SIF, HOME, "container_runtime=htcondor")
    for run in (apart, asked, universe):
        assert desk.wait(run)["status"] == "finished"
        assert desk.file(f"runs/{run}/workspace/written") == "yes\n"
    for run in (apart, universe):
        assert desk.file(f"runs/{run}/workspace/home") == "mine\n"
        assert not (desk.path / f"runs/{run}/workspace/shadowed").exists()
    assert ".local" in desk.file(f"runs/{asked}/workspace/home").split()
    assert (desk.path / f"runs/{asked}/workspace/shadowed").exists()


def test_changes_of_the_image_have_the_disk_of_the_job_and_go_with_their_command(desk: Desk) -> None:
    # Apptainer has less memory for these files.
    big = "head -c 100000000 /dev/zero >/opt/mine && mkdir -m 0 /opt/closed"
    gone = "ls /opt >left"
    workflow = {"type": "serial", "specification": {"steps": [{"environment": SIF, "commands": [big, gone]}]}}
    desk.write("reana.yaml", json.dumps({"workflow": workflow}))
    # The box's own disk is an overlay, and overlays cannot be stacked.
    desk.box.root("mount", "-t", "tmpfs", "-o", "size=300M,mode=1777", "tmpfs", "/var/lib/condor/execute")
    try:
        run = desk.run("--site", SITE)
        assert desk.wait(run)["status"] == "finished"
    finally:
        desk.box.root("umount", "--lazy", "/var/lib/condor/execute")
    assert desk.file(f"runs/{run}/workspace/left") == ""


def test_a_container_sees_the_repositories_of_the_analysis(desk: Desk) -> None:
    run = submit_step(desk, "cvmfs", TREE, "ls /cvmfs/unpacked.site.test/images >seen", cvmfs=("unpacked.site.test",))
    assert desk.wait(run)["status"] == "finished"
    assert "py" in desk.file(f"runs/{run}/workspace/seen").split()


def test_htcondors_own_checker_finds_no_fault_in_any_golden_dag(desk: Desk) -> None:
    if desk.box.alice("which", "condor_dag_checker", check=False).returncode != 0:
        pytest.skip("LEFT OUT: this box has HTCondor 23.9, and condor_dag_checker came with 25")
    desk.write("batch/dagman.config", "")
    pattern = re.compile(r"^==> batch/workflow\.dag\n(.*?)(?=^==> |\Z)", re.MULTILINE | re.DOTALL)
    names = []
    for golden in sorted((ROOT / "tests/golden/htcondor").glob("*.txt")):
        for dag in pattern.findall(golden.read_text("utf-8")):
            names.append(f"{golden.stem}.dag")
            desk.write(names[-1], dag)
    assert len(names) > 20
    checked = desk.box.alice("condor_dag_checker", *names, cwd=desk.folder, check=False)
    assert checked.returncode == 0, checked.stdout
    desk.write("bad.dag", "JOBB a b\n")
    assert desk.box.alice("condor_dag_checker", "bad.dag", cwd=desk.folder, check=False).returncode != 0


@pytest.mark.parametrize(
    ("chosen", "expected"), [("", "1 20"), ("15", "15 100")], ids=["by default", "an administrator's choice"]
)
def test_dagman_looks_every_second_unless_an_administrator_chose_an_interval(
    desk: Desk, chosen: str, expected: str
) -> None:
    desk.write("reana.yaml", serial("true"))
    desk.reana_batch("compile", *HERE, "-o", "run")
    before = f"DAGMAN_USER_LOG_SCAN_INTERVAL = {chosen}\n" if chosen else ""
    desk.write("condor_config", f"{before}include : {desk.folder}/run/batch/dagman.config\n")
    names = ("DAGMAN_USER_LOG_SCAN_INTERVAL", "DAGMAN_MAX_SUBMITS_PER_INTERVAL")
    told = desk.box.alice("condor_config_val", *names, env={"CONDOR_CONFIG": f"{desk.folder}/condor_config"})
    assert " ".join(told.stdout.split()) == expected


def test_what_a_worker_lacks_is_named(desk: Desk) -> None:
    universe = submit_step(desk, "universe", "/opt/images/none.sif", "true", "container_runtime=htcondor")
    # HTCondor 25.6 tries it several times before it holds the job, and reports the reason from the first try on.
    early = desk.until(universe, lambda record: bool(record["hindered"] or record["held"]))
    assert "could not open image /opt/images/none.sif" in (early["hindered"] or early["held"])[0]["reason"]
    runs = {
        submit_step(desk, "image", "/opt/images/none.sif", "true"): "the image /opt/images/none.sif is not there",
        submit_step(desk, "cvmfs", TREE, "true", cvmfs=("none.cern.ch",)): "/cvmfs/none.cern.ch is not there",
    }
    for run, lacking in runs.items():
        failure = desk.wait(run)["first_failure"]
        assert failure["cause"] == f"the job could not start its command: {lacking}"
    held = desk.until(universe, lambda record: bool(record["held"]))["held"][0]
    assert held["reason"].startswith("its container did not start, time after time (Error from slot")
    assert "could not open image /opt/images/none.sif" in held["reason"]
    desk.reana_batch("stop", "--runs", "runs", "-w", universe)


def test_a_job_has_a_home_and_none_of_the_submitters_secrets(desk: Desk) -> None:
    desk.write("reana.yaml", serial("env -0 >environment"))
    lines = "two\nlines, 'quotes' and \"quotes\" \\"
    given = {"SECRET_CANARY": "tweet", "LINES_": lines, "LD_LIBRARY_PATH": "/lib", "BIG": "x" * 100_000}
    given |= {"BASH_FUNC_ml%%": '() {  echo "$1\n $2"\n}', "TMPDIR": "/nowhere", "LANG": "C.UTF-8"}
    given |= {"MY-VAR.1": f"tweet\n{lines}", "1": "one"}
    desk.reana_batch("run", *HERE, "--runs", "runs", "-w", "bare", env=given)
    full = ("--set", "inherit_environment=true", "--runs", "runs", "-w")
    desk.reana_batch("run", *HERE, *full, "full", env=given)
    desk.reana_batch("run", *HERE, *full, "sent", "--set", "htcondor.file_transfer=true", env=given)
    for run in ("full.1", "sent.1"):
        assert desk.wait(run)["status"] == "finished"
        found = environment_of(desk, run)
        assert {name: found[name] for name in given} == given | {"TMPDIR": "/tmp"}  # which is HTCondor's
        everything = desk.box.root("grep", "-rlw", "tweet", f"{desk.folder}/runs/{run}", check=False)
        assert everything.stdout == f"{desk.folder}/runs/{run}/workspace/environment\n"
        ads_of = desk.box.root("condor_history", "-l", "-constraint", f'Iwd == "{desk.folder}/runs/{run}"').stdout
        assert "Cmd" in ads_of
        assert "tweet" not in ads_of
    assert desk.wait("bare.1")["status"] == "finished"
    found = environment_of(desk, "bare.1")
    assert (found["HOME"], found["USER"]) == ("/home/alice", "alice")
    assert {"/usr/bin", "/bin"} <= set(found["PATH"].split(":"))
    assert "SECRET_CANARY" not in found
    everything = desk.box.root("grep", "-rl", "tweet", f"{desk.folder}/runs/bare.1", check=False)
    assert everything.stdout == ""


def environment_of(desk: Desk, run: str) -> dict[str, str]:
    """Return the variables that a job has saved."""
    words = desk.file(f"runs/{run}/workspace/environment").split("\0")[:-1]
    return dict(word.split("=", 1) for word in words)


def test_the_profile_of_cern_asks_for_credentials_flavour_and_group(desk: Desk) -> None:
    hints = {"htcondor_max_runtime": "espresso", "htcondor_accounting_group": "group_u_ATLAS.u_zp"}
    desk.write("reana.yaml", serial("true", "sleep 100", **hints))
    words = ("--site", "cern-lxplus", "--set", BARE, "--set", "unpacked_images=null")
    desk.reana_batch("run", *words, "--runs", "runs", "-w", "cern")
    dag, step = ads(desk, "cern.1")
    assert dag["SendCredential"] is step["SendCredential"] is True
    assert step["JobFlavour"] == "espresso"
    assert step["AcctGroup"] == "group_u_ATLAS.u_zp"
    desk.reana_batch("stop", "--runs", "runs", "-w", "cern")


def ads(desk: Desk, run: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the job ads of the run's DAG and of a node. Waits until there is a node."""
    constraint = f'Iwd == "{desk.folder}/runs/{run}"'
    for _ in range(100):
        answer = desk.box.alice("condor_q", "-json", "-constraint", constraint).stdout
        found = sorted(json.loads(answer or "[]"), key=lambda ad: ad["ClusterId"])
        if len(found) > 1:
            return found[0], found[1]
        time.sleep(0.2)
    raise AssertionError("no node was submitted")
