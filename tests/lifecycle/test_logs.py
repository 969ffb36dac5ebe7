"""The output of jobs: logs of failed jobs, of a step, of a row; and following them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import subprocess
import sys
import termios
from typing import IO

import pytest

from reana_batch.ir import Need
from tests.terminals import all_of

from .conftest import ENDLESS, Desk, environment, said, serial, until
from .flows import make, scatter, write_run


@pytest.fixture(scope="module")
def failed(shared: Desk) -> Desk:
    """A run of a scatter over three rows, of which the last two fail, and a step that never starts."""
    spoken = "echo row {row}; echo café >&2; test {row} -eq 0"
    fan_out = scatter("fan.out", spoken, 3, label="fan out")
    write_run(shared.path / "runs/rows.1", fan_out, scatter("after", "true", label="the end", needs=(Need("fan.out"),)))
    assert make(shared.path / "runs/rows.1") == 2
    return shared


def block(row: int, out: str, err: str = "café") -> str:
    status = f"==> Status: failed: {CAUSE}\n" if row else ""
    return f"==> Step: fan out, job {row} of 3 (reana.yaml:1)\n{status}{out}\n{err}\n"


CAUSE = "the command ended with exit code 1"


def test_without_a_step_the_logs_are_those_of_the_failed_jobs(failed: Desk) -> None:
    assert failed("logs", "-w", "rows").stdout == block(1, "row 1") + block(2, "row 2")


ASKED = [
    (["fan.out"], [0, 1, 2]),
    (["fan out"], [0, 1, 2]),
    (["fan out", "--row", "0"], [0]),
    (["fan.out", "--row", "2"], [2]),
    (["--row", "2"], [2]),
    (["--row", "0"], []),
]


@pytest.mark.parametrize(("words", "rows"), ASKED)
def test_the_logs_of_a_step_or_a_row(failed: Desk, words: list[str], rows: list[int]) -> None:
    assert failed("logs", "-w", "rows", *words).stdout == "".join(block(row, f"row {row}") for row in rows)
    answer = failed.json("logs", "-w", "rows", *words)
    assert answer["logs"] == [
        {
            "step": "fan out",
            "origin": "reana.yaml:1",
            "row": row,
            "cause": CAUSE if row else None,
            "stdout": f"row {row}\n",
            "stderr": "café\n",
        }
        for row in rows
    ]


def test_an_unknown_step(failed: Desk) -> None:
    done = failed("logs", "-w", "rows", "fan-out", exits=3)
    said(done, 'error: There is no step "fan-out". [unknown-step]', "hint: did you mean fan out?")
    done = failed("logs", "-w", "rows", "zzz", exits=3)
    said(done, 'error: There is no step "zzz". [unknown-step]', "hint: known: fan out, the end.")


def test_an_unknown_row(failed: Desk) -> None:
    done = failed("logs", "-w", "rows", "fan out", "--row", "3", exits=3)
    said(done, 'error: Step "fan out" has no job 3. [unknown-step]', "hint: they are numbered from 0 to 2.")


def test_the_logs_of_a_finished_run_are_those_of_all_jobs(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo one", "printf two", "true"))
    desk.run()
    one, two, three = (f"==> Step: s{number} (reana.yaml:1)\n" for number in (1, 2, 3))
    assert desk("logs", "-w", "test").stdout == f"{one}one\n{two}two\n{three}"
    assert desk("logs", "-w", "test", "--follow").stdout == f"{one}one\n{two}two"


def test_a_run_that_has_not_started_has_no_logs(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk("compile", "-o", "runs/test.1")
    assert desk("logs", "-w", "test").stdout == ""
    assert desk.json("logs", "-w", "test")["logs"] == []
    assert desk("logs", "-w", "test", "--follow").stdout == ""


def test_bytes_that_are_not_text_are_shown(desk: Desk) -> None:
    desk.write("reana.yaml", serial(r"printf 'a\377b\n'"))
    desk.run()
    assert "a\ufffdb\n" in desk.json("logs", "-w", "test")["logs"][0]["stdout"]


def test_following_shows_what_later_jobs_say_until_the_run_ends(desk: Desk) -> None:
    slow = r"printf 'caf\303'; touch half; while [ ! -e go ]; do sleep 0.1; done; printf '\251\n'; echo said"
    desk.write("reana.yaml", serial("echo first", slow, "echo last; echo failed >&2; exit 1"))
    desk.start("run", "-w", "test")
    until((desk.path / "runs/test.1/workspace/half").exists)
    follower = desk.start("logs", "-w", "test", "--follow")
    assert follower.stdout is not None
    head = [follower.stdout.readline() for _ in range(2)]
    assert head == ["==> Step: s1 (reana.yaml:1)\n", "first\n"]
    desk.write("runs/test.1/workspace/go", "")
    rest = follower.stdout.read()
    assert follower.wait(timeout=240) == 0
    assert "café\n" in rest.replace("==> Step: s2 (reana.yaml:1)\n", "")
    assert rest.endswith("==> Step: s3 (reana.yaml:1)\nlast\nfailed\n")


def test_following_one_step(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo first", ENDLESS, "echo last"))
    desk.start("run", "-w", "test")
    until((desk.path / "runs/test.1/workspace/starts.txt").exists)
    follower = desk.start("logs", "-w", "test", "s3", "--follow")
    desk.write("runs/test.1/workspace/go", "")
    assert follower.communicate(timeout=240)[0] == "==> Step: s3 (reana.yaml:1)\nlast\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_reader_of_a_log_may_go_away(desk: Desk, unbuffered: str) -> None:
    desk.write("reana.yaml", serial("seq 200000"))
    desk.run()
    reader = desk.start("logs", "-w", "test", env={"PYTHONUNBUFFERED": unbuffered})
    pipe = reader.stdout
    assert pipe is not None
    pipe.readline()
    until(lambda: unread(pipe) > 60_000)  # the pipe is full, and part of the log is not written yet
    pipe.close()
    reader.stdout = None
    _, stderr = reader.communicate(timeout=240)
    assert (reader.returncode, stderr) == (1, "")


def unread(pipe: IO[str]) -> int:
    """Return the bytes that wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


