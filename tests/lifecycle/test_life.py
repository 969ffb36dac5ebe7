"""The life of a run: looking at it, stopping it, starting it again, and many commands at once."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from reana_batch.diagnostics import Refused
from reana_batch.lifecycle import deletion
from reana_batch.run.parts import Run
from tests.golden.forked import Ended

from .conftest import ENDLESS, Desk, answered, records, said, serial, until

FAILING = "echo told; echo complained >&2; exit 7"
NO_DIAGNOSTICS = {"diagnostics": [], "more_diagnostics": 0}


# --- looking --------------------------------------------------------------------------------------


def test_a_finished_run(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo 1 > a.txt", "echo 2 > b.txt", outputs={"files": ["b.txt"]}))
    done = desk("run", "-w", "test")
    said(done, "==> Running test.1 in runs/test.1")
    assert re.findall(r"^\S+T\S+  (s\d  1/1 done)$", done.stderr, re.MULTILINE) == ["s1  1/1 done", "s2  1/1 done"]
    assert done.stdout == "==> SUCCESS: test.1 has finished.\n  runs/test.1/workspace/b.txt\n"
    answer = desk.json("status", "-w", "test")
    times = {key: answer[key] for key in ("created", "started", "ended", "seconds")}
    assert times["created"] <= times["started"] <= times["ended"]
    assert answer == {
        **times,
        "schema_version": 1,
        "name": "test.1",
        "directory": "runs/test.1",
        "backend": "make",
        "status": "finished",
        "progress": {"done": 2, "total": 2},
        "steps": [
            {"name": name, "total": 1, "done": 1, "failed": 0, "running": 0, **_label(answer, name)}
            for name in ("s1", "s2")
        ],
        "held": [],
        "hindered": [],
        "first_failure": None,
        "failed": 0,
        "causes": [],
        "not_started": 0,
        "blocked": [],
        "missing_outputs": [],
        "last_words": None,
        "cure": None,
        "expansions": [],
        "sessions": [],
        **NO_DIAGNOSTICS,
    }
    answered(desk("wait", "-w", "test"), "==> SUCCESS: test.1 has finished.")


def _label(answer: dict[str, object], name: str) -> dict[str, object]:
    """Return the other values that a step's record may hold."""
    steps = answer["steps"]
    assert isinstance(steps, list)
    known = {"name", "total", "done", "failed", "running"}
    return next(
        {key: value for key, value in each.items() if key not in known} for each in steps if each["name"] == name
    )


