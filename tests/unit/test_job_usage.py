"""What a job writes down of its use: CPU time, memory, and which attempt it was."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from reana_batch.run import parts, usage
from reana_batch.site import Site
from tests.bash import Bash

from .test_job_script import N, Run, Start, command, compiled, rows, started, step, wait_for

__all__ = ["started"]  # a fixture

TIME = Path("/usr/bin/time")
needs_time = pytest.mark.skipif(
    not TIME.exists(), reason="LEFT OUT: GNU time is not here; tests/install-programs.sh says why"
)
MIB = 2**20
# Writes a hundred megabytes of memory, without a program of its own.
LARGE = 'python3 -c "bytearray(100 * 2**20)"'


def of(run: Run) -> list[usage.Row]:
    return list(usage.rows(parts.Run(run.directory)))


def test_cpu_time_of_each_row_is_its_own(tmp_path: Path) -> None:
    busy = command('python3 -c "sum(range(', N, ' * 10**7))"')
    run = compiled(tmp_path, step("fit", busy, table=rows(3)), site=Site(rows_per_job=3))
    assert run.job("fit").returncode == 0
    idle, some, more = (row.cpu for row in of(run))
    assert idle is not None
    assert some is not None
    assert more is not None
    assert idle < some < more


@needs_time
def test_memory_of_the_largest_process(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", LARGE, "true"))
    assert run.job("fit").returncode == 0
    (row,) = of(run)
    assert row.memory is not None
    assert (row.memory > 100 * MIB, row.memory_of) == (True, usage.OF_PROCESS)
    assert sorted(path.name for path in (run.directory / "state/fit").iterdir()) == ["0.done", "0.started"]


@needs_time
def test_memory_of_rows_that_fail_or_reach_their_time_limit(tmp_path: Path) -> None:
    steps = step("fit", f"{LARGE}; exit 3"), step("late", f"{LARGE}; exec sleep 1000")
    run = compiled(tmp_path, *steps, backend="make", site=Site(default_runtime=3))
    assert [run.job(name).returncode for name in ("fit", "late")] == [3, 124]
    failed, late = of(run)
    assert failed.memory is not None
    assert failed.memory > 100 * MIB
    assert late.memory is not None  # time outlives the signal that ends the command
    assert late.memory > 100 * MIB


@needs_time
def test_a_measured_command_gets_the_signal_that_time_survives(tmp_path: Path, started: Start) -> None:
    run = compiled(tmp_path, step("fit", "trap 'echo got >got; exit 9' TERM; : >up; while :; do sleep 0.1; done"))
    job = started(run, "fit")
    wait_for((run.workspace / "up").exists)
    job.send_signal(signal.SIGTERM)
    job.communicate()
    assert (job.returncode, (run.workspace / "got").exists()) == (143, True)
    (row,) = of(run)
    assert row.memory is not None


@needs_time
def test_only_the_first_of_many_short_rows_are_timed(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", command("echo ", N), table=rows(300)), site=Site(rows_per_job=300))
    assert run.job("fit").returncode == 0
    timed = [row.number for row in of(run) if row.memory is not None]
    assert timed[:10] == list(range(10))
    assert len(timed) < 300
    assert all(row.cpu is not None for row in of(run))


def test_each_attempt_is_counted(tmp_path: Path) -> None:
    third = step("fit", '[[ $REANA_BATCH_ATTEMPT == 3 ]] && cat "../state/fit/0.started" >seen', retries=4)
    run = compiled(tmp_path, third, backend="make")
    assert run.job("fit").returncode == 0
    (row,) = of(run)
    assert row.record.attempt == 3
    assert "attempt=3" in (run.workspace / "seen").read_text()


def test_a_later_row_does_not_have_the_attempt_of_an_earlier_one(tmp_path: Path) -> None:
    second = command("[[ ", N, " != 0 || $REANA_BATCH_ATTEMPT == 2 ]]")
    run = compiled(tmp_path, step("fit", second, table=rows(2), retries=4), backend="make", site=Site(rows_per_job=2))
    assert run.job("fit").returncode == 0
    assert [row.record.attempt for row in of(run)] == [2, 1]


# --- the cgroup of the job --------------------------------------------------------------------------

SLURM = "sys/system.slice/slurmstepd.scope/job_7/step_batch/user/task_0"
CONDOR = "sys/htcondor/condor_var_lib_condor_execute_slot1_1@host"


def peak_of(bash: Bash, cgroup: str, name: str = "memory.peak") -> tuple[object, bool]:
    """Return the file that a job in this cgroup reads, and whether it uses another way."""
    bash.write(f"{cgroup}/memory.events", "oom_kill 0\n")
    bash.write(f"{cgroup}/{name}", "4096\n")
    (bash.directory / "state/fit").mkdir(parents=True)
    facts = {"memory_events": f"{cgroup}/memory.events", "folder": "fit", "chunk": "0", "run": str(bash.directory)}
    found = bash("set_measure", facts=facts, asked=("memory_peak", "measure"))
    assert found.code == 0, found.stderr
    return found["memory_peak"] or None, bool(found["measure"])


@pytest.mark.parametrize("cgroup", [SLURM, CONDOR])
@pytest.mark.parametrize("name", ["memory.peak", "memory.max_usage_in_bytes"])
def test_cgroup_of_a_job_is_read(cgroup: str, name: str, bash: Bash) -> None:
    assert peak_of(bash, cgroup, name) == (f"{cgroup}/{name}", False)


@pytest.mark.parametrize("cgroup", ["sys/user.slice/user-1000.slice/session-3.scope", "sys/system.slice/slots.service"])
def test_cgroup_that_has_other_processes_is_not_read(cgroup: str, bash: Bash) -> None:
    assert peak_of(bash, cgroup) == (None, TIME.exists())


def test_memory_of_a_cgroup_is_that_of_the_job(bash: Bash) -> None:
    bash.write("peak", "1048576\n")
    ended = bash("end_usage", facts={"memory_peak": "peak", "cpu": ""}, asked=("used",))
    assert (ended.code, ended.stderr) == (0, "")
    assert "memory=1048576\nmemory_of=job\n" in (ended["used"] or "")


@pytest.mark.parametrize("text", ["", "max\n", "-1\n", "9" * 30])
def test_a_peak_that_is_not_a_number_is_not_written(text: str, bash: Bash) -> None:
    bash.write("peak", text)
    ended = bash("end_usage", facts={"memory_peak": "peak"}, asked=("used",))
    assert "memory" not in (ended["used"] or "")


def test_without_time_there_is_no_memory_and_no_fault(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "true"))
    library = run.directory / "batch/job-lib.sh"
    library.write_text(library.read_text().replace("/usr/bin/time", "/usr/bin/no-time"))
    job = run.job("fit")
    assert (job.returncode, job.stderr) == (0, "")
    (row,) = of(run)
    assert (row.memory, row.memory_of) == (None, "")
