"""The output and the remains of ``make test``, with layers whose behaviour the test chooses."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.all import LAYERS

TESTS = Path(__file__).resolve().parents[1]
TARGETS = [layer.target for layer in LAYERS]
# A stand-in for make. $2 is the layer.
FAKE = """#!/bin/bash
echo "this is $2"
cd "$(dirname "$0")"
if [ -e "$2.sh" ]; then . "./$2.sh"; fi
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with the driver. The machine has no box if ``check`` prints a reason."""
    (tmp_path / "tests/site").mkdir(parents=True)
    for name in ("__init__.py", "all.py", "surroundings.py"):
        shutil.copy(TESTS / name, tmp_path / "tests")
    write(tmp_path / "bin/make", FAKE)
    write(tmp_path / "tests/site/site", '#!/bin/bash\n[ "$1" = check ] || echo no\n[ "$1" = check ]\n')
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def start(folder: Path, before: Callable[[], object] | None = None, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "CANARY": "tweet", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.all"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=before,  # noqa: PLW1509  no other thread runs yet
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=480)
    return process.returncode, said


def test_it_says_what_it_will_do_and_does_it(folder: Path) -> None:
    code, said = finish(start(folder))
    assert code == 0
    plan, _, rest = said.partition("this is install\n")
    minutes = round(sum(layer.seconds for layer in LAYERS) / 60)
    assert plan.startswith(f"==> make test: 8 layers, about {minutes} min on a quiet machine with 2 cores\n")
    assert [line.split()[0] for line in plan.splitlines()[1:]] == TARGETS
    assert rest.splitlines()[:-1] == [f"this is {layer}" for layer in TARGETS[1:]]
    assert re.fullmatch(r"==> make test: all of it passed, in \d+ s", rest.splitlines()[-1])
    assert (folder / "build/test/docs.log").read_text() == "this is docs\n"


def test_what_is_done_takes_no_time_and_what_is_left_out_is_said_at_once(folder: Path) -> None:
    write(folder / ".venv/.installed", "")
    write(folder / "tests/site/site", '#!/bin/bash\n[ "$1" != check ] || echo "The command ip is missing."\nexit 1\n')
    code, said = finish(start(folder))
    assert code == 0
    planned = [layer for layer in LAYERS if layer.target not in ("install", "box", "site")]
    minutes = round(sum(layer.seconds for layer in planned) / 60)
    assert said.startswith(f"==> make test: 6 layers, about {minutes} min on")
    assert re.search("^    install +done ", said, re.MULTILINE)
    assert re.search("^    site +LEFT OUT ", said, re.MULTILINE)
    assert "\n    LEFT OUT: The command ip is missing.\n" in said
    assert re.search(
        r"^==> make test: all passed that was not LEFT OUT \(The command ip is missing\.\), in \d+ s\n\Z",
        said,
        re.MULTILINE,
    )


def test_what_a_layer_leaves_out_is_said_at_the_end(folder: Path) -> None:
    write(folder / "bin/site.sh", "echo 'LEFT OUT: the tests of pyslurm.'\n")
    code, said = finish(start(folder))
    assert code == 0
    assert re.search(
        r"^==> make test: all passed that was not LEFT OUT \(the tests of pyslurm\.\), in \d+ s\n\Z", said, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("layer", "output", "cause"),
    [
        ("install", "Collecting a\nERROR: No matching distribution found for a", "ERROR: No matching distribution found for a"),
        ("types", "a.py:3: error: Name x\nFound 1 error", "a.py:3: error: Name x"),
        ("pytest", "FAILED tests/a.py::b - assert\nFAILED tests/a.py::c\n2 failed", "FAILED tests/a.py::b - assert"),
        ("box", "slurm did not come up: fatal: no\nsite: stage 99-first-start failed", "slurm did not come up: fatal: no"),
        ("docs", "no known word", "no known word"),
    ],
)  # fmt: skip
def test_it_stops_at_the_first_layer_that_is_broken_and_says_why(
    folder: Path, layer: str, output: str, cause: str
) -> None:
    write(folder / f"bin/{layer}.sh", f"cat <<'END'\n{output}\nEND\nexit 2\n")
    code, said = finish(start(folder))
    assert code == 1
    end = f"==> make test stopped at {layer}: {cause}\n    Its output is in build/test/{layer}.log.\n"
    assert said.endswith(f"{output}\n{end}")


# Delays the driver after it has started a layer, as a busy machine does.
SLOW = """
import subprocess, time
class Popen(subprocess.Popen):
    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        time.sleep(1)
subprocess.Popen = Popen
"""


def test_a_broken_layer_is_seen_however_soon_it_ends(folder: Path) -> None:
    write(folder / "slow/sitecustomize.py", SLOW)
    write(folder / "bin/lint.sh", "exit 2\n")
    code, said = finish(start(folder, PYTHONPATH=f"{folder}/slow"))
    assert (code, "==> make test stopped at lint: this is lint\n" in said) == (1, True)


def test_layers_use_the_python_that_make_was_given(folder: Path) -> None:
    write(folder / "bin/install.sh", 'echo "$3"\n')
    assert f"this is install\nPYTHON={sys.executable}\n" in finish(start(folder))[1]


def test_an_orphan_that_ends_is_gone(folder: Path) -> None:
    write(folder / "bin/lint.sh", "(sleep 0.2 & echo $! >orphan)\nsleep 1\n[ ! -e /proc/$(cat orphan) ]\n")
    assert finish(start(folder))[0] == 0


def running(marker: Path) -> list[str]:
    """Return the processes that have the marker in their command."""
    found = subprocess.run(
        ["pgrep", "-f", f"^sleep 1000 {marker}|{marker}"], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


def hanging(folder: Path) -> Path:
    """Have a layer start two processes that ignore signals, one in its own session. Return their marker."""
    marker = folder / "marker"
    stubborn = f"trap '' INT TERM; while :; do sleep 1; done # {marker}"
    write(
        folder / "bin/lint.sh", f'setsid bash -c "{stubborn}" & bash -c "{stubborn}" &\ntouch "{folder}/ready"; wait\n'
    )
    return marker


def until(condition: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_no_process(folder: Path, number: signal.Signals) -> None:
    marker = hanging(folder)
    process = start(folder)
    until((folder / "ready").exists)
    assert len(running(marker)) == 2
    process.send_signal(number)
    code, said = finish(process)
    assert code == 130
    assert said.endswith("\n==> make test was interrupted at lint; ending what it has started\n")
    assert running(marker) == []


def test_under_nohup_a_hangup_ends_nothing_and_layers_have_the_usual_signals(folder: Path) -> None:
    show = "grep -E '^Sig(Ign|Blk)' /proc/self/status; umask; echo \"$LC_ALL $CANARY\"; ls /proc/self/fd | wc -l"
    write(folder / "bin/lint.sh", f'touch "{folder}/ready"; until [ -e "{folder}/go" ]; do sleep 0.1; done; {show}\n')

    def odd() -> None:
        for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGALRM])
        os.umask(0o777)
        os.dup2(1, 55)

    process = start(folder, odd)
    until((folder / "ready").exists)
    process.send_signal(signal.SIGHUP)
    (folder / "go").touch()
    code, said = finish(process)
    assert code == 0
    shown = said.partition("this is lint\n")[2].partition("this is types")[0].splitlines()
    blocked, ignored = (int(line.split()[1], 16) for line in shown[:2])
    usual = sum(1 << number - 1 for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ})
    assert (blocked, ignored & usual) == (0, 0)
    assert shown[2:] == ["0022", "C.UTF-8 ", "4"]
