"""Runs on this machine with GNU make: numbers, reports, failures, interrupts, and resuming."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import PROGRAM, Tool

# Longest wait in seconds for something that must happen. No test measures the time.
PATIENCE = 240


def _wait_for(path: Path) -> None:
    """Return when a job has written ``path``."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end, f"{path} was never written"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# --- names and numbers -----------------------------------------------------------------------------


def test_runs_are_counted_up(hello: Tool) -> None:
    for number in (1, 2):
        ended = hello.run("run", "--runs", "runs")
        assert ended.code == 0
        assert f"==> Running workflow.{number} in runs/workflow.{number}\n" in ended.stderr
        assert f"==> SUCCESS: workflow.{number} has finished.\n" in ended.stdout
    (hello.directory / "runs/workflow.7.2").mkdir()
    (hello.directory / "runs/workflow.x").mkdir()
    (hello.directory / "runs/fit.40").mkdir()
    assert "workflow.8" in hello.run("run", "--runs", "runs").stdout
    assert "other.1" in hello.run("run", "--runs", "runs", "-w", "other").stdout


def test_two_at_once_get_two_numbers(hello: Tool) -> None:
    both = [hello.start("run", "--runs", "runs", "--json") for _ in range(2)]
    answers = [json.loads(process.communicate()[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert {answer["name"] for answer in answers} == {"workflow.1", "workflow.2"}
    assert {answer["status"] for answer in answers} == {"finished"}


def test_runs_are_stored_in_the_data_directory_of_the_user(hello: Tool) -> None:
    home = Path(hello.environment["HOME"])
    assert hello.run("run").code == 0
    assert (home / ".local/share/reana-batch/workflow.1/workspace/greetings.txt").exists()
    assert hello.run("run", REANA_BATCH_RUNS=str(hello.directory / "mine")).code == 0
    assert (hello.directory / "mine/workflow.1/workspace/greetings.txt").exists()


def test_a_finished_run_names_its_outputs(hello: Tool) -> None:
    hello.write(
        "reana.yaml",
        (hello.directory / "reana.yaml").read_text("utf-8").replace("[greetings.txt]", "[greetings.txt, x]"),
    )
    ended = hello.run("run", "--runs", "runs")
    assert ended.code == 0
    assert "==> " not in ended.stderr.replace("==> Running workflow.1 in runs/workflow.1\n", "")
    assert "  runs/workflow.1/workspace/greetings.txt\n" in ended.stdout
    assert "==> WARNING: the declared output x is missing.\n" in ended.stdout


def test_files_with_blanks_and_utf_8_make_the_round_trip(empty: Tool) -> None:
    empty.write("data/größe und gewicht.txt", "5\n")
    empty.write(
        "reana.yaml",
        "inputs:\n  files: ['data/größe und gewicht.txt']\nworkflow:\n  type: serial\n  specification:\n    steps:\n"
        "      - name: zähle (alles)\n        environment: debian:12\n        commands:\n"
        "          - |\n            cp 'data/größe und gewicht.txt' 'ergebnis → 100%.txt'\n"
        '            echo "fertig: $$(wc -l < ergebnis*)"\n'
        "outputs:\n  files: ['ergebnis → 100%.txt']\n",
    )
    ended = empty.run("run", "--runs", "runs", "-w", "zähl mit")
    assert ended.code == 0
    assert "runs/zähl mit.1/workspace/ergebnis → 100%.txt" in ended.stdout
    assert empty.run("logs", "--runs", "runs", "-w", "zähl mit", "zähle (alles)").stdout.endswith("fertig: 1\n")
    assert empty.run("download", "--runs", "runs", "-w", "zähl mit", "-o", "hier").code == 0
    assert (empty.directory / "hier/ergebnis → 100%.txt").read_text("utf-8") == "5\n"


# --- failures ----------------------------------------------------------------------------------------


@pytest.fixture
def failing(empty: Tool) -> Tool:
    """Return the tool in a directory with an analysis whose second step fails until the file ``cured`` exists."""
    empty.write_steps(
        first="echo once >> first.txt",
        second='echo "to stdout"\nseq 1 30 >&2\necho "no such thing: größe" >&2\ntest -e cured || exit 7',
        third="echo third > third.txt",
    )
    return empty


def test_a_failure_is_told_with_all_that_explains_it(failing: Tool) -> None:
    ended = failing.run("run", "--runs", "runs")
    assert (ended.code, "ERROR" in ended.stderr) == (1, False)
    report = ended.stdout
    assert report.startswith('==> ERROR: Step "second" failed: the command ended with exit code 7.\nreana.yaml:')
    assert '\n  echo "to stdout"\n  seq 1 30 >&2\n' in report
    assert "The end of runs/workflow.1/logs/second/0.err:\n" in report
    assert "\n  30\n  no such thing: größe\n" in report
    assert "\n  5\n" not in report, "only the end of the log"
    assert "\n  to stdout\n" in report
    assert "==> ERROR: workflow.1 has failed; 1 job not started.\n" in report


def test_a_failure_of_the_last_step_leaves_nothing_to_start(empty: Tool) -> None:
    empty.write_steps(only="exit 7")
    assert "==> ERROR: workflow.1 has failed.\n" in empty.run("run", "--runs", "runs").stdout


def test_a_failure_in_json(failing: Tool) -> None:
    ended = failing.run("run", "--runs", "runs", "--json")
    answer: dict[str, Any] = json.loads(ended.stdout)
    assert (ended.code, answer["status"], answer["not_started"], answer["failed"]) == (1, "failed", 1, 1)
    failure = answer["first_failure"]
    assert (failure["step"], failure["exit_code"], failure["row"]) == ("second", 7, 0)
    assert failure["origin"].startswith("reana.yaml:")
    assert failure["command"].startswith('echo "to stdout"\n')
    assert failure["log"].endswith("no such thing: größe")
    assert answer["progress"] == {"done": 1, "total": 3}


def test_the_command_that_is_named_goes_on_where_it_was(failing: Tool) -> None:
    ended = failing.run("run", "--runs", "my runs", "-w", "my fit")
    failing.write("my runs/my fit.1/workspace/cured", "")
    command = ended.stdout.rsplit("To continue: ", 1)[1]
    environment = failing.environment | {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-uc", command], cwd=failing.directory, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    workspace = failing.directory / "my runs/my fit.1/workspace"
    assert (workspace / "first.txt").read_text("utf-8") == "once\n"
    assert (workspace / "third.txt").exists()


def test_make_goes_on_after_a_failure(failing: Tool) -> None:
    failing.run("run", "--runs", "runs")
    run = failing.directory / "runs/workflow.1"
    (run / "workspace/cured").touch()
    subprocess.run(["make", "-f", "batch/Makefile"], cwd=run, check=True, capture_output=True)
    assert (run / "workspace/first.txt").read_text("utf-8") == "once\n"
    assert failing.run("status", "--runs", "runs", "-w", "workflow").stdout.startswith("==> SUCCESS: workflow.1")


def test_a_restart_has_its_own_number_and_the_same_workspace(failing: Tool) -> None:
    failing.run("run", "--runs", "runs")
    failing.write("runs/workflow.1/workspace/cured", "")
    ended = failing.run("restart", "--runs", "runs", "-w", "workflow")
    assert ended.code == 0, ended.stderr
    assert "==> workflow.1.1 goes on where workflow.1 ended; 1 of its jobs are done already." in ended.stderr
    assert (failing.directory / "runs/workflow.1/workspace/first.txt").read_text("utf-8") == "once\n"
    listed = json.loads(failing.run("list", "--runs", "runs", "--json").stdout)["runs"]
    assert [(run["name"], run["status"]) for run in listed] == [("workflow.1.1", "finished"), ("workflow.1", "failed")]
    assert failing.run("delete", "--runs", "runs", "-w", "workflow.1").code == 3
    assert failing.run("delete", "--runs", "runs", "-w", "workflow.1.1").code == 0
    assert (failing.directory / "runs/workflow.1/workspace/third.txt").exists()


def test_a_job_that_is_killed_is_told_as_killed(empty: Tool) -> None:
    empty.write_steps(victim="kill -KILL $$$$")
    ended = empty.run("run", "--runs", "runs")
    assert ended.code == 1
    assert "the command ended with exit code 137 (as if killed by SIGKILL, mostly for memory)" in ended.stdout


def test_a_job_past_its_limit_is_told_as_such(empty: Tool) -> None:
    empty.write_steps(slow="sleep 600")
    spec = (empty.directory / "reana.yaml").read_text("utf-8")
    empty.write("reana.yaml", spec.replace("        commands", "        kubernetes_job_timeout: 1\n        commands"))
    ended = empty.run("run", "--runs", "runs")
    assert ended.code == 1
    assert "the command was ended by its time limit, after 1 s" in ended.stdout


def test_commands_share_nothing_but_the_workspace(empty: Tool) -> None:
    empty.write_steps(
        one="cd /\nexport X=1\numask 077\nset -e",
        two='test "$$PWD" = "$$REANA_WORKSPACE"\ntest -z "$${X:-}"\nfalse\necho "$$PWD" > where.txt',
        three="cat",
    )
    assert empty.run("run", "--runs", "runs").code == 0
    workspace = empty.directory / "runs/workflow.1/workspace"
    assert (workspace / "where.txt").read_text("utf-8") == f"{workspace}\n"


# --- interrupts --------------------------------------------------------------------------------------

PATIENT = """\
if test -e again; then echo done > done.txt; exit; fi
sleep 600 &
echo $$$$ $$! > pids.part
mv pids.part pids
wait
"""


def _pids(run: Path) -> list[int]:
    """Return the processes of the job ``patient`` once it runs."""
    _wait_for(run / "workspace/pids")
    pids = [int(pid) for pid in (run / "workspace/pids").read_text("utf-8").split()]
    assert all(map(_alive, pids))
    return pids


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupt_ends_all_jobs_and_make_goes_on_afterwards(signal_number: signal.Signals, empty: Tool) -> None:
    empty.write_steps(patient=PATIENT, after="echo after > after.txt")
    run = empty.directory / "runs/workflow.1"
    with empty.start("run", "--runs", "runs") as process:
        pids = _pids(run)
        process.send_signal(signal_number)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    left = [pid for pid in pids if _alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "==> ERROR: workflow.1 has been stopped; " in stdout
    assert not (run / "workspace/after.txt").exists()
    assert json.loads(empty.run("status", "--runs", "runs", "-w", "workflow", "--json").stdout)["status"] == "stopped"
    (run / "workspace/again").touch()
    subprocess.run(["make", "-f", "batch/Makefile"], cwd=run, check=True, capture_output=True)
    assert (run / "workspace/done.txt").exists()
    assert (run / "workspace/after.txt").exists()


def test_an_interrupt_on_a_terminal_reaches_the_jobs_once(empty: Tool) -> None:
    """Ctrl-C signals the whole process group, and no job belongs to that group."""
    empty.write_steps(patient=PATIENT)
    run = empty.directory / "runs/workflow.1"
    with subprocess.Popen(
        [PROGRAM, "run", "--runs", "runs"],
        cwd=empty.directory,
        env=empty.environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        pids = _pids(run)
        os.killpg(process.pid, signal.SIGINT)
        stdout, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert not any(map(_alive, pids))
    assert "has been stopped" in stdout
    assert "reason=signal\ndetail=SIGTERM\n" in (run / "state/patient/0.failed").read_text("utf-8")


def test_an_interrupted_run_is_stopped_when_its_jobs_have_ended(empty: Tool) -> None:
    """Make exits at once, but its jobs may need a moment."""
    empty.write_steps(slow="trap 'sleep 2; touch last-words; exit 1' TERM; touch begun; sleep 600 & wait")
    run = empty.directory / "runs/workflow.1"
    with empty.start("run", "--runs", "runs") as process:
        _wait_for(run / "workspace/begun")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (run / "workspace/last-words").exists()
    assert process.returncode == 130, stderr
    assert "has been stopped" in stdout


def test_an_interrupt_ends_the_jobs_of_a_run_with_a_damaged_record(empty: Tool) -> None:
    empty.write_steps(patient=PATIENT)
    run = empty.directory / "runs/workflow.1"
    with empty.start("run", "--runs", "runs") as process:
        pids = _pids(run)
        (run / "state/run.json").write_text("{", "utf-8")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
    _wait_for(run / "state/patient/0.failed")  # the command exits at once because it cannot read which jobs run
    left = [pid for pid in pids if _alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
    assert process.returncode == 3
    assert "state/run.json is damaged" in stderr


def test_stop_ends_a_run_that_another_shell_started(empty: Tool) -> None:
    empty.write_steps(patient=PATIENT)
    run = empty.directory / "runs/workflow.1"
    with empty.start("run", "--runs", "runs") as process:
        pids = _pids(run)
        assert empty.run("stop", "--runs", "runs", "-w", "workflow").code == 0
        stdout, _ = process.communicate(timeout=PATIENCE)
    assert not any(map(_alive, pids))
    assert process.returncode == 130
    assert "has been stopped" in stdout