def test_a_missing_output_is_a_warning(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true", outputs={"files": ["no.txt"], "directories": ["none"]}))
    run = desk.run()
    warnings = [f"==> WARNING: the declared output {name} is missing." for name in ("no.txt", "none")]
    answered(desk("status", "-w", run.name), "==> SUCCESS: test.1 has finished.", *warnings)
    assert desk.json("status", "-w", run.name)["missing_outputs"] == ["no.txt", "none"]


def test_a_failed_run(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo 1 > a.txt", FAILING, "echo 3 > c.txt", "echo 4 > d.txt"))
    run = desk.run(exits=1)
    done = desk("status", "-w", "test")
    assert [line for line in done.stdout.splitlines() if "\t" not in line] == [
        '==> ERROR: Step "s2" failed: the command ended with exit code 7.',
        f"reana.yaml:1, on {socket.gethostname()}:",
        f"  {FAILING}",
        "The end of runs/test.1/logs/s2/0.err:",
        "  complained",
        "The end of runs/test.1/logs/s2/0.out:",
        "  told",
        "==> ERROR: test.1 has failed; 2 jobs not started.",
        "  s3: 1 job not started, because s2 failed.",
        "  s4: 1 job not started, because s2 failed (through s3).",
        "Its files are in runs/test.1. To continue: reana-batch resume -w runs/test.1",
    ]
    answer = desk.json("status", "-w", "test")
    assert (answer["status"], answer["failed"], answer["not_started"]) == ("failed", 1, 2)
    assert answer["blocked"] == [
        {"step": "s3", "jobs": 1, "waits_for": "s2", "failed": "s2"},
        {"step": "s4", "jobs": 1, "waits_for": "s3", "failed": "s2"},
    ]
    assert answer["first_failure"] == {
        "step": "s2",
        "origin": "reana.yaml:1",
        "row": 0,
        "command": FAILING,
        "exit_code": 7,
        "cause": "the command ended with exit code 7",
        "host": socket.gethostname(),
        "scheduler_job": "",
        "log": "complained",
    }
    assert desk.json("wait", "-w", "test", exits=1)["status"] == "failed"
    assert not (run / "workspace/c.txt").exists()


KILLED = [
    ("kill -KILL $$$$", "the command ended with exit code 137 (as if killed by SIGKILL, mostly for memory)"),
    ("kill -SEGV $$$$", "the command ended with exit code 139 (as if killed by SIGSEGV)"),
    ("exit 255", "the command ended with exit code 255"),
    ("no-such-command", "the command ended with exit code 127"),
]


@pytest.mark.parametrize(("command", "cause"), KILLED)
def test_the_cause_of_a_failure(desk: Desk, command: str, cause: str) -> None:
    desk.write("reana.yaml", serial(command))
    desk.run(exits=1)
    assert desk.json("status", "-w", "test")["first_failure"]["cause"] == cause


def test_a_created_run(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true", "true"))
    desk("compile", "-o", "runs/test.1")
    answered(desk("status", "-w", "test"), "==> test.1 has been created: 0 of 2 jobs done.")
    assert desk.state("test") == "created"
    said(desk("wait", "-w", "test", exits=3), "error: test.1 has not been submitted. [run-state]")
    for verb, message in {
        "stop": "test.1 is created; only a queued or running run can be stopped.",
        "resume": "test.1 is created; only a failed or stopped run can be resumed.",
        "restart": "test.1 is created; only a run that has ended can be restarted.",
    }.items():
        said(desk(verb, "-w", "test", exits=3), f"error: {message} [run-state]")


def test_a_run_started_by_hand_is_finished_when_its_jobs_are(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk("compile", "-o", "runs/test.1")
    subprocess.run(["make", "-f", "batch/Makefile"], cwd=desk.path / "runs/test.1", check=True, capture_output=True)
    assert desk.state("test") == "finished"


def test_a_make_that_was_started_by_hand_is_known(desk: Desk) -> None:
    """The jobs are known too after make itself was killed. Its process group has other processes, which continue."""
    desk.write("reana.yaml", serial("true", ENDLESS))
    desk("compile", "-o", "hand")
    run = desk.path / "hand"
    script = "sleep 1000 & echo $!; make -f batch/Makefile >make.log 2>&1 & echo $!; wait"
    with subprocess.Popen(["bash", "-c", script], cwd=run, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        bystander, make = int(shell.stdout.readline()), int(shell.stdout.readline())
        until(lambda: records(run, "started") == ["s1/0", "s2/0"])
        refused = {
            ("submit", "hand"): "hand has been submitted already and is running.",
            ("resume", "-w", "./hand"): "hand is running; only a failed or stopped run can be resumed.",
            ("delete", "-w", "./hand"): "hand is running; stop it first.",
        }
        for kill in (False, True):
            if kill:
                os.kill(make, signal.SIGKILL)
            assert desk.state("./hand") == "running"
            for words, message in refused.items():
                said(desk(*words, exits=3), f"error: {message} [run-state]")
        answered(desk("stop", "-w", "./hand"), "==> SUCCESS: hand has been stopped.")
        assert records(run, "failed") == ["s2/0"]
        os.kill(bystander, 0)
        os.kill(bystander, signal.SIGKILL)
    (run / "workspace/go").touch()
    answered(desk("resume", "-w", "./hand"), "==> SUCCESS: hand has finished.")
    answered(desk("delete", "-w", "./hand"), "==> SUCCESS: hand has been deleted.")


def test_a_compiled_make_directory_is_not_submitted(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk("compile", "-o", "here")
    done = desk("submit", "here", exits=3)
    said(
        done,
        "error: here is compiled for make, which does not submit jobs. [run-state]",
        "hint: to run it here: cd here && make -j4 -f batch/Makefile",
    )
    assert desk.json("submit", str(desk.path / "here"), exits=3)["error"] is True
    assert not (desk.path / "here/state/run.lock").exists()


def test_a_running_run(desk: Desk, running: Path) -> None:
    answered(desk("status", "-w", "test"), "==> test.1 is running: 1 of 3 jobs done.")
    answer = desk.json("status", "-w", "test")
    assert (answer["status"], answer["progress"], answer["not_started"]) == ("running", {"done": 1, "total": 3}, 1)
    assert [step["running"] for step in answer["steps"]] == [0, 1, 0]
    for verb, message in {
        "resume": "test.1 is running; only a failed or stopped run can be resumed.",
        "restart": "test.1 is running; only a run that has ended can be restarted.",
        "delete": "test.1 is running; stop it first.",
    }.items():
        said(desk(verb, "-w", "test", exits=3), f"error: {message} [run-state]")
    waiting = [desk.start("wait", "-w", "test"), desk.start("wait", "-w", "test", "--json")]
    (running / "workspace/go").touch()
    text, record = [process.communicate(timeout=240) for process in waiting]
    assert text[0] == "==> SUCCESS: test.1 has finished.\n"
    assert json.loads(record[0])["status"] == "finished"
    assert [process.returncode for process in waiting] == [0, 0]


def test_a_live_run_is_not_replaced(desk: Desk, running: Path) -> None:
    with pytest.raises(Refused) as refused:
        deletion.check_replaceable(running)
    [fault] = refused.value.diagnostics.errors
    assert fault.message == "test.1 is running; it cannot be replaced."
    (running / "workspace/go").touch()
    desk("wait", "-w", "test")
    deletion.check_replaceable(running)


def test_the_list_of_runs(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk.run("b")
    desk.write("reana.yaml", serial("false"))
    desk.run("b", exits=1)
    desk("compile", "-o", "runs/c.1")
    desk.write("runs/c.2/notes.txt", "no run")
    _age(desk.path / "runs/b.1", seconds=100)
    _age(desk.path / "runs/b.2", seconds=50)
    desk.run("a", exits=1)
    answer = desk.json("list")["runs"]
    expected = [("a.1", "failed"), ("b.2", "failed"), ("b.1", "finished"), ("c.1", "created")]
    assert [(each["name"], each["status"]) for each in answer] == expected
    lines = desk("list").stdout.splitlines()
    assert lines[0].split("\t") == ["NAME", "RUN_NUMBER", "CREATED", "STATUS", "PROGRESS", "BACKEND"]
    assert [line.split("\t")[:2] + line.split("\t")[3:] for line in lines[2:4]] == [
        ["b", "2", "failed", "0/1", "make"],
        ["b", "1", "finished", "1/1", "make"],
    ]
    assert [each["name"] for each in desk.json("list", "-w", "b")["runs"]] == ["b.2", "b.1"]
    assert desk.json("list", "-w", "nobody")["runs"] == []
    assert desk.json("list", "--runs", "nowhere")["runs"] == []


def _age(run: Path, seconds: int) -> None:
    record = json.loads((run / "state/run.json").read_text("utf-8"))
    record["created"] -= seconds
    (run / "state/run.json").write_text(json.dumps(record), "utf-8")


# --- stopping -------------------------------------------------------------------------------------


def test_stop_ends_the_jobs_and_resume_goes_on(desk: Desk, running: Path) -> None:
    [foreground] = desk.background
    answered(desk("stop", "-w", "test"), "==> SUCCESS: test.1 has been stopped.")
    foreground.communicate(timeout=240)
    assert foreground.returncode == 130
    until(lambda: records(running, "failed") == ["s2/0"])
    assert "\nreason=signal\ndetail=SIGTERM\n" in desk.read("runs/test.1/state/s2/0.failed")
    answer = desk.json("status", "-w", "test")
    assert (answer["status"], answer["failed"], answer["not_started"]) == ("stopped", 1, 1)
    assert answer["first_failure"]["cause"] == "the job was ended from outside, by SIGTERM"
    assert desk.json("wait", "-w", "test", exits=130)["status"] == "stopped"
    said(desk("stop", "-w", "test", exits=3), _only_running("stopped"))
    (running / "workspace/go").touch()
    done = desk("resume", "-w", "test", "-j", "2")
    said(done, "==> Running test.1 in runs/test.1")
    answered(done, "==> SUCCESS: test.1 has finished.")
    assert desk.read("runs/test.1/workspace/starts.txt").split() == ["first", "started", "started", "last"]
    message = "error: test.1 is finished; only a failed or stopped run can be resumed. [run-state]"
    said(desk("resume", "-w", "test", exits=3), message)
    said(desk("stop", "-w", "test", exits=3), _only_running("finished"))


def _only_running(state: str) -> str:
    return f"error: test.1 is {state}; only a queued or running run can be stopped. [run-state]"


def test_an_interrupt_ends_the_jobs_in_order(desk: Desk, running: Path) -> None:
    [foreground] = desk.background
    foreground.send_signal(signal.SIGINT)
    stdout, _ = foreground.communicate(timeout=240)
    assert foreground.returncode == 130
    assert "==> ERROR: test.1 has been stopped; 1 job not started." in stdout.splitlines()
    until(lambda: records(running, "failed") == ["s2/0"])
    assert desk.state("test") == "stopped"


def test_a_run_goes_on_without_the_command_that_started_it(desk: Desk, running: Path) -> None:
    [foreground] = desk.background
    foreground.kill()
    foreground.communicate(timeout=240)
    assert desk.state("test") == "running"
    (running / "workspace/go").touch()
    assert desk.json("wait", "-w", "test")["status"] == "finished"


def test_a_run_whose_make_was_killed_has_failed_and_can_be_resumed(desk: Desk, running: Path) -> None:
    [pid] = [int(each.rpartition(":")[2]) for each in json.loads(desk.read("runs/test.1/state/run.json"))["ids"]]
    os.killpg(pid, signal.SIGKILL)
    desk.background[0].communicate(timeout=240)
    assert desk.background[0].returncode == 1
    done = desk("status", "-w", "test")
    answered(
        done,
        '==> ERROR: Step "s2" failed: the job was lost: it left no record; its disk was full, or its machine or make was'
        " killed.",
    )
    answered(done, "==> ERROR: test.1 has failed; 1 job not started.")
    (running / "workspace/go").touch()
    answered(desk("resume", "-w", "test"), "==> SUCCESS: test.1 has finished.")


def test_a_make_of_another_machine_is_not_signalled_here(desk: Desk) -> None:
    """A process number from another machine has no meaning here, where a bystander has it."""
    desk.write("reana.yaml", serial("false"))
    desk.run(exits=1)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        record = {"submitted": 1, "ids": [f"elsewhere.example.org:{bystander.pid}"]}
        desk.write("runs/test.1/state/run.json", json.dumps(record))
        desk.write("runs/test.1/state/make.hosts", "elsewhere.example.org\n")
        states = [desk.json("status", "-w", "test", exits=3)["status"]]
        done = desk.forked.run(["stop", "-w", "test"], desk.path, {"REANA_BATCH_RUNS": "runs"})
        states.append(desk.json("list")["runs"][0]["status"])
        answered(desk("stop", "-w", "test", "--force"), "==> SUCCESS: test.1 has been stopped.")
        states.append(desk.state("test"))
        ended = bystander.poll()
        bystander.kill()
    assert ended is None
    assert (done.code, states) == (3, ["unknown", "unknown", "stopped"])
    assert "elsewhere.example.org" in done.stderr
    assert "hint: stop it there, or use --force if that machine no longer exists.\n" in done.stderr


def test_a_make_that_was_ended_before_it_wrote_its_host(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk("compile", "-o", "runs/test.1")
    desk.write("runs/test.1/state/run.json", json.dumps({"submitted": 1, "ids": [f"{socket.gethostname()}:1"]}))
    desk.write("runs/test.1/state/make.hosts", "")
    assert desk.state("test") != "unknown"
    desk("resume", "-w", "test")
    assert desk.state("test") == "finished"


def test_a_make_that_was_started_by_hand_on_another_machine(desk: Desk) -> None:
    """Only its mark in the run tells of it. The program cannot know whether it still runs."""
    desk.write("reana.yaml", serial("test -e go"))
    desk("compile", "-o", "runs/test.1")
    desk.write("runs/test.1/state/make.hosts", "elsewhere.example.org\n")
    assert desk.json("status", "-w", "test", exits=3)["status"] == "unknown"
    for verb in ("stop", "resume", "restart", "delete"):
        said(desk(verb, "-w", "test", exits=3), "error: test.1 runs on elsewhere.example.org. [scheduler]")
    desk("compile", "-o", "runs/test.1", "--force", exits=3)
    answered(desk("stop", "-w", "test", "--force"), "==> SUCCESS: test.1 has been stopped.")
    desk.write("runs/test.1/workspace/go", "")
    desk("resume", "-w", "test")
    assert desk.read("runs/test.1/state/make.hosts") == f"{socket.gethostname()}\n"
    assert desk.state("test") == "finished"


def test_force_stops_no_run_that_has_ended(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk.run()
    said(desk("stop", "-w", "test", "--force", exits=3), _only_running("finished"))


def test_a_number_that_another_process_has_now_is_not_signalled(desk: Desk) -> None:
    desk.write("reana.yaml", serial("false"))
    desk.run(exits=1)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        record = {"submitted": 1, "ids": [f"{socket.gethostname()}:{bystander.pid}"]}
        desk.write("runs/test.1/state/run.json", json.dumps(record))
        said(desk("stop", "-w", "test", exits=3), _only_running("failed"))
        ended = bystander.poll()
        bystander.kill()
    assert ended is None


STUBBORN = "trap 'sleep 1; touch late; exit 1' TERM; touch here; sleep 60 & wait"


def test_a_stopped_run_has_no_jobs_left(desk: Desk) -> None:
    desk.write("reana.yaml", serial(STUBBORN))
    desk.start("run", "-w", "test")
    workspace = desk.path / "runs/test.1/workspace"
    until((workspace / "here").exists)
    desk("stop", "-w", "test")
    ended = (workspace / "late").exists()
    until((workspace / "late").exists)
    assert ended


# --- starting again -------------------------------------------------------------------------------


def test_restart_shares_the_workspace_and_runs_nothing_twice(desk: Desk) -> None:
    commands = ("echo first >> ran.txt", "echo second >> ran.txt; test -e good", "echo third >> ran.txt")
    desk.write("reana.yaml", serial(*commands))
    run = desk.run(exits=1)
    done = desk("restart", "-w", "test", exits=1)
    said(done, "==> test.1.1 goes on where test.1 ended; 1 of its jobs are done already.")
    (run / "workspace/good").touch()
    answer = desk.json("restart", "-w", "test")
    assert (answer["name"], answer["status"]) == ("test.1.2", "finished")
    ran = "first\nsecond\nsecond\nsecond\nthird\n"
    assert desk.read("runs/test.1/workspace/ran.txt") == ran
    assert os.path.samefile(run / "workspace", desk.path / "runs/test.1.1/workspace")
    assert os.path.samefile(run / "workspace", desk.path / "runs/test.1.2/workspace")
    states = {each["name"]: each["status"] for each in desk.json("list")["runs"]}
    assert states == {"test.1": "failed", "test.1.1": "failed", "test.1.2": "finished"}


def test_a_finished_run_restarts_and_has_nothing_to_do(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo once >> ran.txt", outputs={"files": ["ran.txt"]}))
    desk.run()
    for number in (1, 2):
        answered(desk("restart", "-w", "test.1"), f"==> SUCCESS: test.1.{number} has finished.")
    answered(desk("restart", "-w", "test.1.2"), "==> SUCCESS: test.1.3 has finished.")
    assert desk.read("runs/test.1/workspace/ran.txt") == "once\n"


def test_a_stopped_run_restarts(desk: Desk, running: Path) -> None:
    desk("stop", "-w", "test")
    until(lambda: records(running, "failed") == ["s2/0"])
    (running / "workspace/go").touch()
    answered(desk("restart", "-w", "test"), "==> SUCCESS: test.1.1 has finished.")
    assert desk.state("test.1") == "stopped"
    assert desk.read("runs/test.1/workspace/starts.txt").split() == ["first", "started", "started", "last"]


def test_one_workspace_has_one_run_at_a_time(desk: Desk) -> None:
    desk.write("reana.yaml", serial("test -e again || exit 1; " + ENDLESS))
    run = desk.run(exits=1)
    (run / "workspace/again").touch()
    desk.start("restart", "-w", "test.1")
    until((run / "workspace/starts.txt").exists)
    message = "error: test.1.1 is running, in the workspace of test.1. [run-state]"
    for verb in ("restart", "resume"):
        said(desk(verb, "-w", "test.1", exits=3), message)
    said(desk("delete", "-w", "test.1", exits=3), "error: test.1.1 uses the workspace of test.1. [run-state]")
    assert not (desk.path / "runs/test.1.2").exists()
    (run / "workspace/go").touch()
    assert desk.json("wait", "-w", "test")["name"] == "test.1.1"
    assert desk.read("runs/test.1/workspace/starts.txt") == "started\n"


def test_force_leaves_a_live_run_alone(desk: Desk, running: Path) -> None:
    before = {path: path.read_bytes() for path in (running / "batch").rglob("*") if path.is_file()}
    done = desk("compile", "-o", "runs/test.1", "--force", exits=3)
    said(done, "error: test.1 is running; it cannot be replaced. [run-state]")
    assert {path: path.read_bytes() for path in (running / "batch").rglob("*") if path.is_file()} == before
    assert not list(running.glob(".compile.*"))
    (running / "workspace/go").touch()
    assert desk.json("wait", "-w", "test")["status"] == "finished"


def test_a_run_is_not_replaced_under_its_restart(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo > out.txt"))
    run = desk.run()
    desk("restart", "-w", "test")
    done = desk("compile", "-o", "runs/test.1", "--force", exits=3)
    said(done, "error: test.1 shares its workspace with test.1.1. [run-state]")
    assert (run / "workspace/out.txt").exists()


@pytest.mark.parametrize("name", ["lock", "restarted", "run.restarted", "slurm-jobs", "slurm.jobs", "run.json"])
def test_a_step_may_have_the_name_of_a_file_of_ours(desk: Desk, name: str) -> None:
    desk.write("reana.yaml", serial("test -e good").replace('"s1"', f'"{name}"'))
    run = desk.run(exits=1)
    (run / "workspace/good").touch()
    desk("restart", "-w", "test")
    assert desk.state("test") == "finished"


def test_runs_may_lie_behind_a_link(desk: Desk) -> None:
    (desk.path / "deep/er/runs").mkdir(parents=True)
    (desk.path / "short").symlink_to("deep/er/runs")
    desk.write("reana.yaml", serial("test -e good"))
    desk("run", "-w", "test", "--runs", "short", exits=1)
    desk.write("short/test.1/workspace/good", "")
    desk("restart", "-w", "test", "--runs", "short")
    assert os.path.samefile(desk.path / "short/test.1/workspace", desk.path / "deep/er/runs/test.1.1/workspace")


# --- deleting -------------------------------------------------------------------------------------


def test_delete(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo > out.txt"))
    for _ in range(2):
        desk.run()
    answered(desk("delete", "-w", "test.1"), "==> SUCCESS: test.1 has been deleted.")
    answer = desk.json("delete", "-w", "test")
    assert answer == {"schema_version": 1, "name": "test.2", "status": "deleted", **NO_DIAGNOSTICS}
    assert list((desk.path / "runs").iterdir()) == []


@pytest.mark.parametrize("name", ["test", "a[1]"])
def test_deleting_a_restart_leaves_the_workspace(desk: Desk, name: str) -> None:
    desk.write("reana.yaml", serial("echo > out.txt"))
    run = desk.run(name)
    for _ in range(2):
        desk("restart", "-w", name)
    message = f"error: {name}.1.1, {name}.1.2 use the workspace of {name}.1. [run-state]"
    said(desk("delete", "-w", f"{name}.1", exits=3), message)
    for number in (2, 1):
        desk("delete", "-w", f"{name}.1.{number}")
    assert (run / "workspace/out.txt").exists()
    desk("delete", "-w", f"{name}.1")
    assert not run.exists()


def test_deleting_by_a_link_is_refused(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    run = desk.run()
    (desk.path / "link").symlink_to(run)
    done = desk("delete", "-w", "./link", exits=3)
    said(done, "error: link: Cannot call rmtree on a symbolic link. [cannot-write]")
    assert (run / "batch/manifest.json").exists()


def test_a_run_stays_whose_credentials_cannot_be_withdrawn(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    run = desk.run()
    (run / "credentials").mkdir()
    handed = f"secrets/runs/{40 * 'a'}"
    (run / "credentials/.folder").symlink_to(desk.write(handed, ""))
    done = desk("delete", "-w", "test", exits=3)
    said(done, f"error: {desk.path}/{handed}: Not a directory. [cannot-write]")
    assert (run / "batch/manifest.json").exists()


# --- many at once ---------------------------------------------------------------------------------


def test_runs_started_at_once_get_numbers_of_their_own(desk: Desk) -> None:
    desk.write("reana.yaml", serial("pwd > where.txt"))
    started = [desk.start("run", "-w", "test", "--json") for _ in range(4)]
    names = {json.loads(process.communicate(timeout=240)[0])["name"] for process in started}
    assert names == {"test.1", "test.2", "test.3", "test.4"}
    for name in names:
        assert desk.read(f"runs/{name}/workspace/where.txt") == f"{desk.path}/runs/{name}/workspace\n"


def test_of_two_that_resume_at_once_one_is_refused(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo once", "test -e again || exit 1; " + ENDLESS))
    run = desk.run(exits=1)
    (run / "workspace/again").touch()
    both = [desk.start("resume", "-w", "test") for _ in range(2)]
    until(lambda: any(process.poll() is not None for process in both))
    [refused] = [process for process in both if process.returncode is not None]
    assert refused.returncode == 3
    assert refused.stderr is not None
    assert "error: test.1 is running" in refused.stderr.read()
    (run / "workspace/go").touch()
    [resumed] = [process for process in both if process is not refused]
    resumed.communicate(timeout=240)
    assert resumed.returncode == 0
    assert desk.read("runs/test.1/workspace/starts.txt") == "started\n"


@pytest.mark.parametrize("others", [("restart",), ("resume",), ("delete",), ("restart", "restart", "delete", "resume")])
def test_commands_that_meet_a_restart(desk: Desk, others: tuple[str, ...]) -> None:
    """In either order only one run works in the workspace at a time, and no run loses its workspace to a delete."""
    desk.write("reana.yaml", serial("test -e again || exit 1; mkdir alone || touch both; " + ENDLESS + "; rmdir alone"))
    run = desk.run(exits=1)
    (run / "workspace/again").touch()
    started = [desk.start(verb, "-w", "test.1") for verb in ("restart", *others)]
    until(lambda: sum(process.poll() is None for process in started) <= 1)
    until(lambda: (run / "workspace/starts.txt").exists() or not run.exists())
    if run.exists():
        assert not (run / "workspace/both").exists()
        assert desk.read("runs/test.1/workspace/starts.txt") == "started\n"
        (run / "workspace/go").touch()
        assert desk.json("wait", "-w", "test")["status"] == "finished"
    codes = sorted(process.wait() for process in started)
    assert codes == [0, *[3] * len(others)]
    for process in started:
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert [path.name for path in (desk.path / "runs").iterdir() if path.name.startswith(".")] == []


def test_of_two_that_stop_at_once_one_is_refused(desk: Desk, running: Path) -> None:
    both = [desk.start("stop", "-w", "test") for _ in range(2)]
    texts = [process.communicate(timeout=240) for process in both]
    assert sorted(process.returncode for process in both) == [0, 3]
    assert sorted(texts) == sorted(
        [("==> SUCCESS: test.1 has been stopped.\n", ""), ("", f"{_only_running('stopped')}\n==> ERROR: 1 fault.\n")]
    )
    until(lambda: records(running, "failed") == ["s2/0"])


def test_looking_never_waits_for_the_lock(desk: Desk, running: Path) -> None:
    hold(running, pid=os.getpid())
    assert desk.state("test") == "running"
    desk("ls", "-w", "test")
    assert desk.json("logs", "-w", "test")["name"] == "test.1"
    (running / "state/run.lock").unlink()


def test_logs_name_no_cure_while_the_run_goes_on(desk: Desk, running: Path) -> None:
    (running / "state/s1/0.done").rename(running / "state/s1/0.failed")
    with open(running / "state/s1/0.failed", "a") as record:
        record.write("exit_code=124\nreason=timeout\ndetail=1s\n")
    assert "To ask for more" not in desk("logs", "-w", "test").stdout
    desk("stop", "-w", "test")
    answered(desk("logs", "-w", "test"), "To ask for more: reana-batch resume -w runs/test.1 --step s1 --runtime 8h")


def test_the_lock_of_a_command_that_died_is_taken_over(desk: Desk, running: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    hold(running, pid=gone.pid)
    answered(desk("stop", "-w", "test"), "==> SUCCESS: test.1 has been stopped.")
    until(lambda: not (running / "state/run.lock").exists())  # the first command holds it for a moment


def hold(run: Path, pid: int) -> None:
    """Write the lock that a process with this number would write."""
    (run / "state/run.lock").write_text(f"{pid}\n{socket.gethostname()}\n", "utf-8")


def test_a_job_gets_more_time_when_the_run_is_resumed(desk: Desk) -> None:
    analysis = json.loads(serial("[ -e tried ] || { touch tried; sleep 60; }", "true"))
    analysis["workflow"]["specification"]["steps"][0]["kubernetes_job_timeout"] = 1
    desk.write("reana.yaml", json.dumps(analysis))
    run = desk.run(exits=1)
    cure = desk.json("status", "-w", "test")["cure"]
    assert cure == "reana-batch resume -w runs/test.1 --step s1 --runtime 2s"
    for verb in ("status", "logs"):
        answered(desk(verb, "-w", "test"), f"To ask for more: {cure}")
    desk("resume", "-w", "test", "--step", "s1", exits=2)
    said(desk(*cure.split()[1:-2], "--runtime", "1 h", exits=2), *RUNTIME_USAGE)
    desk(*cure.split()[1:-1], "90m")
    assert "row_time_limit=5400\n" in (run / "batch/steps/s1/job.sh").read_text()
    assert desk.json("status", "-w", "test")["cure"] is None
    # A restart keeps the new limit.
    desk("restart", "-w", "test")
    assert Run(run.with_name("test.1.1")).manifest.steps[0].asks.runtime == 5400


RUNTIME_USAGE = ['Error: --runtime must be seconds, or a time such as 3h or 90m, not "1 h".']


def test_a_shell_has_what_the_job_had(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true", "pwd; env; exit 7"))
    run = desk.run("test", "--set", "inherit_environment=false", exits=1)
    before = {path: path.stat().st_mtime_ns for kind in ("state", "logs") for path in run.glob(f"{kind}/**/*")}
    shell = _in_shell(desk, "pwd; env; exit 5", "s2")
    assert (shell.code, _settled(shell.stdout)) == (5, _settled((run / "logs/s2/0.out").read_text()))
    assert shell.stderr == f"{run}/batch/steps/s2/command.1, which is not run:\n  pwd; env; exit 7\n"
    assert _in_shell(desk, "echo $MINE", "s1", "--row", "0", MINE="1").stdout == "\n"
    desk.run("own", exits=1)
    assert _in_shell(desk, "echo $MINE", "s1", name="own", MINE="1").stdout == "1\n"
    assert {path: path.stat().st_mtime_ns for kind in ("state", "logs") for path in run.glob(f"{kind}/**/*")} == before
    for words in (["s3"], ["s1", "--row", "1"], ["s1", "--on-worker"]):
        desk("shell", "-w", "test", *words, exits=3)
    library = run / "batch/job-lib.sh"
    library.write_text(library.read_text().replace("open_shell()", "no_shell()"))
    said(desk("shell", "-w", "test", "s1", exits=3), "hint: compile the analysis again.")


def _in_shell(desk: Desk, script: str, *words: str, name: str = "test", **env: str) -> Ended:
    """Return how `shell` ended with commands from standard input."""
    process = desk.start("shell", "-w", name, *words, env=env, stdin=subprocess.PIPE)
    stdout, stderr = process.communicate(script)
    return Ended(process.returncode, stdout, stderr)


def _settled(text: str) -> list[str]:
    """Return the lines of env, without variables that bash itself sets, and those of a terminal."""
    return sorted(line for line in text.splitlines() if line.partition("=")[0] not in ("SHLVL", "_", "TERM", "OLDPWD"))
