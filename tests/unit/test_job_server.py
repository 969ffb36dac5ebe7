"""Jobs with a server: a toy server, and the real bash that starts it and does what it asks for."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from reana_batch.cli.compile_commands import _titled
from reana_batch.ir import Column, Rows, Server
from reana_batch.site import Site
from tests.bash import Bash
from tests.unit import test_job_script as jobs
from tests.unit.test_job_script import Run, Start, apptainer, command, compiled, is_alive, started, step, wait_for

__all__ = ["apptainer", "started"]  # fixtures

TOY = Server("toy_server", (("task.json", '{"of": "all rows"}\n'),))
RUN_NOTHING = (["run", "true", 0], ["last"])


@pytest.fixture(autouse=True)
def python_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let jobs find the toy server."""
    monkeypatch.setitem(jobs.ENVIRONMENT, "PYTHONPATH", str(Path(__file__).parents[1] / "toy_server"))
    monkeypatch.setenv("PYTHONPATH", jobs.ENVIRONMENT["PYTHONPATH"])


def served(
    directory: Path,
    *requests: tuple[list[Any], ...],
    backend: str = "htcondor",
    site: Site | None = None,
    **fields: Any,
) -> Run:
    """Return the run of a step with a row for each request, all in one job."""
    table = Rows(("request",), tuple((json.dumps(request),) for request in requests))
    one = step("toy", command(Column("request")), table=table, server=fields.pop("server", TOY), **fields)
    return compiled(directory, one, backend=backend, site=site or Site(rows_per_job=len(requests)))


def ending(run: Run, row: int = 0) -> tuple[str, str, str]:
    """Return exit code, reason and detail of a row that failed."""
    record = run.record(f"toy/{row}.failed")
    return record["exit_code"], record["reason"], record["detail"]


def states(run: Run) -> list[str]:
    return sorted(path.name for path in (run.directory / "state/toy").iterdir())


def left(run: Run) -> list[str]:
    """Return the folders of servers."""
    return [name for name in states(run) if name.startswith("serving-")]


def servers(run: Run) -> list[int]:
    """Return the ids of the servers that were started, which they write into the logs."""
    logs = "".join(run.log(f"toy/{path.name}") for path in sorted((run.directory / "logs/toy").glob("*.err")))
    return [int(line.split()[1]) for line in logs.splitlines() if line.startswith("serves ")]


# --- the words of both ----------------------------------------------------------------------------


def test_one_server_runs_all_rows_of_a_job(tmp_path: Path) -> None:
    run = served(tmp_path, *((["run", f"pwd; echo row {row}", 0], ["last"]) for row in range(3)))
    (run.directory / "state/toy/serving-0-killed").mkdir(parents=True)  # as an earlier life of the job leaves it
    job = run.job("toy")
    assert (job.returncode, job.stdout, job.stderr) == (0, "", "")
    assert [run.log(f"toy/{row}.out") for row in range(3)] == [f"{run.workspace}\nrow {row}\n" for row in range(3)]
    (pid,) = servers(run)
    assert run.log("toy/0.err") == f"serves {pid} ['task.json']\nrow 0 in machine: logs/toy/0.out, []\n"
    assert run.log("toy/2.err") == "row 2 in machine: logs/toy/2.out, []\n"
    assert states(run) == ["0.done", "0.started", "1.done", "2.done"]
    wait_for(lambda: not is_alive(pid))


def test_rows_that_are_done_need_no_server(tmp_path: Path) -> None:
    run = served(tmp_path, RUN_NOTHING)
    assert (run.job("toy").returncode, run.job("toy").returncode) == (0, 0)
    assert len(servers(run)) == 1


def test_make_runs_jobs_with_servers_at_once(tmp_path: Path) -> None:
    requests = [(["run", "sleep 0.2", 0], ["last"])] * 3
    run = served(tmp_path, *requests, backend="make", site=Site(rows_per_job=2, inherit_environment=True))
    made = run.make("-j2")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert run.records("toy") == ["0.done", "1.done", "2.done"]
    assert len(set(servers(run))) == 2


def test_scripts_of_a_step_show_its_json_on_several_lines() -> None:
    assert _titled(("task.json", '{"b": ["\\u00e4"]}')) == '==> task.json\n{\n "b": [\n  "ä"\n ]\n}\n\n'
    assert _titled(("command.1", "{ true; }\n")) == "==> command.1\n{ true; }\n\n"


def test_request_that_is_the_same_for_all_rows(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("toy", json.dumps(RUN_NOTHING), server=TOY))
    assert run.job("toy").returncode == 0
    assert run.records("toy") == ["0.done"]


