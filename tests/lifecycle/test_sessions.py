"""Sessions on this machine, with a real Jupyter server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests import bash_lines

from .conftest import Desk, answered, said, serial, until

JUPYTER = Path(sys.prefix) / "jupyter"  # made by tests/install-jupyter.sh


def environment(path: str) -> dict[str, str]:
    return {"PATH": path, **bash_lines.traced()}


@pytest.fixture
def jupyter() -> dict[str, str]:
    """The variables of a user who has Jupyter."""
    return environment(f"{JUPYTER}/bin:{os.environ['PATH']}")


@pytest.fixture
def run(desk: Desk) -> Iterator[Path]:
    """A run that is finished, and whose workspace holds a file. A session that a failed test left is closed."""
    desk.write("reana.yaml", serial("echo 41 > number.txt"))
    made = desk.run("fit")
    yield made
    if (made / "sessions/jupyter/session.json").exists():
        desk.start("close", "-w", "fit").wait()


def code(port: int, path: str, token: str = "") -> int:
    """Return the code with which the server answers a request."""
    headers = {"Authorization": f"token {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def processes(text: str = "", *, within: Path = Path("/")) -> dict[int, str]:
    """Return the command lines with a text of the processes that work in a folder, by the ids of the processes."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if (path / "cwd").resolve().is_relative_to(within):
                found[int(path.name)] = (path / "cmdline").read_bytes().decode("utf-8", "replace").replace("\0", " ")
    return {pid: line for pid, line in found.items() if text in line}


def test_a_session_is_opened_seen_and_closed(desk: Desk, run: Path, jupyter: dict[str, str]) -> None:
    opened = desk("open", "-w", "fit", "--runtime", "10m", env=jupyter)
    url = re.findall(r"http://\S+", opened.stdout)[0]
    answered(opened, "To end it: reana-batch close -w runs/fit.1")
    port, token = int(urlsplit(url).port or 0), parse_qs(urlsplit(url).query)["token"][0]
    assert f"-L {port}:127.0.0.1:{port} " in opened.stdout

    assert code(port, "/api/contents/number.txt", token) == 200
    assert {code(port, path) for path in ("/api/contents/number.txt", "/api/kernels")} == {403}
    listening = [
        line.split()[1] for line in Path("/proc/net/tcp").read_text("utf-8").splitlines() if f":{port:04X} " in line
    ]
    assert "0100007F" in {each.partition(":")[0] for each in listening} <= {"0100007F"}, "on the loopback alone"

    assert not processes(token)
    folder = run / "sessions/jupyter"
    holders = {
        path.name for path in folder.rglob("*") if path.is_file() and token in path.read_text("utf-8", "replace")
    }
    assert "token" in holders
    assert not holders & {"log", "job.log", "record", "session.json", "job.sh"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600

    assert url in desk("open", "-w", "fit", env=jupyter).stdout, "the session that is open"
    [status] = desk.json("status", "-w", "fit")["sessions"]
    assert (status["status"], status["port"], status["time_limit"]) == ("open", port, 600)
    assert token not in json.dumps(status)
    assert " is open on " in desk("status", "-w", "fit").stdout
    assert desk.json("list", "--sessions")["sessions"][0]["name"] == "fit.1"

    answered(desk("close", "-w", "fit"), "==> SUCCESS: jupyter of fit.1 has been closed.")
    assert not folder.exists()
    assert not processes(within=run)
    assert desk.json("list", "--sessions")["sessions"] == []
    said(desk("close", "-w", "fit", exits=3), "error: fit.1 has no open session of jupyter. [run-state]")


def test_a_session_ends_when_its_time_is_over(desk: Desk, run: Path, jupyter: dict[str, str]) -> None:
    desk("open", "-w", "fit", "--runtime", "600", env=jupyter)
    [(pid, line)] = [each for each in processes(within=run).items() if each[1].startswith("timeout ")]
    assert line.split()[1:3] == ["--kill-after=30", "600"]
    os.kill(pid, signal.SIGALRM)  # as when its time is over
    until(lambda: desk.json("list", "--sessions")["sessions"] == [])
    assert "reason=its time was over\n" in (run / "sessions/jupyter/record").read_text("utf-8")
    assert not (run / "sessions/jupyter/token").exists()


@pytest.fixture
def bare(desk: Desk) -> Path:
    """A folder of the programs that a session needs, without Jupyter."""
    folder = desk.path / "bin"
    folder.mkdir()
    for name in ("bash", "timeout", "mv", "rm", "id", "sha1sum", "mkdir", "cat", "tail", "sleep"):
        (folder / name).symlink_to(shutil.which(name) or "")
    return folder


def test_a_session_that_has_ended_elsewhere_does_not_keep_its_run(desk: Desk, run: Path, bare: Path) -> None:
    desk.write("bin/jupyter-server", "#!/bin/bash\nexit 3\n").chmod(0o755)
    desk("open", "-w", "fit", exits=3, env=environment(str(bare)))
    record = run / "sessions/jupyter/session.json"
    known = json.loads(record.read_text())
    assert ":" in known["job"]
    record.write_text(json.dumps({**known, "job": f"elsewhere:{known['job'].partition(':')[2]}"}))
    desk("delete", "-w", "fit")
    assert not run.exists()


def test_a_session_is_closed_before_its_run_is_deleted(desk: Desk, run: Path, bare: Path) -> None:
    desk.write("bin/jupyter-server", "#!/bin/bash\nsleep 601\n").chmod(0o755)
    waiting = desk.start("open", "-w", "fit", env=environment(str(bare)))
    until(lambda: bool(processes("sleep 601", within=run)))
    assert " is starting" in desk("status", "-w", "fit").stdout
    desk("delete", "-w", "fit")
    assert not run.exists()
    assert not processes(within=run)
    _, stderr = waiting.communicate(timeout=60)
    assert "error: jupyter of fit.1 did not open: " in stderr


@pytest.mark.usefixtures("run")
def test_a_session_that_cannot_be_opened_says_why(desk: Desk, bare: Path) -> None:
    refused = desk("open", "-w", "fit", exits=3, env=environment(str(bare)))
    assert "did not open: jupyter is not installed: it has none of lab notebook server." in refused.stderr
    desk.write("bin/jupyter-server", "#!/bin/bash\necho no luck\nexit 3\n").chmod(0o755)
    refused = desk("open", "-w", "fit", exits=3, env=environment(str(bare)))
    assert "did not open: the server did not start: no luck." in refused.stderr
    said(desk("open", "-w", "fit", "--on", "batch", exits=3), "error: fit.1 has no batch system. [unsupported]")
    said(desk("open", "-w", "fit", "--step", "s9", exits=3), 'error: There is no step "s9". [unknown-step]')
    desk("open", "-w", "fit", "--runtime", "soon", exits=2)
    desk("open", "-w", "fit", "--image", "debian:12", "--step", "s1", exits=2)
