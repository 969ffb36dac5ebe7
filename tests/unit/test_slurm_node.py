"""The node that delegates a step to Slurm and waits: each path through it, with stand-ins for the tools of Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reana_batch.writing import libraries
from tests import bash_lines

# Each tool notes its call, and then does what the test has written for it. ``queue`` holds what squeue shows of the
# jobs, ``comments`` what it shows of their comments.
TOOL = '#!/bin/bash\necho "${0##*/} $*" >>calls\n'
TOOLS = {
    "sbatch": 'echo "7 7 7 PENDING JobHeldUser" >queue\n[ ! -e refusal ] || { cat refusal >&2; exit 1; }\necho 7\n',
    "scontrol": "[ ! -e on-release ] || . ./on-release\n",
    "squeue": """if [[ $* == *%k* ]]; then [ ! -e comments ] || cat comments
        elif [ -s queue ]; then cat queue
        else echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1; fi
        [ ! -e after-squeue ] || . ./after-squeue""",
    "scancel": ": >queue\n",
    "sleep": "exec /bin/sleep 0.2\n",
}
RUN = "set -u; . batch/submit-lib.sh; . batch/node-lib.sh; run_node fit fit 0 4 2 1"


class Node:
    """The run directory of a step ``fit`` of two rows, and its one node."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("batch", "state/fit", "logs/fit", "bin"):
            (directory / name).mkdir(parents=True)
        for name in ("submit-lib.sh", "node-lib.sh"):
            (directory / "batch" / name).write_text(libraries.text(name), "utf-8")
        for name, text in TOOLS.items():
            self.write(f"bin/{name}", text if name == "sleep" else TOOL + text)
            (directory / "bin" / name).chmod(0o755)

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.directory / name).read_text("utf-8")

    def start(self) -> subprocess.Popen[bytes]:
        path = f"{self.directory}/bin:{os.environ['PATH']}"
        environment = {
            "PATH": path,
            "HOSTNAME": "here",
            "REANA_BATCH_PATIENCE": "1",
            "_CONDOR_SLOT": "1",
            **bash_lines.traced(),
        }
        with (self.directory / "said").open("wb") as said:
            return subprocess.Popen(["bash", "-c", RUN], cwd=self.directory, env=environment, stderr=said)

    def run(self) -> int:
        """Return the node's exit code."""
        return self.start().wait(60)

    def called(self, tool: str) -> list[str]:
        """Return the arguments of each call."""
        lines = self.read("calls").splitlines() if (self.directory / "calls").exists() else []
        return [line.partition(" ")[2] for line in lines if line.split()[0] == tool]

    def record(self, name: str) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.read(f"state/fit/{name}").splitlines())

    @property
    def under_way(self) -> bool:
        return (self.directory / "state/fit/node-0").exists()

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "a run")


DONE = "echo exit_code=0 >state/fit/{}.done\n"
ALL_DONE = DONE.format(0) + DONE.format(1)


def test_rows_that_are_done_end_the_node_without_a_question_to_slurm(node: Node) -> None:
    node.write("on-release", f"cat state/fit/node-0 state/slurm.jobs >seen\n{ALL_DONE}")
    assert node.run() == 0
    (submission,) = node.called("sbatch")
    token = submission.partition("--comment=")[2].partition(":")[0]
    places = f"--chdir={node.directory} --output={node.directory}/logs/fit/slurm.out"
    expected = f"--parsable {places} --comment={token}:fit/0 --hold --array=0-1 batch/steps/fit/job.sbatch 0"
    assert submission == expected
    assert node.called("scontrol") == ["release 7"]
    assert node.called("squeue") == node.called("scancel") == []
    # The node writes the id down before the job may start.
    assert node.read("seen").splitlines() == [f"{token} 7 accepted", "7 fit/0 0 fit 2 1 -"]
    assert not node.under_way


def test_node_whose_rows_are_done_before_it_starts_submits_nothing(node: Node) -> None:
    node.write("state/fit/0.done", "")
    node.write("state/fit/1.done", "")
    assert node.run() == 0
    assert not (node.directory / "calls").exists()


def test_exit_code_is_that_of_the_first_row_that_failed(node: Node) -> None:
    failed = "printf 'exit_code=5\\nreason=command\\n' >state/fit/1.failed\n"
    node.write("on-release", f"{DONE.format(0)}{failed}echo '7_1 7 8 FAILED NonZeroExitCode' >queue")
    assert node.run() == 5
    assert len(node.called("squeue")) == 2
    assert not node.under_way


def test_rows_that_can_never_start_end_the_node_and_get_no_record_of_a_failure(node: Node) -> None:
    node.write("state/fit/1.skipped", "reason=parent\n")  # of an earlier attempt
    skipped = "[ ! -e state/fit/1.skipped ] && echo reason=parent >state/fit/1.skipped; : >queue\n"
    node.write("on-release", DONE.format(0) + skipped)
    assert node.run() == 91
    assert sorted(path.name for path in (node.directory / "state/fit").iterdir()) == ["0.done", "1.skipped"]
    assert not node.under_way


