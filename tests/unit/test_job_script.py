"""The work of a job: compiled jobs run with the real bash, make and coreutils."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

import reana_batch.templates
from reana_batch import pipeline
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.ir import Column, Command, Need, Pattern, RowMapping, Rows, Step, Table, Workflow, literal
from reana_batch.lifecycle.creation import write_run
from reana_batch.run import failures, parts, records
from reana_batch.site import Site
from tests import bash_lines
from tests.bash import Bash
from tests.steps import Numbers, make_step

ORIGIN = Place("/home/me/analysis/reana.yaml", 7)

# Root may write everywhere, unless it drops this capability. With a file size of 0 each write fails, as on a full disk.
FULL = ("bash", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "bash")
POWERLESS = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override") if os.geteuid() == 0 else ()


# Variables of a scheduler that runs the tests must not affect them.
ENVIRONMENT = {name: text for name, text in os.environ.items() if not name.startswith(("SLURM_", "REANA_"))}
HOST = ENVIRONMENT.get("HOSTNAME", os.uname().nodename)


def command(*parts: str | Column) -> Command:
    return Command(parts, ORIGIN)


def step(name: str, *commands: str | Command, **fields: Any) -> Step:
    written = tuple(literal(text, ORIGIN) if isinstance(text, str) else text for text in commands)
    return make_step(name, written, ORIGIN, **fields)


def rows(count: int) -> Table:
    """Return a table whose column ``n`` holds the number of the row."""
    return Numbers(count)


N = Column("n")


@dataclass(frozen=True)
class Run:
    """A compiled run directory."""

    directory: Path

    @property
    def workspace(self) -> Path:
        return self.directory / "workspace"

    def job(
        self,
        name: str,
        chunk: int = 0,
        *,
        environment: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        stdin: str = "",
        mode: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a job as HTCondor does, without waiting for parents that are not done."""
        return subprocess.run(
            [*prefix, "/bin/bash", f"batch/steps/{name}/job.sh", str(chunk), *mode],
            cwd=self.directory,
            env={**ENVIRONMENT, "REANA_BATCH_PATIENCE": "0", **bash_lines.traced(), **(environment or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def make(self, *options: str) -> subprocess.CompletedProcess[str]:
        make = ["make", *options, "-f", "batch/Makefile"]
        return subprocess.run(make, cwd=self.directory, capture_output=True, text=True, check=False)

    def records(self, name: str) -> list[str]:
        """Return the names of the exit records of a step."""
        return sorted(p.name for p in (self.directory / "state" / name).iterdir() if p.suffix in {".done", ".failed"})

    def record(self, path: str) -> dict[str, str]:
        lines = (self.directory / "state" / path).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def log(self, path: str) -> str:
        return (self.directory / "logs" / path).read_text()


def compiled(
    directory: Path,
    *steps: Step,
    backend: str = "htcondor",
    site: Site | None = None,
    fuse: bool = False,
) -> Run:
    workflow = Workflow("w", "serial", steps)
    compilation = pipeline.lower(workflow, site or Site(), backend, Diagnostics(), fuse=fuse)
    write_run(compilation, directory)
    return Run(directory)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds. Fail the test if it does not."""
    for _ in range(12000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("waited for nothing")


# --- exit codes and records -----------------------------------------------------------------------


@pytest.mark.parametrize("code", [1, 42, 91, 124, 137, 255])
def test_exit_code_passes_through(code: int, tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", f"exit {code}"))
    job = run.job("fit")
    assert (job.returncode, job.stdout) == (code, "")
    assert job.stderr == f"reana-batch: fit: row 0: failed: command  (exit code {code})\n"
    assert run.record("fit/0.failed")["exit_code"] == str(code)


def test_success(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "echo out; echo err >&2"))
    job = run.job("fit")
    assert (job.returncode, job.stdout, job.stderr) == (0, "", "")
    assert (run.log("fit/0.out"), run.log("fit/0.err")) == ("out\n", "err\n")
    assert run.records("fit") == ["0.done"]


def test_exit_status_is_that_of_plain_bash(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "false\nfalse | true\necho $undefined\n"))
    assert run.job("fit").returncode == 0


# What a row used. The memory is there if the machine can measure it.
USAGE = ("attempt", "cpu", "memory", "memory_of")


def without_times(record: dict[str, str]) -> dict[str, str]:
    """Return the record, after a check of the values that differ from run to run."""
    assert int(record["started"]) <= int(record["ended"])
    assert record["host"] == HOST
    assert record["attempt"] == "1"
    assert re.fullmatch(r"\d+\.\d\d", record["cpu"])
    return {key: value for key, value in record.items() if key not in {"started", "ended", "host", *USAGE}}


def test_record_of_a_job_that_is_done(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "true"))
    run.job("fit", environment={"REANA_BATCH_JOB": "17.0"})
    assert without_times(run.record("fit/0.done")) == {"exit_code": "0", "scheduler_job": "17.0"}


def test_record_of_a_job_that_failed(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "exit 3"))
    run.job("fit", environment={"SLURM_JOB_ID": "15", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "3"})
    assert without_times(run.record("fit/0.failed")) == {
        "exit_code": "3",
        "reason": "command",
        "detail": "",
        "command": "1",
        "scheduler_job": "12_3",
    }


def test_job_that_is_done_is_not_run_again(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "echo once >> ran"))
    assert [run.job("fit").returncode for _ in range(2)] == [0, 0]
    assert (run.workspace / "ran").read_text() == "once\n"


def test_job_that_failed_is_run_again(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "echo try; [[ -e cured ]]"))
    assert run.job("fit").returncode == 1
    (run.workspace / "cured").touch()
    assert run.job("fit").returncode == 0
    assert run.records("fit") == ["0.done"]
    assert run.log("fit/0.out") == "try\ntry\n"


def test_directories_of_the_rows_are_there_and_empty(tmp_path: Path) -> None:
    say = command("cd rows/0/", N, ' && ls -A . "$ROW_TMPDIR" && touch "$ROW_TMPDIR/.left" left')
    run = compiled(tmp_path, step("fit", say, table=rows(251), directories="rows"), site=Site(rows_per_job=251))
    (run.workspace / "rows/0/3/in").mkdir(parents=True)
    (run.workspace / "rows/0/4").symlink_to(tmp_path)
    assert run.job("fit").returncode == 1  # the last row is in another folder
    assert run.records("fit/0") == sorted(f"{n}.done" for n in range(250))
    assert run.records("fit/1") == ["250.failed"]
    logs = {run.log(f"fit/0/{n}.out") for n in range(250)}
    [said] = logs
    assert re.fullmatch(r"\.:\n\n/\S+/rows:\n", said)
    assert not Path(said.split()[1].rstrip(":")).exists()  # the job has deleted it
    assert tmp_path.joinpath("batch").exists()


def test_a_directory_of_a_row_that_cannot_be_made(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "true", directories="rows"))
    run.workspace.mkdir(exist_ok=True)
    (run.workspace / "rows").touch()
    assert run.job("fit").returncode == 94
    assert (run.record("fit/0.failed")["reason"], run.record("fit/0.failed")["detail"]) == (
        "worker",
        f"the directory {run.workspace}/rows/0 cannot be made",
    )


def test_a_directory_in_the_environment_is_not_emptied(bash: Bash) -> None:
    kept = bash.directory / "kept"
    kept.touch()
    facts = {"row_directories": "rows", "own": "0", "REANA_WORKSPACE": str(bash.directory / "workspace")}
    environment = {"ROW_TMPDIR": str(bash.directory), "row_temporary": str(bash.directory)}
    assert bash("renew_row_directories", facts=facts, environment=environment).code == 0
    assert kept.exists()
    assert (bash.directory / "workspace/rows/0").is_dir()


def test_missing_outputs(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "touch here", outputs=("here", "not here", "d/nor here")))
    job = run.job("fit")
    assert job.returncode == 93
    assert job.stderr == "reana-batch: fit: row 0: failed: output missing: not here d/nor here (exit code 93)\n"
    assert without_times(run.record("fit/0.failed")) == {
        "exit_code": "93",
        "reason": "output",
        "detail": "missing: not here d/nor here",
        "command": "1",
        "scheduler_job": "",
    }


def test_outputs_that_are_there(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "mkdir -p d; touch 'it is' d/x", outputs=("it is", "d", "d/x")))
    assert run.job("fit").returncode == 0


# --- what ends a job from outside -----------------------------------------------------------------


def test_time_limit(tmp_path: Path) -> None:
    slow = step("slow", "echo began; sleep 1000; echo ended")
    run = compiled(tmp_path, slow, backend="make", site=Site(default_runtime=1))
    job = run.job("slow")
    assert job.returncode == 124
    assert job.stderr == "reana-batch: slow: row 0: failed: timeout after 1 s (exit code 124)\n"
    record = run.record("slow/0.failed")
    assert (record["exit_code"], record["reason"], record["detail"]) == ("124", "timeout", "after 1 s")
    assert run.log("slow/0.out") == "began\n"


def test_code_of_timeout_without_a_time_limit_passed(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "exit 124"), backend="make", site=Site(default_runtime=1000))
    assert run.job("fit").returncode == 124
    assert run.record("fit/0.failed")["reason"] == "command"


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children(pid: int) -> list[str]:
    """Return the names of the processes that a process has started."""
    names = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            names.append(Path(f"/proc/{child}/comm").read_text().strip())
    return names


@pytest.fixture
def started() -> Iterator[Callable[[Run, str], subprocess.Popen[str]]]:
    """Start a job in the background. The end of the test ends it."""
    processes: list[subprocess.Popen[str]] = []

    def start(run: Run, name: str) -> subprocess.Popen[str]:
        job = ["/bin/bash", f"batch/steps/{name}/job.sh", "0"]
        environment = {**ENVIRONMENT, "REANA_BATCH_PATIENCE": "1000", **bash_lines.traced()}
        process = subprocess.Popen(job, cwd=run.directory, env=environment, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.terminate()  # the job ends its commands too
        process.wait(60)
        assert process.stderr
        process.stderr.close()


Start = Callable[[Run, str], subprocess.Popen[str]]


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("INT", 130), ("HUP", 129)])
def test_signal_ends_all_processes_of_the_command(name: str, code: int, tmp_path: Path, started: Start) -> None:
    run = compiled(tmp_path, step("slow", "sleep 1000 &\n(sleep 1000; true) &\necho $$ $! > pids; wait"))
    job = started(run, "slow")
    pids = run.workspace / "pids"
    wait_for(lambda: pids.exists() and pids.read_text().endswith("\n"))
    job.send_signal(signal.Signals[f"SIG{name}"])
    _, message = job.communicate()
    assert job.returncode == code
    assert message == f"reana-batch: slow: row 0: failed: signal SIG{name} (exit code {code})\n"
    record = run.record("slow/0.failed")
    assert (record["exit_code"], record["reason"], record["detail"]) == (str(code), "signal", f"SIG{name}")
    assert run.records("slow") == ["0.failed"]
    for pid in map(int, pids.read_text().split()):
        wait_for(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]  # mypy cannot infer a lambda with a default


def test_signal_while_waiting_for_parents(tmp_path: Path, started: Start) -> None:
    parent, child = step("p", "true", table=rows(3)), step("c", "true", needs=(Need("p"),))
    run = compiled(tmp_path, parent, child)
    assert [run.job("p", row).returncode for row in (0, 1)] == [0, 0]
    job = started(run, "c")
    wait_for(lambda: "sleep" in children(job.pid))
    job.terminate()
    job.communicate()
    assert job.returncode == 143
    assert run.records("c") == ["0.failed"]


# --- parents --------------------------------------------------------------------------------------

PARENT = step("p", command("echo ", N), table=rows(3))

# need, child's rows: the parent's rows that the child's row 1 waits for
NEEDS = [
    (Need("p"), 2, (0, 1, 2)),
    (Need("p", Pattern.EACH), 3, (1,)),
    (Need("p", RowMapping(((), (0, 2)))), 2, (0, 2)),
]


@pytest.mark.parametrize(("need", "count", "awaited"), NEEDS, ids=["all", "each", "mapping"])
def test_row_starts_when_its_parents_are_done(need: Need, count: int, awaited: tuple[int, ...], tmp_path: Path) -> None:
    run = compiled(tmp_path, PARENT, step("c", command("touch ran.", N), table=rows(count), needs=(need,)))
    for row in awaited:
        run.job("p", row)
    job = run.job("c", 1)
    assert (job.returncode, job.stderr) == (0, "")
    assert (run.workspace / "ran.1").exists()


@pytest.mark.parametrize(("need", "count", "awaited"), NEEDS, ids=["all", "each", "mapping"])
def test_row_does_not_start_without_a_parent(need: Need, count: int, awaited: tuple[int, ...], tmp_path: Path) -> None:
    run = compiled(tmp_path, PARENT, step("c", command("touch ran.", N), table=rows(count), needs=(need,)))
    for row in set(range(3)) - {awaited[0]}:
        run.job("p", row)
    job = run.job("c", 1)
    assert job.returncode == 91
    assert job.stderr == "reana-batch: c: row 1: not started because p is not done\n"
    assert not (run.workspace / "ran.1").exists()
    assert run.records("c") == []


def test_row_that_waits_for_none(tmp_path: Path) -> None:
    need = NEEDS[2][0]
    run = compiled(tmp_path, PARENT, step("c", command("touch ran.", N), table=rows(2), needs=(need,)))
    assert run.job("c", 0).returncode == 0


def test_failed_parent_is_not_waited_for(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("p", "false"), step("c", "true", needs=(Need("p"),)))
    run.job("p")
    job = run.job("c", environment={"REANA_BATCH_PATIENCE": "1000", **bash_lines.traced()})
    assert (job.returncode, job.stderr) == (91, "reana-batch: c: row 0: not started because p is not done\n")


def test_what_waits_for_a_row_that_was_not_started_ends_at_once(tmp_path: Path) -> None:
    run = compiled(tmp_path, *(step(name, "[ -e good ]", needs=needs) for name, needs in CHAIN.items()))
    impatient = {"REANA_BATCH_PATIENCE": "1000", **bash_lines.traced()}
    assert [run.job(name, environment=impatient).returncode for name in CHAIN] == [1, 91, 91]
    assert [(run.directory / f"state/{name}/0.skipped").exists() for name in CHAIN] == [False, True, True]
    (run.workspace / "good").touch()
    assert [run.job(name, environment=impatient).returncode for name in CHAIN] == [0, 0, 0]
    assert not list((run.directory / "state").rglob("*.skipped"))


CHAIN = {"a": (), "b": (Need("a"),), "c": (Need("b"),)}


def test_parent_whose_record_shows_late_is_waited_for(tmp_path: Path, started: Start) -> None:
    run = compiled(tmp_path, step("p", "true"), step("c", "true", needs=(Need("p"),)))
    job = started(run, "c")
    wait_for(lambda: "sleep" in children(job.pid))
    assert run.job("p").returncode == 0
    job.communicate()
    assert job.returncode == 0


def test_parents_of_many_rows_are_looked_through_once(tmp_path: Path) -> None:
    run = compiled(tmp_path, PARENT, step("c", "true", needs=(Need("p"),)))
    for row in range(3):
        run.job("p", row)
    assert run.job("c").returncode == 0
    assert (run.directory / "state/p/complete").exists()


# --- chunks ---------------------------------------------------------------------------------------


def test_failing_row_does_not_stop_its_chunk(tmp_path: Path) -> None:
    scatter = step("fit", command("echo row ", N, "; [[ ", N, " != 2 ]] || exit 7"), table=rows(7))
    run = compiled(tmp_path, scatter, site=Site(rows_per_job=5))
    job = run.job("fit", 0)
    assert job.returncode == 7
    assert job.stderr == "reana-batch: fit: row 2: failed: command  (exit code 7)\n"
    assert run.records("fit") == ["0.done", "1.done", "2.failed", "3.done", "4.done"]
    assert [run.log(f"fit/{row}.out") for row in range(5)] == [f"row {row}\n" for row in range(5)]
    assert run.job("fit", 1).returncode == 0
    assert run.records("fit")[-2:] == ["5.done", "6.done"]


def test_only_the_failed_rows_of_a_chunk_are_run_again(tmp_path: Path) -> None:
    scatter = step("fit", command("echo ", N, " >> ran; [[ -e cured || ", N, " != 2 ]]"), table=rows(5))
    run = compiled(tmp_path, scatter, site=Site(rows_per_job=5))
    assert run.job("fit").returncode == 1
    (run.workspace / "cured").touch()
    assert run.job("fit").returncode == 0
    assert (run.workspace / "ran").read_text().split() == ["0", "1", "2", "3", "4", "2"]


QUICK_THEN_SLOW = command("[[ ", N, " != 3 ]] || { echo $$ >slow; exec sleep 1000; }")


def test_record_of_a_quick_row_does_not_wait_for_a_slow_one(tmp_path: Path, started: Start) -> None:
    run = compiled(tmp_path, step("fit", QUICK_THEN_SLOW, table=rows(5)), site=Site(rows_per_job=5))
    started(run, "fit")
    wait_for((run.workspace / "slow").exists)
    wait_for(lambda: run.records("fit") == ["0.done", "1.done", "2.done"])


def test_records_are_complete_after_a_kill_of_the_job(tmp_path: Path, started: Start) -> None:
    run = compiled(tmp_path, step("fit", QUICK_THEN_SLOW, table=rows(5)), site=Site(rows_per_job=5))
    job = started(run, "fit")
    wait_for(lambda: (run.workspace / "slow").exists() and (run.workspace / "slow").stat().st_size > 0)
    job.kill()
    wait_for(lambda: run.records("fit") == ["0.done", "1.done", "2.done"])
    assert [run.record(f"fit/{row}.done")["exit_code"] for row in range(3)] == ["0"] * 3
    os.kill(int((run.workspace / "slow").read_text()), signal.SIGKILL)


def test_signal_while_a_chunk_runs_leaves_all_its_records(tmp_path: Path, started: Start) -> None:
    run = compiled(tmp_path, step("fit", QUICK_THEN_SLOW, table=rows(5)), site=Site(rows_per_job=5))
    job = started(run, "fit")
    wait_for((run.workspace / "slow").exists)
    job.terminate()
    job.communicate()
    assert job.returncode == 143
    assert run.records("fit") == ["0.done", "1.done", "2.done", "3.failed"]


def test_chunk_leaves_records_and_nothing_else(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", command("echo ", N), table=rows(600)), site=Site(rows_per_job=300))
    assert [run.job("fit", chunk).returncode for chunk in (0, 1)] == [0, 0]
    state = run.directory / "state/fit"
    assert sorted(path.name for path in state.iterdir()) == ["0", "1", "2"]
    left = {int(path.stem): path.parent.name for path in state.rglob("*.done")}
    assert left == {row: str(row // 250) for row in range(600)}


def test_record_of_a_chunk_that_cannot_be_written(tmp_path: Path) -> None:
    scatter = step("fit", command("chmod 555 ../state/fit/0; echo ", N), table=rows(600))
    run = compiled(tmp_path, scatter, site=Site(rows_per_job=2))
    job = run.job("fit", prefix=POWERLESS)
    assert job.returncode == 92
    assert "the record state/fit/0/" in job.stderr


def test_chunk_that_is_killed_says_which_row_it_was_at(tmp_path: Path) -> None:
    # Between the job and its command may be a program that measures it.
    kill = "job=$PPID; until grep -q job.sh /proc/$job/cmdline; do read -r _ _ _ job _ </proc/$job/stat; done; kill -9 $job"
    scatter = step("fit", command("[[ ", N, f" != 2 ]] || {{ {kill}; }}"), table=rows(6))
    run = compiled(tmp_path, scatter, site=Site(rows_per_job=4))
    assert run.job("fit").returncode == -signal.SIGKILL
    assert run.record("fit/0.started")["row"] == "2"
    (progress,) = parts.Run(run.directory).progress()
    assert (progress.done, progress.failed, progress.running) == (2, 0, 1)
    (failure,) = failures.failures(parts.Run(run.directory), {("fit", 0): "its node failed"})
    assert (failure.row, failure.host, failure.detail) == (2, HOST, "its node failed")


def test_the_reader_knows_every_key_that_a_record_has(tmp_path: Path) -> None:
    scatter = step("fit", command("[[ ", N, " != 1 ]]"), table=rows(2))
    run = compiled(tmp_path, scatter)
    assert [run.job("fit", row).returncode for row in range(2)] == [0, 1]
    known = {field.name for field in fields(records.RowRecord)}
    for name in ("0.started", "0.done", "1.failed"):
        assert run.record(f"fit/{name}").keys() <= known
    record = records.read_record(run.directory / "state/fit/1.failed")
    assert (record.reason, record.exit_code, record.command, record.host) == ("command", 1, 1, HOST)
    assert 0 < record.started <= record.ended


def test_rows_of_a_chunk_need_not_get_longer(tmp_path: Path) -> None:
    texts = ("one", "a long one # with more", "b", "ü", "cc")
    scatter = step("fit", command("echo ", N), table=Rows(("n",), tuple((text,) for text in texts)))
    run = compiled(tmp_path, scatter, site=Site(rows_per_job=len(texts)))
    assert run.job("fit").returncode == 0
    assert [run.log(f"fit/{row}.out") for row in range(5)] == ["one\n", "a long one\n", "b\n", "ü\n", "cc\n"]
    assert [run.log(f"fit/{row}.err") for row in range(5)] == [""] * 5


def test_rows_of_a_chunk_that_wait_for_chosen_rows(tmp_path: Path) -> None:
    made = step("make", command("true ", N), table=rows(300))
    need = Need("make", RowMapping(tuple((299 - row,) for row in range(300))))
    run = compiled(
        tmp_path, made, step("fit", command("echo ", N), table=rows(300), needs=(need,)), site=Site(rows_per_job=150)
    )
    for row in range(150):
        record = run.directory / f"state/make/{(299 - row) // 250}/{299 - row}.done"
        record.parent.mkdir(parents=True, exist_ok=True)
        record.touch()
    assert run.job("fit").returncode == 0
    assert [run.log(f"fit/0/{row}.out") for row in range(150)] == [f"{row}\n" for row in range(150)]
    assert run.job("fit", 1).returncode == 91


def test_script_of_a_failed_row_is_kept(tmp_path: Path) -> None:
    scatter = step("fit", "true", command("[[ -e cured ]] # $", N, "\\"), table=rows(2))
    run = compiled(tmp_path, scatter)
    assert run.job("fit", 1).returncode == 1
    assert (run.directory / "state/fit/1.command").read_text() == "[[ -e cured ]] # $1\\"
    assert run.record("fit/1.failed")["command"] == "2"


def test_script_of_a_failed_row_goes_when_the_row_is_done(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", command("[[ -e cured ]] # ", N), table=rows(1)))
    assert run.job("fit").returncode == 1
    (run.workspace / "cured").touch()
    assert run.job("fit").returncode == 0
    assert sorted(path.name for path in (run.directory / "state/fit").iterdir()) == ["0.done", "0.started"]


def test_rows_lie_in_shards(tmp_path: Path) -> None:
    scatter = step("fit", command("echo row ", N), table=rows(20_001))
    run = compiled(tmp_path, scatter)
    for row in (0, 9_999, 10_000, 20_000):
        assert run.job("fit", row).returncode == 0
        assert run.log(f"fit/{row // 250}/{row}.out") == f"row {row}\n"


# --- the surroundings of a command ----------------------------------------------------------------


def test_stdin_is_empty(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "readlink /proc/self/fd/0; cat"))
    assert run.job("fit", stdin="from the scheduler\n").returncode == 0
    assert run.log("fit/0.out") == "/dev/null\n"


def test_working_directory_is_the_workspace(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", 'pwd; printf "%s\\n" "$REANA_WORKSPACE"'))
    run.job("fit")
    assert run.log("fit/0.out") == f"{run.workspace}\n{run.workspace}\n"


UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}\n")


def test_jobs_of_a_run_have_its_uuid(tmp_path: Path) -> None:
    text = 'echo "$REANA_WORKFLOW_UUID"'
    first, second = (compiled(tmp_path / name, step("a", text), step("b", text)) for name in ("1", "2"))
    for run in (first, second):
        assert [run.job(name).returncode for name in ("a", "b")] == [0, 0]
    assert UUID.fullmatch(first.log("a/0.out"))
    assert first.log("a/0.out") == first.log("b/0.out")
    assert first.log("a/0.out") != second.log("a/0.out")


def test_variables_that_schedulers_leave_out(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", 'env | grep -E "^(PATH|HOME|USER)=" | sort'))
    job = subprocess.run(
        ["env", "-i", "/bin/bash", "batch/steps/fit/job.sh"], cwd=run.directory, check=False, capture_output=True
    )
    assert (job.returncode, job.stdout, job.stderr) == (0, b"", b"")
    variables = dict(line.split("=", 1) for line in run.log("fit/0.out").splitlines())
    user = pwd.getpwuid(os.getuid())
    assert (variables["HOME"], variables["USER"]) == (user.pw_dir, user.pw_name)
    assert {"/usr/bin", "/bin"} <= set(variables["PATH"].split(":"))


def test_variables_that_are_there_stay(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", 'echo "$HOME $USER"'))
    run.job("fit", environment={"HOME": "/nowhere", "USER": "someone"})
    assert run.log("fit/0.out") == "/nowhere someone\n"


STRANGE = 'it\'s a "run" of $HOME & größe 日本 \\ ; * #1'


@pytest.mark.parametrize("backend", ["make", "htcondor"])
def test_directory_of_any_name(backend: str, tmp_path: Path) -> None:
    first = step("a", "echo one > x", "cat x > y", outputs=("y",))
    second = step("b", command("cat y; echo ", N), table=rows(2), needs=(Need("a"),))
    run = compiled(tmp_path / STRANGE, first, second, backend=backend)
    if backend == "make":
        made = run.make()
        assert (made.returncode, made.stderr) == (0, "")
    else:
        assert [run.job(*job).returncode for job in (("a", 0), ("b", 0), ("b", 1))] == [0, 0, 0]
    assert (run.log("b/0.out"), run.log("b/1.out")) == ("one\n0\n", "one\n1\n")


@pytest.mark.parametrize("backend", ["make", "htcondor", "slurm"])
def test_labels_are_only_comments(backend: str, tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "true", label='"; touch ran\ntouch ran\n$(touch ran)'), backend=backend)
    assert run.job("fit").returncode == 0
    assert list(run.workspace.iterdir()) == []


# --- full disks -----------------------------------------------------------------------------------


def test_state_that_is_not_writable(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "touch ran"))
    (run.directory / "state/fit").chmod(0o555)
    job = run.job("fit", prefix=POWERLESS)
    assert job.returncode == 92
    assert job.stderr.splitlines()[-1] == "reana-batch: fit: row 0: state/fit is not writable"
    assert not (run.workspace / "ran").exists()


def test_full_disk(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "touch ran"))
    job = run.job("fit", prefix=FULL)
    assert job.returncode == 92
    assert job.stderr.splitlines()[-1] == "reana-batch: fit: row 0: state/fit is not writable"


def test_exit_record_that_cannot_be_written(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "chmod 555 ../state/fit"))
    job = run.job("fit", prefix=POWERLESS)
    assert job.returncode == 92
    assert job.stderr.splitlines()[-1] == (
        "reana-batch: fit: row 0: the record state/fit/0.done cannot be written (disk full? quota?)"
    )
    assert run.records("fit") == []


def test_log_that_cannot_be_written(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "touch ran"))
    (run.directory / "logs/fit").chmod(0o555)
    job = run.job("fit", prefix=POWERLESS)
    assert job.returncode == 92


# --- containers and CVMFS -------------------------------------------------------------------------

# A stand-in for apptainer, which the site in a box has. It notes its arguments and runs the command after the image.
APPTAINER = r"""#!/bin/bash
for option in ${REFUSED-}; do
  [[ " $* " != *" $option "* ]] || { printf 'INFO\nFATAL: no %s\n' "$option" >&2; exit 255; }
done
if [[ $* =~ --overlay\ ([^ ]*) ]]; then # it fills this directory, and closes what it makes there
  mkdir "${BASH_REMATCH[1]}/closed" && touch "${BASH_REMATCH[1]}/closed/file" && chmod 0 "${BASH_REMATCH[1]}/closed" || exit
fi
printf '%s\0' "$@" >"$REANA_WORKSPACE/arguments"
printf '%s' "$PWD" >"$REANA_WORKSPACE/directory"
while [[ $1 != bash ]]; do shift; done
exec "$@"
"""


@pytest.fixture
def apptainer(tmp_path: Path) -> dict[str, str]:
    """Put an apptainer at the start of the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "apptainer").write_text(APPTAINER)
    (folder / "apptainer").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def arguments(run: Run) -> list[str]:
    return (run.workspace / "arguments").read_text().split("\0")[:-1]


def in_image(directory: Path, image: str, **settings: Any) -> Run:
    site = Site(container_runtime="apptainer", **settings)
    return compiled(directory, step("fit", "echo ran", environment=image), site=site)


@pytest.mark.parametrize("name", ["run", "a run, größe"])
def test_command_line_of_a_container(name: str, tmp_path: Path, apptainer: dict[str, str]) -> None:
    bound = tmp_path / "bound"
    bound.mkdir()
    run = in_image(tmp_path / name, "a/b:1", binds=(str(bound), str(tmp_path / "absent")))
    job = run.job("fit", environment=apptainer | {"TMPDIR": str(tmp_path)}, prefix=POWERLESS)
    assert (job.returncode, job.stderr) == (0, "")
    scratch = Path(arguments(run)[9]).parent
    assert str(scratch).startswith(f"{tmp_path}/reana-batch.")
    assert not scratch.exists()
    assert arguments(run) == [
        "--silent",
        "exec",
        "--pwd",
        f"{run.workspace}",
        "--mount",
        f'type=bind,"source={run.directory}","destination={run.directory}"',
        "--mount",
        f"type=bind,source={bound},destination={bound}",
        "--home",
        f"{scratch}/home",
        "--overlay",
        f"{scratch}/image",
        "docker://docker.io/a/b:1",
        "bash",
        f"{run.directory}/batch/steps/fit/command.1",
    ]
    assert (run.workspace / "directory").read_text() == str(run.workspace)
    assert run.log("fit/0.out") == "ran\n"


def test_changes_of_the_image_go_to_memory_or_nowhere_where_apptainer_has_no_overlay(
    tmp_path: Path, apptainer: dict[str, str]
) -> None:
    run = in_image(tmp_path / "run", "a/b:1")
    job = run.job("fit", environment=apptainer | {"REFUSED": "--overlay"})
    assert (job.returncode, job.stderr, arguments(run)[-4]) == (0, "", "--writable-tmpfs")
    (run.directory / "state/fit/0.done").unlink()
    job = run.job("fit", environment=apptainer | {"REFUSED": "--overlay --writable-tmpfs"})
    assert job.returncode == 0
    assert job.stderr == f"reana-batch: fit: the image is read-only on {HOST}: FATAL: no --writable-tmpfs\n"
    assert run.log("fit/0.out") == "ran\nran\n"


def test_a_container_sees_the_users_home_if_the_site_says_so(tmp_path: Path, apptainer: dict[str, str]) -> None:
    run = in_image(tmp_path / "run", "a/b:1", container_home=True)
    assert run.job("fit", environment=apptainer).returncode == 0
    assert "--home" not in arguments(run)


def test_unpacked_image_is_taken_where_it_is(tmp_path: Path, apptainer: dict[str, str]) -> None:
    unpacked = tmp_path / "unpacked/registry.hub.docker.com/a/b:1"
    run = in_image(tmp_path / "run", "a/b:1", unpacked_images=str(tmp_path / "unpacked"))
    assert run.job("fit", environment=apptainer).returncode == 0
    assert arguments(run)[-3] == "docker://docker.io/a/b:1"
    unpacked.mkdir(parents=True)
    (run.directory / "state/fit/0.done").unlink()
    assert run.job("fit", environment=apptainer).returncode == 0
    assert arguments(run)[-3] == str(unpacked)


def test_image_that_is_not_there(tmp_path: Path, apptainer: dict[str, str]) -> None:
    run = in_image(tmp_path / "run", "/nowhere/a.sif")
    job = run.job("fit", environment=apptainer)
    assert job.returncode == 94
    assert job.stderr == (
        f"reana-batch: fit: the image /nowhere/a.sif is not there on {HOST}\n"
        "reana-batch: fit: row 0: failed: worker the image /nowhere/a.sif is not there (exit code 94)\n"
    )
    record = run.record("fit/0.failed")
    assert (record["reason"], record["detail"]) == ("worker", "the image /nowhere/a.sif is not there")


def test_worker_without_apptainer(tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("bash", "sha1sum", "mkdir", "mv", "rm", "ls"):
        (bare / tool).symlink_to(shutil.which(tool) or tool)
    run = in_image(tmp_path / "run", "a/b:1")
    job = run.job("fit", environment={"PATH": str(bare)})
    assert job.returncode == 94
    assert job.stderr.splitlines()[-1] == (
        "reana-batch: fit: row 0: failed: worker apptainer is not installed (exit code 94)"
    )


APPTAINER_SAYS = {
    # its last message, its exit code: the reason why the job failed, or None if the command itself failed
    "misspelt": (
        "FATAL:   Unable to handle docker://docker.io/a/b:1 uri: reading manifest 1: unauthorized",
        255,
        "Unable to handle docker://docker.io/a/b:1 uri: reading manifest 1: unauthorized",
    ),
    "namespace": (
        "ERROR  : Failed to create user namespace: not allowed",
        1,
        "Failed to create user namespace: not allowed",
    ),
    "its own code": ("reading done", 255, None),
    "its own words": ("FATAL:   no events", 1, None),
}


@pytest.mark.parametrize("which", APPTAINER_SAYS)
def test_what_apptainer_cannot_do_is_told_from_what_the_command_cannot(
    which: str, tmp_path: Path, apptainer: dict[str, str]
) -> None:
    last, code, told = APPTAINER_SAYS[which]
    run = in_image(tmp_path / "run", "a/b:1")
    program = tmp_path / "bin/apptainer"
    program.unlink(missing_ok=True)
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/bash\necho first >&2\necho {last!r} >&2\nexit {code}\n")
    program.chmod(0o755)
    job = run.job("fit", environment={**apptainer, "PATH": f"{program.parent}:{os.environ['PATH']}"})
    record = run.record("fit/0.failed")
    if told is None:
        assert (job.returncode, record["reason"], record["exit_code"]) == (code, "command", str(code))
    else:
        detail = f"apptainer cannot start docker://docker.io/a/b:1: {told}"
        assert (job.returncode, record["reason"], record["detail"]) == (94, "worker", detail)


def test_time_limit_includes_the_container(tmp_path: Path, apptainer: dict[str, str]) -> None:
    site = Site(container_runtime="apptainer", default_runtime=1)
    run = compiled(tmp_path / "run", step("slow", "sleep 1000", environment="a/b:1"), backend="make", site=site)
    assert run.job("slow", environment=apptainer).returncode == 124
    assert run.record("slow/0.failed")["reason"] == "timeout"


def test_missing_cvmfs_repository(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "touch ran", cvmfs=("nowhere.cern.ch",)))
    job = run.job("fit")
    assert job.returncode == 94
    assert job.stderr == (
        f"reana-batch: fit: /cvmfs/nowhere.cern.ch is not there on {HOST}\n"
        "reana-batch: fit: row 0: failed: worker /cvmfs/nowhere.cern.ch is not there (exit code 94)\n"
    )
    assert not (run.workspace / "ran").exists()


def test_mount_of_a_directory_with_quotes(tmp_path: Path, apptainer: dict[str, str]) -> None:
    run = in_image(tmp_path / 'a "run"', "a/b:1")
    run.job("fit", environment=apptainer)
    doubled = str(run.directory).replace('"', '""')
    assert arguments(run)[5] == f'type=bind,"source={doubled}","destination={doubled}"'


def test_image_in_the_workspace(tmp_path: Path, apptainer: dict[str, str]) -> None:
    run = in_image(tmp_path / "run", "images/a.sif")
    (run.workspace / "images").mkdir()
    (run.workspace / "images/a.sif").touch()
    assert run.job("fit", environment=apptainer).returncode == 0


# --- several commands in one job ------------------------------------------------------------------


def fused(directory: Path, *texts: str) -> Run:
    steps = [
        step(f"s{number}", text, group=0, needs=(Need(f"s{number - 1}"),) if number else ())
        for number, text in enumerate(texts)
    ]
    return compiled(directory, *steps, fuse=True)


def test_fused_commands_are_processes_of_their_own(tmp_path: Path) -> None:
    run = fused(tmp_path, "export leaked=yes; cd /", 'echo "${leaked:-no}"; pwd')
    assert run.job("s0").returncode == 0
    assert run.log("s0/0.out") == f"no\n{run.workspace}\n"


def test_fused_commands_stop_at_the_first_failure(tmp_path: Path) -> None:
    run = fused(tmp_path, "echo 1", "echo 2; exit 5", "echo 3")
    assert run.job("s0").returncode == 5
    assert run.log("s0/0.out") == "1\n2\n"
    record = run.record("s0/0.failed")
    assert (record["exit_code"], record["command"]) == ("5", "2")


# --- make -----------------------------------------------------------------------------------------


def test_failing_row_among_good_ones(tmp_path: Path) -> None:
    scatter = step("fit", command("echo ", N, " >> ran; [[ -e cured || ", N, " != 1 ]] || exit 7"), table=rows(4))
    merge = step("merge", "sort -n ran > merged", needs=(Need("fit"),))
    aside = step("aside", "touch aside")
    run = compiled(tmp_path, scatter, merge, aside, backend="make")
    made = run.make("-j2")
    assert made.returncode == 2
    assert "reana-batch: fit: row 1: failed: command  (exit code 7)\n" in made.stderr
    assert run.records("fit") == ["0.done", "1.failed", "2.done", "3.done"]
    assert run.records("merge") == []
    assert run.records("aside") == ["0.done"]
    (run.workspace / "cured").touch()
    made = run.make("-j2")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert (run.workspace / "merged").read_text().split() == ["0", "1", "1", "2", "3"]
    assert run.records("merge") == ["0.done"]


def test_finished_run_is_not_run_again(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "echo once >> ran"), backend="make")
    assert [run.make().returncode for _ in range(2)] == [0, 0]
    assert (run.workspace / "ran").read_text() == "once\n"


def test_rows_wait_for_their_own_parents(tmp_path: Path) -> None:
    first = step("a", command("touch a.", N), table=rows(260))
    each = step("b", command("[[ -e a.", N, " ]] && touch b.", N), table=rows(260), needs=(Need("a", Pattern.EACH),))
    pairs = RowMapping(tuple((2 * row, 2 * row + 1) for row in range(130)))
    half = step(
        "c", command("i=", N, "; [[ -e b.$((2*i)) && -e b.$((2*i+1)) ]]"), table=rows(130), needs=(Need("b", pairs),)
    )
    run = compiled(tmp_path, first, each, half, backend="make", site=Site(rows_per_job=50))
    made = run.make("-j2")
    assert (made.returncode, made.stderr) == (0, "")
    assert len(run.records("c")) == 130


@pytest.mark.parametrize("inherit", [True, False])
def test_make_in_a_command_is_independent_of_ours(inherit: bool, tmp_path: Path) -> None:
    nested = 'printf "all: ; @echo [\\$(MAKEFLAGS)] [\\$(MAKELEVEL)]\\n" > inner.mk; make -f inner.mk'
    run = compiled(tmp_path, step("a", nested), backend="make", site=Site(inherit_environment=inherit))
    made = run.make("-j2")
    assert (made.returncode, made.stderr) == (0, "")
    assert run.log("a/0.out") == "[] [0]\n"


@pytest.mark.parametrize(("inherit", "seen"), [(True, "mine"), (False, "")])
def test_environment_of_the_user(inherit: bool, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_OWN", "mine")
    run = compiled(tmp_path, step("a", 'echo "$MY_OWN"'), backend="make", site=Site(inherit_environment=inherit))
    assert run.make().returncode == 0
    assert run.log("a/0.out") == f"{seen}\n"


def test_step_without_rows(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("a", "true", table=rows(0)), step("b", "true", needs=(Need("a"),)), backend="make")
    assert run.make().returncode == 0


# --- the folder as a whole ------------------------------------------------------------------------


def test_manifest_says_what_the_jobs_are(tmp_path: Path) -> None:
    fit = step("fit", command("echo ", N), table=rows(7), label='"fit" é', environment="a/b:1", outputs=("x",))
    run = compiled(tmp_path, fit, step("b", "true", needs=(Need("fit"),)), site=Site(rows_per_job=5))
    manifest = json.loads((run.directory / "batch/manifest.json").read_text())
    assert (manifest["workflow"], manifest["type"], manifest["backend"]) == ("w", "serial", "htcondor")
    first, second = manifest["steps"]
    assert {key: first[key] for key in ("name", "label", "folder", "origin", "rows", "chunk_size", "environment")} == {
        "name": "fit",
        "label": '"fit" é',
        "folder": "fit",
        "origin": "reana.yaml:7",
        "rows": 7,
        "chunk_size": 5,
        "environment": "a/b:1",
    }
    assert (first["needs"], second["needs"], first["outputs"]) == ([], ["fit"], ["x"])


def test_nothing_is_readable_by_others(tmp_path: Path) -> None:
    run = compiled(tmp_path / "run", step("fit", command("echo ", N), table=rows(3)), backend="slurm")
    files = [path for path in run.directory.rglob("*") if path.is_file()]
    assert [str(path) for path in files if path.stat().st_mode & 0o077] == []
    assert run.directory.stat().st_mode & 0o077 == 0


# --- before and after the commands, and repeated --------------------------------------------------


def test_what_is_done_around_the_commands(tmp_path: Path) -> None:
    table = Rows(("n", "path"), (("0", "out/a b"), ("1", "out/c")))
    around = step(
        "s",
        command("[[ -d out ]] && echo row ", N, " >> log"),
        table=table,
        before=command("mkdir -p out\n"),
        after=command("touch -- '", Column("path"), "'\n"),
        outputs=(Column("path"), "log"),
    )
    run = compiled(tmp_path / "run", around)
    assert [run.job("s", row).returncode for row in range(2)] == [0, 0]
    assert sorted(path.name for path in (run.workspace / "out").iterdir()) == ["a b", "c"]
    assert (run.workspace / "log").read_text() == "row 0\nrow 1\n"


def test_output_of_a_row_is_missing(tmp_path: Path) -> None:
    table = Rows(("path",), (("=a",), ("b",)))
    run = compiled(tmp_path / "run", step("s", "touch =a", table=table, outputs=(Column("path"),)))
    assert [run.job("s", row).returncode for row in range(2)] == [0, 93]
    assert run.record("s/1.failed")["detail"] == "missing: b"


@pytest.mark.parametrize(("before", "after", "log"), [("exit 3", "", ""), ("", "return 3", "ran\n")])
def test_failure_around_the_commands(tmp_path: Path, before: str, after: str, log: str) -> None:
    around = step("s", "echo ran", before=command(before), after=command(after))
    run = compiled(tmp_path / "run", around)
    assert run.job("s").returncode == 3
    assert run.log("s/0.out") == log


@pytest.mark.parametrize(("retries", "code"), [(0, 5), (1, 5), (2, 0), (9, 0)])
def test_a_row_is_tried_again(tmp_path: Path, retries: int, code: int) -> None:
    third_time = "echo $REANA_BATCH_ATTEMPT >> tries; [[ $(wc -l < tries) == 3 ]] || exit 5"
    run = compiled(tmp_path / "run", step("s", third_time, retries=retries), backend="make")
    assert run.job("s").returncode == code
    assert (run.workspace / "tries").read_text() == "".join(f"{n}\n" for n in range(1, min(retries + 1, 3) + 1))
    assert run.records("s") == ["0.failed" if code else "0.done"]


def test_a_missing_output_is_tried_again(tmp_path: Path) -> None:
    run = compiled(
        tmp_path / "run", step("s", "[[ ! -e a ]] || touch b; touch a", outputs=("b",), retries=1), backend="make"
    )
    assert run.job("s").returncode == 0


def test_htcondor_itself_tries_again(tmp_path: Path) -> None:
    run = compiled(tmp_path / "run", step("s", "exit 1", retries=3))
    assert "RETRY s.0 3\n" in (run.directory / "batch/workflow.dag").read_text()
    assert "retries=" not in (run.directory / "batch/steps/s/job.sh").read_text()


def test_python_of_the_worker(tmp_path: Path) -> None:
    run = compiled(
        tmp_path / "run", step("s", 'echo "$REANA_BATCH_PYTHON"', uses_python=True), site=Site(python="/bin/sh")
    )
    assert run.job("s").returncode == 0
    assert run.log("s/0.out") == "/bin/sh\n"


def test_python_that_the_worker_lacks(tmp_path: Path) -> None:
    run = compiled(tmp_path / "run", step("s", "true", uses_python=True), site=Site(python="/no/python"))
    assert run.job("s").returncode == 94
    assert run.record("s/0.failed")["detail"] == "/no/python is not there"


# --- where HTCondor transfers files -----------------------------------------------------------------


def test_declared_outputs_go_back_also_by_pattern(tmp_path: Path) -> None:
    shutil.copy(Path(reana_batch.templates.__file__).parent / "htcondor/ship.sh", tmp_path)
    folder = tmp_path / "batch/steps/s"
    folder.mkdir(parents=True)
    made = "mkdir -p workspace/plot/x 'workspace/a b'\ntouch workspace/{plot/a.png,plot/.b.png,plot/x/c.png,scratch,'a b/c d'}"
    (folder / "job.sh").write_text(f"{made}\n")
    (folder / "outputs").write_text("".join(f"{name}\0" for name in ("plot/*.png", "a b", "none/*")))
    environment = {**ENVIRONMENT, **bash_lines.traced()}
    subprocess.run(["bash", "ship.sh", "s", "0"], cwd=tmp_path, env=environment, check=True)
    found = [path for path in (tmp_path / "workspace").rglob("*") if path.is_file()]
    names = sorted(str(path.relative_to(tmp_path / "workspace")) for path in found)
    assert names == ["a b/c d", "plot/.b.png", "plot/a.png"]


# --- links in the way -------------------------------------------------------------------------------


def test_records_and_logs_are_not_written_through_links(tmp_path: Path) -> None:
    """A command in a container sees the whole run, but must not be able to redirect the files of the job."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    plant = (
        f'n=@; next=$((n + 1)); cd "$REANA_WORKSPACE/.."\n'
        f"for file in state/s/$n.done state/s/0.started logs/s/$next.out logs/s/$next.err state/s/running-0; do\n"
        f"  rm -f $file; ln -s {victim} $file\ndone\n"
    )
    before, after = plant.split("@")
    made = Workflow("w", "serial", (step("s", command(before, N, after), table=rows(3)),))
    run = tmp_path / "run"
    write_run(pipeline.lower(made, Site(rows_per_job=3), "make", Diagnostics()), run)
    subprocess.run(["bash", "batch/steps/s/job.sh", "0"], cwd=run, check=True, env=ENVIRONMENT)
    assert victim.read_text() == "precious"
    for name in ("0.done", "1.done", "2.done"):
        assert (run / "state/s" / name).read_text().startswith("exit_code=0\n")
        assert not (run / "state/s" / name).is_symlink()


@pytest.mark.parametrize("name", ["0.done", "0.started", "0.failed"])
def test_a_link_made_while_a_record_is_written_is_not_followed(name: str, tmp_path: Path) -> None:
    """A user who replaces the link each time that it is removed cannot redirect the job."""
    victim, tools = tmp_path / "victim", tmp_path / "tools"
    victim.write_text("precious")
    tools.mkdir()
    plant = f'case $each in */{name}*) ln -sf "{victim}" "$each";; esac'
    (tools / "rm").write_text(f'#!/bin/bash\n/bin/rm "$@"\nfor each; do {plant}; done\n')
    (tools / "rm").chmod(0o755)
    code = 1 if name == "0.failed" else 0
    run = compiled(
        tmp_path / "run", step("s", f'ln -s "{victim}" "$REANA_WORKSPACE/../state/s/{name}"; exit {code}')
    ).directory
    if name == "0.started":
        (run / "state/s" / name).symlink_to(victim)
    path = f"{tools}:{ENVIRONMENT['PATH']}"
    done = subprocess.run(
        ["bash", "batch/steps/s/job.sh", "0"], cwd=run, check=False, env={**ENVIRONMENT, "PATH": path}
    )
    assert done.returncode == (1 if name == "0.failed" else 92)
    assert victim.read_text() == "precious"
