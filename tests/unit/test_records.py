"""The records of rows: one place writes them, and they are the same for each caller. Also the parts of bash."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from reana_batch.run import reasons
from reana_batch.writing.libraries import HEAD, LIBRARIES
from tests import bash_lines
from tests.bash import FUNCTION, MAINS, TEMPLATES, Bash

PARTS = [each for each in bash_lines.part_names() if not each.startswith("htcondor/")]


def text_of(part: str) -> str:
    return (TEMPLATES / f"{part}.sh").read_text("utf-8")


# --- parts ----------------------------------------------------------------------------------------


def test_every_part_is_in_a_library_and_every_function_is_defined_once() -> None:
    assert sorted({part for parts in LIBRARIES.values() for part in parts}) == PARTS
    assert [part for part in PARTS if not text_of(part).startswith(HEAD)] == []
    names = [name for part in PARTS for name in FUNCTION.findall(text_of(part))]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("part", [part for part in PARTS if part not in MAINS])
def test_a_part_runs_nothing_when_it_is_read(part: str, tmp_path: Path) -> None:
    look = "{ trap -p; shopt -p; set +o; export -p; umask; jobs; pwd; } 2>&1"
    constants = "EXIT_WRITE=92 UNDER_WAY=state/slurm.submitting"  # constants of other parts that it uses
    script = f'set -u; {constants}; before=$({look}); . "$0"; [[ $({look}) == "$before" ]]'
    words = ["bash", "-c", script, str(TEMPLATES / f"{part}.sh")]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


# --- reasons and exit codes -----------------------------------------------------------------------


def test_exit_codes_of_bash_are_those_of_the_table() -> None:
    table = reasons.EXIT_CODES | reasons.SUBMISSION_CODES
    lines = [line for part in PARTS for line in re.findall("^readonly .*", text_of(part), re.MULTILINE)]
    found = {each for line in lines for each in re.findall(r"\b(EXIT_\w+)=(\d+)", line)}
    assert found == {(each.constant, str(code)) for code, each in table.items()}


def test_reasons_of_bash_are_those_of_the_table() -> None:
    pattern = r'(?:fail_row|record_lost|write_failed "\$stem") (?:"[^"]*"|\d+) (\w+)|\bblamed=(\w+)'
    found = {reason for part in PARTS for each in re.findall(pattern, text_of(part)) for reason in each if reason}
    assert found == reasons.REASONS.keys()


def test_no_other_part_writes_records() -> None:
    writes = re.compile(
        r"(?:>|\bcreate|\boverwrite|\bmv|\bcp|\bln|\btouch)[^|&;\n]*\.(?:started|done|failed|skipped)\b"
    )
    assert writes.search(': >"state/$folder/$stem.done"')
    assert [part for part in PARTS if part != "job/records" and writes.search(text_of(part))] == []


# --- a row that is killed for memory ----------------------------------------------------------------

JOB = {
    "step": "fit",
    "speaker": "fit",
    "folder": "fit",
    "row_count": "2",
    "chunk_size": "2",
    "has_table": "yes",
    "commands": ["command.1", "command.2.0 =0"],
    "needs": [],
    "outputs": [],
    "images": [],
    "container_runtime": "none",
    "binds": [],
    "cvmfs": [],
    "row_time_limit": "",
    "record_host": "node7",
    "scheduler_job": "7",
    "memory_events": "events",
    "memory_kills": "3",
}
USAGE = ("attempt", "cpu", "memory", "memory_of")
ENDED = {"ended": ["7 7 7 OUT_OF_MEMORY None"]}
NODE = {"folder": "fit", "first": "0", "rows": "2", "size": "2", "last_row": "2", "id": "7", "key": "fit/0"}
NODE |= {"under_way": "state/fit/node-0"}


@pytest.fixture
def killed(bash: Bash) -> Bash:
    """A job of two rows. The second command of the second row is killed for memory."""
    for folder in ("workspace", "logs/fit", "state/fit"):
        (bash.directory / folder).mkdir(parents=True)
    bash.write("events", "oom 3\noom_kill 3\n")
    bash.write("batch/steps/fit/command.1", "true")
    bash.write("batch/steps/fit/rows/0", "0\x1f\n1\x1f\n")
    kill = '{ echo oom_kill 4 >"$REANA_WORKSPACE/../events"; kill -KILL $$; }'
    bash.write("batch/steps/fit/command.2.0", f'[[ -e "$REANA_WORKSPACE/0" ]] && {kill}; : >"$REANA_WORKSPACE"/')
    bash.write("state/slurm.jobs", "7 fit/0 0 fit 2 2 -\n")
    run = str(bash.directory)
    ended = bash("run_chunk", "0", facts=JOB | {"run": run}, environment={"REANA_WORKSPACE": f"{run}/workspace"})
    assert ended.code == 137, ended.stderr
    assert bash.has("state/fit/0.done")
    return bash


def records(bash: Bash, name: str) -> dict[str, str]:
    """Return a record without its time and without what the row used, which only the job itself knows."""
    return {key: value for key, value in bash.record(name).items() if key not in ("ended", *USAGE)}


def test_every_writer_records_a_row_killed_for_memory_the_same_way(killed: Bash) -> None:
    written, script = records(killed, "fit/1.failed"), killed.read("state/fit/1.command")
    assert list(killed.record("fit/1.failed")) == [
        *("exit_code", "reason", "detail", "command", "started", "ended", "host", "scheduler_job"),
        *(key for key in USAGE if key in killed.record("fit/1.failed")),
    ]
    told = {key: value for key, value in written.items() if key != "started"}
    assert told == {
        "exit_code": "137",
        "reason": "signal",
        "detail": "its memory limit",
        "command": "2",
        "host": "node7",
        "scheduler_job": "7",
    }
    for function, facts in (("record_endings", ENDED), ("explain_lost", NODE | ENDED), ("conclude", NODE | ENDED)):
        # The files that remain if the job is killed too: the current row, and its script.
        (killed.directory / "state/fit/1.failed").unlink()
        (killed.directory / "state/fit/1.command").rename(killed.directory / "state/fit/running-0")
        ended = killed(function, facts=facts)
        assert ended.code == (137 if function == "conclude" else 0), ended.stderr
        assert records(killed, "fit/1.failed") == written, function
        assert killed.read("state/fit/1.command") == script


def test_a_kill_that_the_kernel_does_not_count_is_one_of_the_command(bash: Bash) -> None:
    bash.write("events", "oom_kill 3\n")
    counted = bash("killed_for_memory", facts={"memory_events": "events", "memory_kills": "3"})
    uncounted = bash("killed_for_memory", facts={"memory_events": "", "memory_kills": "0"})
    assert (counted.code, uncounted.code) == (1, 1)


def test_where_the_kernel_counts_is_found_or_nothing_is(bash: Bash) -> None:
    found = bash("find_memory_events", asked=["memory_events"])
    assert found.stderr == ""
    assert not found["memory_events"] or str(found["memory_events"]).startswith("/sys/fs/cgroup/")


def test_a_record_of_a_job_that_got_a_signal_is_replaced_by_its_cause(bash: Bash) -> None:
    bash.write("state/fit/0.started", "row=0\ncommand=1\nstarted=5\nhost=node7\nscheduler_job=7\n")
    bash.write("state/slurm.jobs", "7 fit/0 0 fit 1 1 -\n")
    bash.write("state/fit/0.failed", "exit_code=143\nreason=signal\ndetail=SIGTERM\n")
    bash("record_endings", facts={"ended": ["7 7 7 TIMEOUT None"]})
    assert bash.record("fit/0.failed")["detail"] == "its time limit"
    bash("record_endings", facts={"ended": ["7 7 7 CANCELLED None"]})
    assert bash.record("fit/0.failed")["detail"] == "its time limit"


ENDED_AT = "2026-11-30T19:10:11"


@pytest.mark.parametrize(
    ("failed", "end", "kept"),
    [
        ("detail=SIGTERM\nended=17\ncpu=1.50\nmemory=9\nmemory_of=job\n", ENDED_AT, {"ended": "17", "cpu": "1.50"}),
        ("", ENDED_AT, {"ended": str(int(time.mktime(time.strptime(ENDED_AT, "%Y-%m-%dT%H:%M:%S"))))}),
        ("", "N/A", {"ended": ""}),
    ],
)
def test_a_row_that_slurm_ended_took_until_then(failed: str, end: str, kept: dict[str, str], bash: Bash) -> None:
    bash.write("state/fit/0.started", "row=0\ncommand=1\nstarted=5\nhost=node7\nscheduler_job=7\n")
    bash.write("state/slurm.jobs", "7 fit/0 0 fit 1 1 -\n")
    if failed:
        bash.write("state/fit/0.failed", failed)
    said = bash("record_endings", facts={"ended": [f"7 7 7 CANCELLED None {end}"]})
    assert (said.code, said.stderr) == (0, "")
    record = bash.record("fit/0.failed")
    assert record | kept | {"detail": "scancel"} == record
    assert ("memory_of" in record) == bool(failed)


@pytest.mark.parametrize(
    ("state", "code", "cause"),
    [
        ("TIMEOUT", "143", "its time limit"),
        ("DEADLINE", "143", "its deadline"),
        ("OUT_OF_MEMORY", "137", "its memory limit"),
        ("NODE_FAIL", "143", "the failure of its node"),
        ("BOOT_FAIL", "143", "the failure of its node"),
        ("PREEMPTED", "143", "preemption"),
        ("CANCELLED", "143", "scancel"),
        ("FAILED", "137", "SIGKILL"),
        ("FAILED memory", "137", "its memory limit"),
    ],
)
def test_why_slurm_ended_a_job(bash: Bash, state: str, code: str, cause: str) -> None:
    bash.write(
        "logs/fit/slurm.out", "slurmstepd: error: StepId=8.batch exceeded memory limit\n" if " " in state else ""
    )
    facts = {"state": state.split(maxsplit=1)[0], "raw": "8", "job": "7_1", "folder": "fit"}
    assert bash("set_cause", facts=facts, asked=["code", "cause"]).variables == {"code": code, "cause": cause}


@pytest.mark.parametrize(
    ("job", "chunks"),
    [
        ("7", ["4"]),
        ("7_3", ["7"]),
        ("7_[0-2,5]", ["4", "5", "6", "9"]),
        ("7_[0-8:4%5]", ["4", "8", "12"]),
    ],
)
def test_chunks_of_a_job_as_squeue_names_it(bash: Bash, job: str, chunks: list[str]) -> None:
    assert bash("set_chunks", job, "4", asked=["chunks"])["chunks"] == chunks


def test_rows_that_never_start_are_skipped(bash: Bash) -> None:
    bash.write("state/slurm.jobs", "7 fit/0 0 fit 5 2 -\n")
    bash.write("state/fit/1.done")
    bash("record_skipped", "parent", "7_[0,2]")
    assert sorted(path.name for path in (bash.directory / "state/fit").iterdir()) == [
        "0.skipped",
        "1.done",
        "4.skipped",
    ]
    assert bash.read("state/fit/0.skipped") == "reason=parent\ndetail=\n"
    bash("record_endings", facts={"ended": ["7_[1] 7 7 CANCELLED None"]})
    assert bash.record("fit/2.skipped")["reason"] == "scancel"


@pytest.mark.parametrize(("times", "code"), [(0, 0), (3, 0), (100, 1)])
def test_a_file_that_another_job_writes_at_the_same_moment_is_written(bash: Bash, times: int, code: int) -> None:
    """A scheduler may start a job twice. The stand-in for rm is quick enough to write the file again."""
    bash.write("record", "old")
    bash.program("rm", f'/bin/rm "$@"; [ "$(grep -c ^rm calls)" -gt {times} ] || echo another >record')
    ended = bash("create", "record", "own")
    assert (ended.code, bash.read("record")) == (code, "another\n" if code else "own")


def test_a_file_that_cannot_be_written_is_an_error(bash: Bash) -> None:
    bash.write("folder/.here")
    for place in ("folder", "none/record"):
        assert bash("create", place, "own").code == 1