@pytest.mark.parametrize(
    ("shown", "code", "reason", "detail"),
    [
        ("", 1, "scheduler", "lost: Slurm's job 7 ended and left no record, see logs/fit/slurm.out"),
        ("7 7 7 CANCELLED None\n", 143, "signal", "scancel"),
        ("7_[0-1] 7 7 CANCELLED None\n", 143, "signal", "scancel"),
        ("7_0 7 8 TIMEOUT TimeLimit\n7_1 7 7 COMPLETED None\n", 143, "signal", "its time limit"),
        ("7_0 7 8 OUT_OF_MEMORY None\n7_1 7 7 COMPLETED None\n", 137, "signal", "its memory limit"),
    ],
)
def test_job_that_left_no_record(node: Node, shown: str, code: int, reason: str, detail: str) -> None:
    node.write("ended", shown)
    node.write("on-release", f"cat ended >queue\n{DONE.format(1)}")
    assert node.run() == code
    record = node.record("0.failed")
    assert (record["exit_code"], record["reason"], record["detail"]) == (str(code), reason, detail)


def test_what_slurm_refuses_is_told(node: Node) -> None:
    node.write("refusal", "sbatch: error: invalid partition specified: nonesuch\n")
    assert node.run() == 1
    assert node.record("0.failed")["detail"] == "refused by Slurm: sbatch: error: invalid partition specified: nonesuch"
    assert len(node.called("sbatch")) == 1
    assert not node.under_way


def test_slurm_that_gives_no_answer_is_asked_again_and_what_it_took_is_found(node: Node) -> None:
    node.write("refusal", "sbatch: error: Unable to contact slurm controller (connect failure)\n")
    accepted = 'sed -nE "s/.*--comment=([^ ]*) .*/9 \\1/p" calls | tail -n 1 >comments; rm refusal'
    node.write("after-squeue", f"[ -e comments ] || {{ {accepted}; }}")
    node.write("on-release", ALL_DONE)
    assert node.run() == 0
    # Slurm answered the second call. The job that the first call made late goes to the end of the queue.
    assert len(node.called("sbatch")) == 2
    assert node.called("scontrol") == ["release 7"]
    assert node.called("scancel") == ["9"]


def test_job_that_starts_again_after_its_node_failed_is_waited_for(node: Node) -> None:
    node.write("on-release", "echo '7 7 7 NODE_FAIL NodeDown' >queue; : >state/fit/0.started; : >state/fit/1.started")
    again = f"echo '7 7 7 RUNNING None' >queue; (/bin/sleep 2; {ALL_DONE.strip().replace(chr(10), ';')}) &"
    node.write("after-squeue", f"[ -e asked ] || {{ : >asked; {again} }}")
    assert node.run() == 0
    assert not list((node.directory / "state/fit").glob("*.failed"))


def test_failure_of_an_earlier_attempt_is_run_again_alone(node: Node) -> None:
    node.write("state/fit/0.done", "")
    node.write("state/fit/1.failed", "exit_code=5\nreason=command\n")
    node.write("on-release", f"ls state/fit >seen\n{DONE.format(1)}")
    assert node.run() == 0
    assert "--array=1-1 " in node.called("sbatch")[0]
    assert "1.failed" not in node.read("seen")


@pytest.mark.parametrize(
    ("note", "comments", "submitted", "released", "cancelled"),
    [
        ("tok - asked", "9 tok:fit/0\n", 0, ["release 9"], []),
        ("tok - asked", "9 tok:fit/0\n10 tok:fit/0\n", 0, ["release 9"], ["10"]),
        ("tok - asked", "9 other:fit/0\n", 1, ["release 7"], []),
        ("tok 9 accepted", "", 0, ["release 9"], []),
        ("tok 9 cancelled", "", 1, ["release 7"], ["--quiet 9"]),
        ("tok - cancelled", "9 tok:fit/0\n", 1, ["release 7"], ["--quiet 9"]),
    ],
)
def test_started_again(
    node: Node, note: str, comments: str, submitted: int, released: list[str], cancelled: list[str]
) -> None:
    node.write("state/fit/node-0", f"{note}\n")
    node.write("comments", comments)
    node.write("on-release", ALL_DONE)
    assert node.run() == 0
    assert len(node.called("sbatch")) == submitted
    assert node.called("scontrol") == released
    assert node.called("scancel") == cancelled
    assert not node.under_way


def test_started_again_while_its_job_runs_it_waits_and_calls_nothing(node: Node) -> None:
    node.write("state/fit/node-0", "tok 7 released\n")
    node.write("state/slurm.jobs", "7 fit/0 0 fit 2 1 -\n")
    process = node.start()
    time.sleep(1)
    node.write("state/fit/0.done", "")
    node.write("state/fit/1.done", "")
    assert process.wait(30) == 0
    assert not (node.directory / "calls").exists()


@pytest.mark.parametrize(
    ("name", "cancelled", "note"), [("USR1", ["--quiet 7"], "cancelled"), ("TERM", [], "released")]
)
def test_removed_it_cancels_its_job_and_ended_otherwise_it_leaves_it(
    node: Node, name: str, cancelled: list[str], note: str
) -> None:
    process = node.start()
    node.until(lambda: node.under_way and node.read("state/fit/node-0").endswith("released\n"))
    process.send_signal(signal.Signals[f"SIG{name}"])
    assert process.wait(30) == 143
    assert node.called("scancel") == cancelled
    assert node.read("state/fit/node-0").split()[1:] == ["7", note]