# --- control characters ---------------------------------------------------------------------------

# Clears the screen, sets the clipboard, does so with a single byte, reverses the direction, and is not a character.
STEERING = "\x1b[2J", "\x1b]52;c;eA==\x07", "\x9b2J", "\u202e"
HOSTILE = "".join(STEERING).encode() + b"\xff"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("logs", "-w", "test"),
    ("logs", "-w", "test", "--follow"),
    ("logs", "-w", "test", "--json"),
    ("status", "-w", "test"),
    ("list",),
    ("ls", "-w", "test"),
    ("du", "-w", "test"),
    ("diff", "test.1", "test.2"),
    ("compare", "test.1", "test.2"),
    ("logs", "-w", "test", "".join(STEERING)),
    ("validate",),
    ("inspect",),
    ("inspect", "--script", "s\u202e1"),
    ("inspect", "--format", "mermaid"),
    ("inspect", "--json"),
    ("validate", "-p", f"{''.join(STEERING)}=1"),
    ("validate", "-f", "wrong.yaml"),
    ("secrets-list",),
)


@pytest.fixture(scope="module")
def hostile(shared: Desk) -> Desk:
    """Two runs with control characters in names, commands, files and logs."""
    octal = "".join(f"\\{byte:03o}" for byte in HOSTILE)
    command = f"printf '{octal}\\r\\nend'; touch \"$$(printf '{octal}')\"; exit 1 # {STEERING[0]}"
    for number in (1, 2):
        step = {"name": "s\u202e1", "environment": "docker.io/library/debian:12", "commands": [f"{command}{number}"]}
        sections = {"inputs": {"parameters": {f"p{STEERING[1]}": STEERING[0]}}, "outputs": {"files": [STEERING[3]]}}
        text = json.dumps({**sections, "workflow": {"type": "serial", "specification": {"steps": [step]}}})
        shared.write("reana.yaml", text)
        shared.run(exits=1)
    shared.write("wrong.yaml", json.dumps({"x".join(STEERING): STEERING[0], "workflow": {"type": STEERING[0]}}))
    return shared


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: ascii(" ".join(words)))
def test_nothing_steers_the_terminal(hostile: Desk, words: tuple[str, ...]) -> None:
    shown = on_a_terminal(hostile, *words).decode()
    # The control sequences of the program itself: colours, and the cursor of tables that it redraws.
    rest = re.sub(r"\x1b\[[0-9;]*m|\r\n", "", shown)
    assert [each for each in rest if each != "\n" and not each.isprintable()] == []


def test_a_log_in_a_file_is_the_log_byte_for_byte(hostile: Desk) -> None:
    log = HOSTILE + b"\r\nend"
    for more in ((), ("--follow",)):
        with (hostile.path / "log").open("wb") as stream:
            command = [sys.executable, "-m", "reana_batch", "logs", "-w", "test.1", "s\u202e1", *more]
            subprocess.run(command, cwd=hostile.path, env=environment(), stdout=stream, check=True, timeout=240)
        written = (hostile.path / "log").read_bytes()
        assert written.endswith(log)
        assert written.removesuffix(log).count(b"\n") == len(written.removesuffix(log).splitlines())


def on_a_terminal(desk: Desk, *words: str) -> bytes:
    """Return what a command writes to a terminal on stdout and stderr."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reana_batch", *words]
    env = environment(TERM="xterm", NO_COLOR="1")
    process = subprocess.Popen(command, cwd=desk.path, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = all_of(ours)
    os.close(ours)
    assert process.wait(timeout=240) in (0, 1, 3), shown
    assert b"Traceback" not in shown
    return shown
