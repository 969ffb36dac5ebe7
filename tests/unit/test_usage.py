"""The use of jobs: rows with what batch systems wrote down, sums of steps, and the times of steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reana_batch.backends.htcondor import accounts as condor
from reana_batch.backends.slurm import accounts as slurm
from reana_batch.diagnostics import Refused
from reana_batch.lifecycle.usage import by_step, idle, worst
from reana_batch.run import parts, times, usage
from reana_batch.run.manifest import Amounts
from reana_batch.run.queue import Submission
from reana_batch.run.records import RowRecord
from reana_batch.site import Site

from .stand_ins import in_path
from .test_job_script import N, Run, command, compiled, rows, step

GIB = 2**30
DONE = "exit_code=0\nstarted=1000\nended=1010\nhost=node7\nscheduler_job=7\n"


def scatter(folder: Path, count: int, backend: str = "slurm", size: int = 1) -> Run:
    return compiled(
        folder, step("fit", command("echo ", N), table=rows(count)), backend=backend, site=Site(rows_per_job=size)
    )


def write(run: Run, name: str, text: str) -> None:
    path = run.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def rows_in(run: Run, accounts: usage.Accounts | None = None) -> list[usage.Row]:
    return list(usage.rows(parts.Run(run.directory), accounts or {}))


# --- rows -------------------------------------------------------------------------------------------


def test_states_of_rows(tmp_path: Path) -> None:
    run = scatter(tmp_path, 4)
    write(run, "state/fit/0.done", DONE)
    write(run, "state/fit/1.failed", "exit_code=3\nreason=command\n")
    write(run, "state/fit/2.started", "started=1000\nattempt=2\n")
    found = rows_in(run)
    assert [row.state for row in found] == ["finished", "failed", "running", "waiting"]
    assert [row.wall for row in found] == [10, None, None, None]
    assert found[2].record.attempt == 2
    some = usage.rows(parts.Run(run.directory), states=("failed", "waiting"))
    assert [row.number for row in some] == [1, 3]


ACCOUNT = usage.Account(submitted=900, started=1000, ended=1011, cpu=7.0, memory=5 * GIB, host="node8")


def test_the_record_of_a_row_comes_first_and_the_account_completes_it(tmp_path: Path) -> None:
    run = scatter(tmp_path, 4)
    write(run, "state/fit/0.done", DONE)
    write(run, "state/fit/3.done", f"{DONE}memory={6 * GIB}\nmemory_of=process\n")
    write(run, "state/fit/1.done", f"{DONE}cpu=9.50\nmemory=1000\nmemory_of=job\n")
    write(run, "state/fit/2.done", f"{DONE}memory=1000\nmemory_of=process\n")
    none, own, process, more = rows_in(run, {("fit", row): ACCOUNT for row in range(4)})
    assert (none.cpu, none.memory, none.memory_of, none.queued, none.host) == (7, 5 * GIB, "sample", 100, "node7")
    assert (own.cpu, own.memory, own.memory_of) == (9.5, 1000, "job")
    assert (process.memory, process.memory_of) == (5 * GIB, "sample")
    assert (more.memory, more.memory_of) == (6 * GIB, "process")


def test_the_account_of_another_job_says_nothing_of_a_row(tmp_path: Path) -> None:
    run = scatter(tmp_path, 1)
    write(run, "state/fit/0.done", DONE)
    (same,) = rows_in(run, {("fit", 0): replace(ACCOUNT, job="7")})
    (other,) = rows_in(run, {("fit", 0): replace(ACCOUNT, job="8")})
    assert (same.cpu, same.queued) == (7, 100)
    assert (other.cpu, other.memory, other.memory_of, other.queued, other.host) == (None, None, "", None, "node7")


def test_a_job_of_several_rows_has_no_cpu_time_for_one_of_them(tmp_path: Path) -> None:
    run = scatter(tmp_path, 2, size=2)
    for row in range(2):
        write(run, f"state/fit/{row}.done", DONE)
    for each in rows_in(run, {("fit", 0): replace(ACCOUNT, started=0)}):
        assert (each.cpu, each.memory, each.queued) == (None, 5 * GIB, None)


@pytest.mark.parametrize(
    "text", ["cpu=-1", "cpu=x", "cpu=1.2.3", "cpu=nan", f"cpu={'9' * 30}", "memory=-5", "memory=lots"]
)
def test_what_is_not_a_number_is_unknown(text: str, tmp_path: Path) -> None:
    run = scatter(tmp_path, 1)
    write(run, "state/fit/0.done", f"{DONE}{text}\n")
    (row,) = rows_in(run)
    assert (row.cpu, row.memory) == (None, None)


def test_a_moment_without_a_date_is_unknown(tmp_path: Path) -> None:
    run = scatter(tmp_path, 1)
    write(run, "state/fit/0.done", f"exit_code=0\nstarted={'9' * 20}\nended=1010\n")
    (row,) = rows_in(run)
    assert (row.record.started, row.wall) == (0, None)


# --- steps ------------------------------------------------------------------------------------------


Used = Callable[..., usage.Row]


@pytest.fixture
def used(tmp_path: Path) -> Used:
    """Return what makes a row that took some seconds. It asked for 2 CPUs, 4 GiB and an hour."""
    part = parts.Run(scatter(tmp_path, 1).directory)
    entry = replace(part.manifest.steps[0], asks=Amounts(memory=4 * GIB, runtime=3600, cpus=2))

    def row(wall: int, **fields: Any) -> usage.Row:
        return usage.Row(part, entry, 0, "finished", RowRecord(started=1000, ended=1000 + wall, **fields))

    return row


def test_sums_of_a_step(used: Used) -> None:
    found = [used(10, cpu=15.0, memory=GIB, memory_of="job"), used(30, cpu=20.0, memory=2 * GIB, memory_of="process")]
    (each,) = by_step([*found, used(5)])
    assert (each.jobs, each.wall, each.longest, each.cpu) == (3, 45, 30, 35)
    assert (each.memory, each.memory_of, each.memory_efficiency) == (2 * GIB, "process", 0.5)
    assert each.cpu_efficiency == pytest.approx(35 / (40 * 2))  # the job without CPU time does not count
    assert each.queued is None


def test_what_is_unknown_has_no_efficiency(used: Used) -> None:
    (each,) = by_step([used(0, cpu=0.1)])
    assert (each.cpu_efficiency, each.memory, each.memory_efficiency) == (None, None, None)


def test_the_worst_jobs_have_the_most_idle_time(used: Used) -> None:
    found = [used(number, cpu=float(number)) for number in range(20)] + [used(100)]
    assert [idle(row) for row in worst(found)] == list(range(19, 9, -1))


# --- times ------------------------------------------------------------------------------------------


def test_times_of_a_step(tmp_path: Path) -> None:
    run = scatter(tmp_path, 6)
    for row, took in enumerate((1, 2, 90)):
        write(run, f"state/fit/{row}.done", f"exit_code=0\nstarted={1000 + row}\nended={1000 + row + took}\n")
    write(run, "state/fit/3.failed", "exit_code=1\nstarted=1001\nended=1200\n")
    write(run, "state/fit/4.started", "row=4\nstarted=990\n")
    part = parts.Run(run.directory)
    found = times.step_times(part, part.manifest.steps[0])
    assert found == times.StepTimes(990, 1200, 2)
    (progress,) = part.progress()
    assert times.remaining(progress, found, 1290) == 200  # three took 300 s, and two are left
    assert times.remaining(replace(progress, running=0), found, 1290) is None
    assert times.remaining(progress, times.StepTimes(), 1290) is None


# --- what batch systems wrote down ------------------------------------------------------------------

NODES = """000 (004.000.000) 2026-11-30 19:10:11 Job submitted from host: <127.0.0.1:9618?addrs=127.0.0.1-9618>
    DAG Node: fit.0