ANSWERS: dict[str, tuple[tuple[list[Any], ...], tuple[str, str, str]]] = {
    "failed": ((["run", "exit 7", 0], ["last"]), ("7", "command", "")),
    "one of several commands": ((["run", "true", 0], ["run", "exit 3", 0], ["last"]), ("3", "command", "")),
    "time limit of a command": ((["run", "sleep 1000", 1], ["last"]), ("124", "command", "")),
    "lacks": ((["say", "lacks out.txt  (a file)"],), ("93", "output", "missing or wrong: out.txt  (a file)")),
    "broken": ((["say", "broken node is too old"],), ("94", "worker", "node is too old")),
    "no word": ((["say", "hello you"],), ("94", "worker", "the server toy_server answered: hello you")),
    "no command": ((["say", "run x"],), ("94", "worker", "the server toy_server answered: run x")),
    "no failure": ((["say", "failed 0"],), ("94", "worker", "the server toy_server answered: failed 0")),
    "no code": ((["say", "failed 1000"],), ("94", "worker", "the server toy_server answered: failed 1000")),
    "ended": ((["run", "true", 0], ["end", 3]), ("94", "worker", "the server toy_server ended with exit code 3")),
    "output kept open": (
        (["run", "true", 0], ["fork", 1000], ["end", 4]),
        ("94", "worker", "the server toy_server ended with exit code 4"),
    ),
}


@pytest.mark.parametrize("which", ANSWERS)
def test_how_a_row_ends(which: str, tmp_path: Path) -> None:
    request, told = ANSWERS[which]
    run = served(tmp_path, request, RUN_NOTHING)
    assert run.job("toy").returncode == int(told[0])
    assert (ending(run), run.records("toy")) == (told, ["0.failed", "1.done"])
    assert json.loads((run.directory / "state/toy/0.command").read_text()) == list(request)
    assert not left(run)
    for pid in servers(run):
        wait_for(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]  # mypy cannot infer a lambda with a default


def test_server_that_cannot_start(tmp_path: Path) -> None:
    run = served(tmp_path, RUN_NOTHING, server=Server("no_such_server"))
    assert run.job("toy").returncode == 94
    code, reason, detail = ending(run)
    assert (code, reason) == ("94", "worker")
    assert detail.startswith("the server no_such_server ended with exit code 1: ")
    assert detail.endswith(": No module named no_such_server")


def test_server_that_ended_between_two_rows(tmp_path: Path) -> None:
    run = served(tmp_path, (["run", "true", 0], ["last"], ["end", 0]), (["run", "sleep 0.5", 0], ["last"]))
    run.job("toy")
    assert "0.done" in run.records("toy")
    run.job("toy")
    assert run.records("toy") == ["0.done", "1.done"]


def test_a_row_is_tried_again_with_the_server(tmp_path: Path) -> None:
    script = 'echo "$REANA_BATCH_ATTEMPT"; [[ $REANA_BATCH_ATTEMPT == 3 ]]'
    run = served(tmp_path, (["run", script, 0], ["last"]), retries=2, backend="make")
    assert run.job("toy").returncode == 0
    assert run.log("toy/0.out") == "1\n2\n3\n"
    assert len(servers(run)) == 1


def test_declared_outputs_are_checked_after_the_server(tmp_path: Path) -> None:
    run = served(tmp_path, RUN_NOTHING, outputs=("out.txt",))
    assert run.job("toy").returncode == 93
    assert ending(run) == ("93", "output", "missing: out.txt")


def test_commands_do_not_hold_the_pipes_of_the_server(tmp_path: Path) -> None:
    run = served(tmp_path, (["run", "ls -l /proc/self/fd", 0], ["last"]))
    assert run.job("toy").returncode == 0
    assert "pipe:" not in run.log("toy/0.out")


@pytest.mark.parametrize("request_", [(["run", "sleep 1000", 0], ["last"]), (["run", "sleep 1000", 900], ["last"])])
def test_time_limit_of_a_row_ends_its_command(request_: tuple[list[Any], ...], tmp_path: Path) -> None:
    run = served(tmp_path, request_, backend="make", site=Site(default_runtime=1))
    assert run.job("toy").returncode == 124
    assert ending(run) == ("124", "timeout", "after 1 s")


def test_time_limit_of_a_row_ends_a_server_that_does_not_answer(tmp_path: Path) -> None:
    run = served(tmp_path, (["sleep", 1000],), backend="make", site=Site(default_runtime=1))
    assert run.job("toy").returncode == 124
    assert ending(run) == ("124", "timeout", "after 1 s")
    assert not is_alive(*servers(run))


