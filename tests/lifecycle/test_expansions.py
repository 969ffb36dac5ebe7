"""Runs whose jobs compile expansions, with make and a toy language."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reana_batch.lifecycle import restart
from reana_batch.run.parts import Run
from tests import python_lines
from tests.toy import flows

from .conftest import Desk, environment, until

TOY = environment(PYTHONPATH=str(flows.HERE), **python_lines.variables())


def reana_batch(desk: Desk, *words: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in a Python that knows the toy language."""
    command = [sys.executable, "-m", "reana_batch", *words]
    done = subprocess.run(command, cwd=desk.path, env=TOY, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == exits, done.stderr
    return done


def run(desk: Desk, flow: str, *words: str, exits: int = 0) -> Path:
    """Run a workflow and return the directory of the run."""
    desk.write("flow.json", flow)
    desk.write("reana.yaml", flows.ANALYSIS)
    reana_batch(desk, "run", "-w", "test", *words, exits=exits)
    return desk.path / "runs/test.1"


def status(desk: Desk, name: str = "test") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(reana_batch(desk, "status", "-w", name, "--json").stdout)
    return answer


def lines(run: Path, name: str = "starts") -> list[str]:
    return sorted((run / "workspace" / name).read_text().split())


def test_the_rest_is_compiled_when_its_files_are_known(desk: Desk) -> None:
    made = run(desk, flows.scatter())
    assert lines(made, "result") == ["1", "2", "3"]
    assert [(step["name"], step["done"]) for step in status(desk)["steps"]] == [
        ("split", 1),
        ("aside", 1),
        ("parts", 1),
        ("parts/work", 3),
        ("parts/join", 1),
    ]
    assert (made / "expansions/parts/workspace").resolve() == made / "workspace"


def test_expansions_lie_in_each_other_and_share_workspace_and_uuid(desk: Desk) -> None:
    made = run(desk, flows.nested('echo "$REANA_WORKSPACE $REANA_WORKFLOW_UUID" >>where'))
    assert lines(made) == ["a", "b", "c"]
    assert len(set((made / "workspace/where").read_text().splitlines())) == 1
    titles = [line for line in reana_batch(desk, "logs", "-w", "test", "c").stdout.splitlines() if line]
    assert titles == ["==> Step: c (flow.json:1)"]


def test_an_expansion_may_yield_nothing(desk: Desk) -> None:
    made = run(desk, flows.empty())
    assert lines(made, "result") == ["a"]
    assert status(desk)["progress"] == {"done": 2, "total": 2}


@pytest.mark.parametrize("flow", [flows.scatter(), flows.nested(), flows.empty()])
def test_outputs_are_demanded_at_the_very_end(desk: Desk, flow: str) -> None:
    run(desk, flow, "--strict-outputs")
    desk.write("reana.yaml", flows.ANALYSIS.replace("[result]", "[result, missing]"))
    done = reana_batch(desk, "run", "-w", "other", "--strict-outputs", exits=1)
    assert "declared outputs are missing: missing." in done.stdout


def test_outputs_are_demanded_after_all_expansions(desk: Desk) -> None:
    run(desk, flows.joined(), "--strict-outputs")
    assert status(desk)["steps"][-7]["name"] == "outputs.check"


def test_a_fault_is_shown_with_its_place_and_hint_and_resume_goes_on(desk: Desk) -> None:
    made = run(desk, flows.faulty(), exits=1)
    shown = reana_batch(desk, "status", "-w", "test").stdout
    assert '==> ERROR: Step "follows" failed: what follows from it was refused.' in shown
    assert f"  {made}/workspace/flow.json:1:1: error: Files must be good, not ['a/bad']. [bad-value]" in shown
    assert "  hint: make good files." in shown
    assert "More jobs will follow from the files a/* (flow.json:1)." in shown
    assert status(desk)["expansions"] == [{"label": "follows", "origin": "flow.json:1", "reason": "the files a/*"}]
    assert "Files must be good" in reana_batch(desk, "logs", "-w", "test").stdout
    (made / "workspace/a/bad").rename(made / "workspace/a/good")
    reana_batch(desk, "resume", "-w", "test")
    assert lines(made, "result") == ["a"]


def test_a_python_that_is_not_there_is_named(desk: Desk) -> None:
    run(desk, flows.empty(), "--set", "python=/no/such/python", exits=1)
    failure = status(desk)["first_failure"]
    assert failure["cause"] == "the job could not start its command: /no/such/python is not there"


STARTS = ["collect", "join", "last", "split", "x", "x", "y", "y", "z"]


def test_steps_and_expansions_wait_for_expansions(desk: Desk) -> None:
    made = run(desk, flows.joined())
    assert lines(made) == STARTS
    assert (made / "workspace/result").read_text().split() == ["1", "2", "3"]
    assert status(desk)["progress"] == {"done": 13, "total": 13}
    learned = json.loads((made / "workspace/learned").read_text())
    assert learned == {"": [], "first": ["a/1", "a/2"], "first/inner": ["x/1", "x/2"], "second": ["b/3"]}
    again = reana_batch(desk, "inspect").stdout
    assert "join  1 job  after first, second" in again
    assert "third  1 job  after first, second, join  compiles" in again


@pytest.mark.parametrize("word", ["restart", "resume"])
@pytest.mark.parametrize(("failed", "done"), [("y", 7), ("z", 9), ("collect", 9)])
def test_what_waits_for_an_expansion_with_failed_jobs_does_not_start(
    desk: Desk, word: str, failed: str, done: int
) -> None:
    desk.write("flow.json", flows.joined())
    desk.write("reana.yaml", flows.ANALYSIS.replace("[flow.json]", f"[flow.json, fail-{failed}]"))
    desk.write(f"fail-{failed}", "")
    reana_batch(desk, "run", "-w", "test", exits=1)
    record = status(desk)
    assert (record["status"], record["progress"]["done"]) == ("failed", done)
    assert {"join", "third"} <= {each["step"] for each in record["blocked"]}
    (desk.path / f"runs/test.1/workspace/fail-{failed}").unlink()
    reana_batch(desk, word, "-w", "test")
    assert set(lines(desk.path / "runs/test.1")) == set(STARTS)
    assert lines(desk.path / f"runs/test.1{'.1' * (word == 'restart')}", "result") == ["1", "2", "3"]


def test_rows_wait_for_an_expansion_in_jobs_that_end_in_any_case(desk: Desk) -> None:
    desk.write("flow.json", flows.rows_after())
    desk.write("reana.yaml", flows.ANALYSIS.replace("[flow.json]", "[flow.json, fail-work]"))
    desk.write("fail-work", "")
    reana_batch(desk, "run", "-w", "test", "--rows-per-job", "2", exits=1)
    record = status(desk)
    assert (record["status"], record["progress"]) == ("failed", {"done": 2, "total": 10})
    made = desk.path / "runs/test.1"
    skipped = sorted(f"{path.parent.name}/{path.stem}" for path in made.glob("state/*/*.skipped"))
    assert skipped == [f"{step}/{row}" for step in ("next", "part") for row in range(3)]
    (made / "workspace/fail-work").unlink()
    reana_batch(desk, "resume", "-w", "test")
    assert lines(made) == [*["next"] * 3, *["part"] * 3, "work", "work"]
    assert lines(made, "result") == ["a"] * 3


def test_an_expansion_is_not_compiled_before_those_that_it_waits_for(desk: Desk) -> None:
    made = run(desk, flows.joined())
    (made / "expansions/first/expansions/inner/state/y/1.done").unlink()
    said = reana_batch(desk, "expand", str(made), "third", exits=3).stderr
    assert "error: third waits for first/inner/y: 1 of its 2 jobs are done. [run-state]" in said


def test_a_job_that_starts_too_early_waits_for_no_failed_expansion(desk: Desk) -> None:
    """A job checks the records of the expansion itself."""
    made = run(desk, flows.joined())
    for kept in made.glob("**/state/*/expanded"):
        kept.unlink()
    inner = made / "expansions/first/expansions/inner/state/y"
    (inner / "1.done").rename(inner / "1.failed")
    (inner / "complete").unlink()
    (made / "state/join/0.done").unlink()
    done = subprocess.run(["bash", "batch/steps/join/job.sh"], cwd=made, env=TOY, check=False)
    assert done.returncode == 91
    assert (made / "state/join/0.skipped").read_text() == "reason=parent\ndetail=first\n"


@pytest.mark.parametrize("word", ["restart", "resume"])
def test_what_is_done_is_not_done_again(desk: Desk, word: str) -> None:
    desk.write("flow.json", flows.scatter(2))
    desk.write("reana.yaml", flows.ANALYSIS.replace("[flow.json]", "[flow.json, fail-join]"))
    desk.write("fail-join", "")
    reana_batch(desk, "run", "-w", "test", exits=1)
    first = desk.path / "runs/test.1"
    (first / "workspace/fail-join").unlink()
    # Changes of the user to the analysis in the meantime must not change the run.
    for name in ("flow.json", "reana.yaml"):
        (desk.path / name).unlink()
    answer = reana_batch(desk, word, "-w", "test")
    assert lines(first) == ["aside", "join", "join", "split", "work", "work"]
    if word == "restart":
        assert "5 of its jobs are done already" in answer.stderr
        assert lines(desk.path / "runs/test.1.1", "result") == ["1", "2"]
        assert (desk.path / "runs/test.1.1/expansions/parts/workspace").resolve() == first / "workspace"


def test_a_restart_goes_on_before_the_rest_is_known(desk: Desk) -> None:
    desk.write("flow.json", flows.scatter(2))
    desk.write("reana.yaml", flows.ANALYSIS.replace("[flow.json]", "[flow.json, fail-split]"))
    desk.write("fail-split", "")
    reana_batch(desk, "run", "-w", "test", exits=1)
    (desk.path / "runs/test.1/workspace/fail-split").unlink()
    reana_batch(desk, "restart", "-w", "test")
    assert lines(desk.path / "runs/test.1.1", "result") == ["1", "2"]


def test_a_restart_has_a_folder_for_what_is_not_compiled_yet(desk: Desk) -> None:
    desk.write("flow.json", flows.nested("exit 1"))
    desk.write("reana.yaml", flows.ANALYSIS)
    reana_batch(desk, "run", "-w", "test", exits=1)
    new = desk.path / "runs/test.1.1"
    assert restart.copy_run(Run(desk.path / "runs/test.1"), new) == 2
    assert (new / "expansions/first/batch/manifest.json").exists()
    assert (new / "expansions/first/expansions/second").is_dir()


def test_a_stop_in_the_midst_of_an_expansion_ends_its_jobs(desk: Desk) -> None:
    desk.write("flow.json", flows.scatter(1, "echo $$ >pid; [ -e go ] || sleep 1000"))
    desk.write("reana.yaml", flows.ANALYSIS)
    words = [sys.executable, "-m", "reana_batch", "run", "-w", "test"]
    process = subprocess.Popen(words, cwd=desk.path, env=TOY, stderr=subprocess.DEVNULL, start_new_session=True)
    pid = desk.path / "runs/test.1/workspace/pid"
    until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    reana_batch(desk, "stop", "-w", "test")
    assert process.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert status(desk)["status"] == "stopped"
    (desk.path / "runs/test.1/workspace/go").touch()
    reana_batch(desk, "resume", "-w", "test")
    assert lines(desk.path / "runs/test.1", "result") == ["1"]


def test_make_killed_while_an_expansion_compiles_leaves_it_whole_or_not_at_all(desk: Desk) -> None:
    desk.write("flow.json", flows.scatter(1))
    desk.write("reana.yaml", flows.ANALYSIS)
    reana_batch(desk, "compile", "-o", "runs/test.1")
    made = desk.path / "runs/test.1"
    make = ["make", "-f", "batch/Makefile"]
    process = subprocess.Popen(make, cwd=made, env=TOY, start_new_session=True, stdout=subprocess.DEVNULL)
    until((made / "state/parts/0.started").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(make, cwd=made, env=TOY, check=True, stdout=subprocess.DEVNULL)
    assert lines(made, "result") == ["1"]


def test_the_same_is_compiled_twice_and_not_before_its_time(desk: Desk) -> None:
    made = run(desk, flows.scatter())
    part = made / "expansions/parts"
    before = desk.path / "before"
    part.rename(before)
    reana_batch(desk, "expand", str(made), "parts")
    compared = filecmp.dircmp(before / "batch", part / "batch")
    assert not compared.left_only
    assert not compared.right_only
    for path in (before / "batch").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (part / path.relative_to(before)).read_bytes()
    said = reana_batch(desk, "expand", str(made), "parts").stdout
    assert said == f"==> SUCCESS: 4 jobs in {part}.\n"
    shutil.rmtree(part)
    (made / "state/split/0.done").unlink()
    said = reana_batch(desk, "expand", str(made), "parts", exits=3).stderr
    assert "error: parts waits for split: 0 of its 1 jobs are done. [run-state]" in said
    said = reana_batch(desk, "expand", str(made), "no-such", exits=3).stderr
    assert f'error: {made} has no expansion "no-such". [unknown-step]' in said


def test_two_that_compile_the_same_at_once_make_it_once(desk: Desk) -> None:
    """A scheduler may start a job twice."""
    made = run(desk, flows.scatter())
    part = made / "expansions/parts"
    shutil.rmtree(part)
    words = [sys.executable, "-m", "reana_batch", "expand", str(made), "parts"]
    both = [subprocess.Popen(words, cwd=desk.path, env=TOY, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in both] == [f"==> SUCCESS: 4 jobs in {part}.\n"] * 3
    assert [path.name for path in part.parent.iterdir()] == ["parts"]
    (made / "state/parts/expanded").unlink()
    reana_batch(desk, "resume", "-w", "test")
    assert lines(made, "result") == ["1", "2", "3"]


def test_runs_with_expansions_are_compared_and_deleted_whole(desk: Desk) -> None:
    run(desk, flows.scatter(2))
    desk.write("flow.json", flows.scatter(3))
    reana_batch(desk, "run", "-w", "test")
    differences = json.loads(reana_batch(desk, "diff", "test.1", "test.2", "--json").stdout)["differences"]
    assert "+++ test.2/parts/manifest.json" in differences["what is run"]
    reana_batch(desk, "delete", "-w", "test.1")
    assert not (desk.path / "runs/test.1").exists()