...
001 (004.000.000) 2026-11-30 19:10:15 Job executing on host: <127.0.0.1:9618?addrs=127.0.0.1-9618&alias=node7.cern.ch&x=y>
\tSlotName: slot1_1@node7
...
005 (004.000.000) 2026-11-30 19:11:20 Job terminated.
\t(1) Normal termination (return value 0)
\t\tUsr 0 00:01:02, Sys 0 00:00:03  -  Run Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
\t\tUsr 9 00:00:00, Sys 0 00:00:00  -  Total Remote Usage
\tPartitionable Resources :    Usage  Request Allocated
\t   Cpus                 :     0.95        1         1
\t   Memory (MB)          :      512     1024      1024
...
"""


def local(text: str) -> int:
    return int(time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S")))


def test_log_of_dagman(tmp_path: Path) -> None:
    run = scatter(tmp_path, 2, backend="htcondor")
    write(run, "batch/workflow.dag.nodes.log", NODES)
    found = condor.accounts(run.directory, Submission())
    at = "2026-11-30 19:1"
    assert found == {
        ("fit", 0): usage.Account(
            local(f"{at}0:11"), local(f"{at}0:15"), local(f"{at}1:20"), 65, 512 * 2**20, "node7.cern.ch", "4.0"
        )
    }


def test_the_last_job_of_a_node_counts_and_dates_without_a_year_are_unknown(tmp_path: Path) -> None:
    run = scatter(tmp_path, 2, backend="htcondor")
    old = NODES.replace("2026-11-30", "11/30")
    write(run, "batch/workflow.dag.nodes.log", old + NODES.replace("(004", "(005").partition("...\n")[0] + "...\n")
    found = condor.accounts(run.directory, Submission())
    assert found == {("fit", 0): usage.Account(submitted=local("2026-11-30 19:10:11"), job="5.0")}
    write(run, "batch/workflow.dag.nodes.log", old)
    assert condor.accounts(run.directory, Submission())["fit", 0].submitted == 0
    (run.directory / "batch/workflow.dag.nodes.log").unlink()
    assert condor.accounts(run.directory, Submission()) == {}


@pytest.mark.parametrize(("number", "text"), [("004", "Job was evicted."), ("013", "Job was released.")])
def test_the_time_in_the_queue_is_that_before_the_last_start(number: str, text: str, tmp_path: Path) -> None:
    run = scatter(tmp_path, 2, backend="htcondor")
    submitted, executed, ended = NODES.split("...\n")[:3]
    again = f"{number} (004.000.000) 2026-11-30 19:10:50 {text}\n"
    later = executed.replace("19:10:15", "19:10:53")
    write(run, "batch/workflow.dag.nodes.log", f"{submitted}...\n{executed}...\n{again}...\n")
    assert condor.accounts(run.directory, Submission())["fit", 0].started == 0
    write(run, "batch/workflow.dag.nodes.log", f"{submitted}...\n{executed}...\n{again}...\n{later}...\n{ended}...\n")
    account = condor.accounts(run.directory, Submission())["fit", 0]
    assert account.started - account.submitted == 3


SACCT = """7_0|2026-11-30T19:10:11|2026-11-30T19:10:15|2026-11-30T19:11:20|01:05.500||node7
7_0.batch|2026-11-30T19:10:15|2026-11-30T19:10:15|2026-11-30T19:11:20|01:05.500|2048K|node7
7_0.0|2026-11-30T19:10:15|2026-11-30T19:10:15|2026-11-30T19:11:20|00:01|1.50M|node7
7_1|2026-11-30T19:10:11|2026-11-30T19:10:16|Unknown|00:00:00||None assigned
7_[2-9]|2026-11-30T19:10:11|Unknown|Unknown|00:00:00||
8|2026-11-30T19:10:11|2026-11-30T19:10:15|2026-12-02T19:11:20|2-01:00:00||node9
99|2026-11-30T19:10:11|Unknown|Unknown|00:00:00||node9
"""


def test_accounting_of_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = scatter(tmp_path / "run", 20)
    write(run, "state/slurm.jobs", "7 fit/0 5 fit 20 1 -\n8 fit/1 15 fit 20 1 -\n9 .finaliser/end 0 - 0 1 -\n")
    write(run, "answer", SACCT)
    script = f'[[ $* == *--jobs=7,8 ]] || exit 9; cat "{run.directory}/answer"'
    in_path(tmp_path, monkeypatch)(sacct=script)
    found = slurm.accounts(run.directory, Submission())
    first = local("2026-11-30 19:10:11")
    assert found == {
        ("fit", 5): usage.Account(first, first + 4, first + 69, 65.5, 2 * 2**20, "node7", "7_0"),
        ("fit", 6): usage.Account(first, first + 5, 0, None, None, "", "7_1"),
        ("fit", 15): usage.Account(first, first + 4, local("2026-12-02 19:11:20"), 49 * 3600, None, "node9", "8"),
    }


def test_no_answer_of_slurms_accounting_is_a_fault_and_no_job_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scatter(tmp_path / "run", 2)
    in_path(tmp_path, monkeypatch)(sacct="echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert slurm.accounts(run.directory, Submission()) == {}
    write(run, "state/slurm.jobs", "7 fit/0 0 fit 2 1 -\n")
    with pytest.raises(Refused, match="Slurm accounting storage is disabled"):
        slurm.accounts(run.directory, Submission())