# --- other ends than its own ----------------------------------------------------------------------


@pytest.mark.parametrize("request_", [(["run", "echo up >up; exec sleep 1000", 0], ["last"]), (["sleep", 1000],)])
@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_signal_ends_the_server_too(name: str, request_: Any, tmp_path: Path, started: Start) -> None:
    run = served(tmp_path, request_)
    job = started(run, "toy")
    wait_for(lambda: (run.directory / "logs/toy/0.err").exists() and "row 0 in" in run.log("toy/0.err"))
    wait_for(lambda: request_[0][0] == "sleep" or (run.workspace / "up").exists())
    job.send_signal(signal.Signals[f"SIG{name}"])
    _, said = job.communicate()
    code = 128 + signal.Signals[f"SIG{name}"]
    assert (job.returncode, said) == (code, f"reana-batch: toy: row 0: failed: signal SIG{name} (exit code {code})\n")
    assert not is_alive(*servers(run))
    assert states(run) == ["0.command", "0.failed", "0.started"]


def test_server_ends_with_a_job_that_is_killed(tmp_path: Path, started: Start) -> None:
    run = served(tmp_path, (["run", "echo $$ >up; exec sleep 1000", 0], ["last"]))
    job = started(run, "toy")
    wait_for(lambda: (run.workspace / "up").exists() and (run.workspace / "up").read_text().endswith("\n"))
    job.kill()
    (pid,) = servers(run)
    wait_for(lambda: not is_alive(pid))
    os.kill(int((run.workspace / "up").read_text()), signal.SIGKILL)
    (killed,) = left(run)
    (run.workspace / "up").unlink()
    again = started(run, "toy")
    wait_for((run.workspace / "up").exists)
    assert len(left(run)) == 2
    again.terminate()
    again.communicate()
    assert run.log("toy/0.err").count("row 0 in machine: logs/toy/0.out, []\n") == 2
    assert states(run) == ["0.command", "0.failed", "0.started", killed]


def test_server_that_is_killed_while_its_command_runs(tmp_path: Path) -> None:
    run = served(tmp_path, (["run", "kill -KILL $(cat ../pid); sleep 0.3", 0], ["last"]), RUN_NOTHING)
    script = (run.directory / "batch/job-lib.sh").read_text()
    (run.directory / "batch/job-lib.sh").write_text(script.replace("server_pid=$!", "server_pid=$!; echo $! >pid"))
    assert run.job("toy").returncode == 94
    assert ending(run)[2].startswith("the server toy_server ended with exit code 137")
    assert run.records("toy") == ["0.failed", "1.done"]


# --- containers -----------------------------------------------------------------------------------


def in_image(directory: Path, request: tuple[list[Any], ...], **settings: Any) -> Run:
    site = Site(container_runtime="apptainer", **settings)
    return served(directory, request, environment="a/b:1", site=site)


MOUNTS = [["/data/in put", "/var/lib/a", "ro"], ['/data/"x",y', "/var/lib/b", "rw"]]


def test_command_line_of_a_container(tmp_path: Path, apptainer: dict[str, str]) -> None:
    request = (["run", "echo ran", 60, MOUNTS, True], ["run", "echo again", 0], ["last"])
    run = in_image(tmp_path / "run", request)
    job = run.job("toy", environment=apptainer)
    assert (job.returncode, job.stderr, run.log("toy/0.out")) == (0, "", "ran\nagain\n")
    assert "row 0 in image" in run.log("toy/0.err")
    written = (run.workspace / "arguments").read_text().split("\0")[:-1]
    assert "--cleanenv" in written
    at = written.index("--overlay") + 2
    assert written[at:] == [
        *("--net", "--network", "none"),
        *("--mount", 'type=bind,"source=/data/in put","destination=/var/lib/a",ro'),
        *("--mount", 'type=bind,"source=/data/""x"",y","destination=/var/lib/b"'),
        *("docker://docker.io/a/b:1", "bash", written[-1]),
    ]
    assert written[-1].startswith(f"{run.directory}/state/toy/serving-0-")


def test_container_without_a_network_where_apptainer_has_none(tmp_path: Path, apptainer: dict[str, str]) -> None:
    run = in_image(tmp_path / "run", (["run", "echo ran", 0, [], True], ["last"]))
    assert run.job("toy", environment=apptainer | {"REFUSED": "--net"}).returncode == 94
    told = "apptainer cannot start a container without a network: FATAL: no --net"
    assert ending(run) == ("94", "worker", told)
    assert run.log("toy/0.out") == ""


