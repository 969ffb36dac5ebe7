"""What ``make test`` does: the layers in their order, up to the first that fails.

It uses the standard library only, because the first layer installs the rest. The output of each layer is in
``build/test/LAYER.log``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import surroundings

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "test"
SITE = ROOT / "tests" / "site" / "site"
PATIENCE = 20  # seconds in which an interrupted layer may clean up
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PRCTL = ctypes.CDLL(None).prctl


@dataclass(frozen=True)
class Layer:
    """A target of the Makefile."""

    target: str
    does: str
    seconds: int  # on 2 cores
    causes: tuple[str, ...]  # patterns of the lines of its output that say why it failed, the best ones first


_LEFT_OUT = "LEFT OUT: "
_TESTS_FAILED = (r"^(FAILED|ERROR) ", r"Error\b")
LAYERS = (
    Layer("install", "pip installs the pinned tools into .venv", 100, ("ERROR", "needs Python|Run: ", "[Ee]rror")),
    Layer("lint", "ruff and shellcheck read all code", 5, (r"^\S+:\d+", "-->|^Would reformat|^In .* line")),
    Layer("types", "mypy reads the installed wheel and the tests", 60, ("error:",)),
    Layer("pytest", "the tests that need no site", 1600, _TESTS_FAILED),
    Layer("docs", "Sphinx builds the manual, and Chromium looks at it", 100, ("ERROR:|WARNING:", *_TESTS_FAILED)),
    Layer("conformance-part", "a conformance test of CWL for each feature, if they can be downloaded", 60, (r"^FAILED",)),
    Layer("box", "Slurm, HTCondor and their services are built and tried out", 490, ("did not come up", "^FAIL |^E: ", "^site: ")),
    Layer("site", "the tests on those, in three boxes at a time", 2000, ("the site is broken", *_TESTS_FAILED)),
)  # fmt: skip


def main() -> int:
    """Run the layers. Return 0, 1 if one fails, or 130 after an interrupt."""
    surroundings.reset()
    os.chdir(ROOT)
    _PRCTL(_PR_SET_CHILD_SUBREAPER, 1)  # this process adopts every process that a layer leaves behind
    _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM)
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is signal.SIG_DFL:
            signal.signal(each, _interrupt)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    begun, layer = time.monotonic(), None
    try:
        missing = announce()
        for layer in LAYERS:
            if run(layer) != 0:
                print(f"==> make test stopped at {layer.target}: {said(layer)}")
                print(f"    Its output is in {log_of(layer)}.", flush=True)
                return 1
        left = left_out() if missing is None else [missing]
        passed = f"all passed that was not LEFT OUT ({' '.join(left)})" if left else "all of it passed"
        print(f"==> make test: {passed}, in {length(time.monotonic() - begun)}", flush=True)
    except KeyboardInterrupt:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        at = "its beginning" if layer is None else layer.target
        print(f"\n==> make test was interrupted at {at}; ending what it has started", flush=True)
        return 130
    finally:
        end_all()
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def announce() -> str | None:
    """Print the plan, how long it takes here, and what is left out. Return the reason if anything is left out."""
    done = {"install": (ROOT / ".venv/.installed").exists(), "box": _answers("built") is None}
    missing = _answers("check")
    planned = [layer for layer in LAYERS if missing is None or layer.target not in ("box", "site")]
    total = sum(layer.seconds for layer in planned if not done.get(layer.target))
    print(f"==> make test: {len(planned)} layers, about {length(total)} on a quiet machine with 2 cores")
    for layer in LAYERS:
        time_of = "done" if done.get(layer.target) else length(layer.seconds)
        print(f"    {layer.target:16} {time_of if layer in planned else 'LEFT OUT':10} {layer.does}")
    if missing is not None:
        print(f"    LEFT OUT: {missing}")
    sys.stdout.flush()
    return missing


def _answers(verb: str) -> str | None:
    """Return the objection of the script ``site`` to this verb, if any."""
    answer = subprocess.run([SITE, verb], capture_output=True, text=True, check=False)
    return None if answer.returncode == 0 else (answer.stdout + answer.stderr).strip()


def length(seconds: float) -> str:
    """Return a time in minutes, or in seconds if it is below one minute."""
    return f"{round(seconds / 60)} min" if seconds >= 60 else f"{round(seconds)} s"


def log_of(layer: Layer) -> Path:
    """Return the path of the output of a layer."""
    return LOGS.relative_to(ROOT) / f"{layer.target}.log"


def said(layer: Layer) -> str:
    """Return the line in which a layer says why it failed: the first one of the best kind, or else its last one."""
    lines = [line.strip() for line in log_of(layer).read_text("utf-8", "replace").splitlines() if line.strip()]
    kinds = [[line for line in lines if re.search(cause, line)] for cause in layer.causes]
    return next((kind[0] for kind in kinds if kind), lines[-1] if lines else "it said nothing")


def left_out() -> list[str]:
    """Return what the layers reported as left out."""
    lines = [line for layer in LAYERS for line in log_of(layer).read_text("utf-8", "replace").splitlines()]
    return [line.removeprefix(_LEFT_OUT) for line in lines if line.startswith(_LEFT_OUT)]


def run(layer: Layer) -> int:
    """Run a layer in a session of its own, show and keep its output, and return its exit code."""
    command = ["make", "--no-print-directory", layer.target, f"PYTHON={sys.executable}"]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the handler of the previous layer would reap this one
    with (
        log_of(layer).open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=lambda: _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM),  # noqa: PLW1509  no other thread runs yet
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        signal.signal(signal.SIGCHLD, lambda *_: reap_orphans(process.pid))
        try:
            while piece := os.read(process.stdout.fileno(), 65536):
                log.write(piece)
                log.flush()
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode


def reap_orphans(child: int) -> None:
    """Reap the orphans of layers that this process has adopted. Its own child is not reaped."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid != child:
            os.waitpid(ended.si_pid, 0)


def end_all() -> None:
    """End every process that this one or its children started, and the boxes. Most end by themselves."""
    patient_until = time.monotonic() + 5
    while left := list(descendants()):
        for pid in left if time.monotonic() > patient_until else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        time.sleep(0.05)


def descendants() -> Iterator[int]:
    """Return the processes below this one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    ours = {os.getpid()}
    for pid in sorted(parents):  # a child usually has a greater number; the caller repeats until the list is empty
        if parents[pid] in ours:
            ours.add(pid)
            yield pid


if __name__ == "__main__":
    sys.exit(main())