# The image, its last words and code, what the server makes of the code, and how the row ends.
CONTAINERS = [
    (["last"], ("94", "worker", "apptainer cannot start docker://docker.io/a/b:1: no space")),
    (["say", "done"], None),
]


@pytest.mark.parametrize(("answer", "told"), CONTAINERS)
def test_container_that_apptainer_cannot_start(
    answer: list[Any], told: tuple[str, str, str] | None, tmp_path: Path, apptainer: dict[str, str]
) -> None:
    run = in_image(tmp_path / "run", (["run", "echo 'FATAL:   no space' >&2; exit 255", 0], answer))
    assert run.job("toy", environment=apptainer).returncode == (94 if told else 0)
    assert (ending(run) if told else None) == told


# --- single functions -----------------------------------------------------------------------------

ROW = {"folder": "toy", "own": "0", "row": "0", "row_time_limit": "", "command_start": "0", "server": "toy_server"}


@pytest.mark.parametrize(
    ("asked", "limit", "elapsed", "expected"),
    [
        ("0", "", 0, []),
        ("5", "", 0, ["timeout", "--kill-after=30", "5"]),
        ("0", "9", 2, ["timeout", "--kill-after=30", "7"]),
        ("5", "9", 2, ["timeout", "--kill-after=30", "5"]),
        ("8", "9", 2, ["timeout", "--kill-after=30", "7"]),
        ("8", "9", 20, ["timeout", "--kill-after=30", "1"]),
    ],
)
def test_the_time_limit_that_ends_first_counts(
    asked: str, limit: str, elapsed: int, expected: list[str], bash: Bash
) -> None:
    facts = {**ROW, "row_time_limit": limit, "place": "machine", "plain": [], "SECONDS": str(elapsed)}
    ended = bash("set_server_launcher", asked, facts=facts, asked=("launcher",))
    assert (ended.code, ended["launcher"]) == (0, expected)


def test_memory_limit_ends_the_server(bash: Bash) -> None:
    bash.write("events", "oom_kill 1\n")
    facts = {**ROW, "memory_events": "events", "memory_kills": "0"}
    script = "set -m; coproc SERVER { kill -KILL $BASHPID; }; server_pid=$!; set +m; lose_server"
    ended = bash.run(script, part="job/server", facts=facts, asked=("lacking", "blamed", "server_pid"))
    assert (ended.code, ended["lacking"], ended["blamed"], ended["server_pid"]) == (
        137,
        "its memory limit",
        "signal",
        "",
    )


def test_server_that_does_not_end_is_killed(bash: Bash) -> None:
    script = """
      set -m; coproc SERVER { trap '' TERM; exec 0</dev/null; exec sleep 1000; }; server_pid=$!; set +m
      leave_server; echo "$server_code"
    """
    bash.write("serving/file")
    ended = bash.run(f"serving=serving\n{script}", part="job/server", facts=ROW)
    assert (ended.code, ended.stdout, bash.has("serving")) == (0, "137\n", False)


@pytest.mark.parametrize("taken", ["", "-N 3"], ids=["whole", "in-two-parts"])
def test_a_line_is_whole_if_the_second_of_its_read_ends_meanwhile(taken: str, bash: Bash) -> None:
    script = f"""
      coproc SERVER {{ echo 'run 0'; exec sleep 1000; }}; server_pid=$!
      read() {{ # as bash does at the end of the second: it has read the line or a part of it, and says that it is late
        [[ -z ${{late-}} && $1$2 == -rt1 ]] || {{ builtin read "$@"; return; }}
        late=yes
        builtin read {taken} "$@"
        return 142
      }}
      hear_server; code=$?; kill "$server_pid"
    """
    ended = bash.run(script, part="job/server", facts={**ROW, "row_time_limit": "5"}, asked=("code", "reply"))
    assert (ended["code"], ended["reply"]) == ("0", "run 0")


def test_what_killed_lives_have_left_is_deleted(bash: Bash) -> None:
    for name in ("serving-1-abc/command", "serving-1-def/file", "serving-10-abc/file", "1.done"):
        bash.write(f"state/toy/{name}")
    ended = bash("clear_earlier", facts={**ROW, "folder": "toy", "chunk": "1"})
    assert ended.code == 0
    assert sorted(path.name for path in (bash.directory / "state/toy").iterdir()) == ["1.done", "serving-10-abc"]
