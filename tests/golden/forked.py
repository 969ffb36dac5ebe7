"""Many calls of reana-batch without a new Python for each.

Run as a program, this module answers requests, one line of JSON each, by forking. The child has its own directory,
environment and standard streams, and runs the same ``main`` as the command ``reana-batch``. The program imports once,
before the first request, what a command needs.
"""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from reana_batch import pipeline
from reana_batch.backends import BACKENDS
from reana_batch.cli.main import main
from reana_batch.compilation import Options
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle.creation import write_run
from tests import python_lines

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Ended:
    """How a command ended. The code of a child that was killed is the negative number of the signal."""

    code: int
    stdout: str
    stderr: str


class Forked:
    """The other end: starts the program with the command ``prefix``, and sends it requests."""

    def __init__(self, *prefix: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **python_lines.variables()}
        self._server = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.golden.forked"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def __enter__(self) -> Forked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Without requests the server ends.
        self._server.communicate()

    @property
    def pid(self) -> int:
        """The process that answers. Through /proc/PID/root a test sees the file system as the commands see it."""
        return self._server.pid

    def run(
        self, args: list[str], directory: Path, environment: dict[str, str] | None = None, *, shown: bool = False
    ) -> Ended:
        """Return how ``reana-batch ARGS`` ends in ``directory``, with this environment and no other.

        With ``shown`` the command writes as to a terminal: stdout counts as one, and receives stderr too.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8", "COLUMNS": "120"}
        surroundings |= environment or {}
        request = {"args": args, "directory": str(directory), "environment": surroundings, "shown": shown}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return Ended(**json.loads(self._server.stdout.readline()))


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            child = os.fork()
            if child == 0:
                _become(stdout=stdout, stderr=stderr, **request)
            _, status = os.waitpid(child, 0)
            answer = {"code": os.waitstatus_to_exitcode(status), "stdout": _text(stdout), "stderr": _text(stderr)}
        print(json.dumps(answer), flush=True)


def _text(stream: BinaryIO) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8")


class _Terminal(io.TextIOWrapper):
    """A stream that counts as a terminal."""

    def isatty(self) -> bool:
        return True


def _become(
    args: list[str], directory: str, environment: dict[str, str], shown: bool, stdout: BinaryIO, stderr: BinaryIO
) -> None:
    """Run the command in this process and end it."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout.fileno(), 1)
    os.dup2((stdout if shown else stderr).fileno(), 2)
    sys.stdout = (_Terminal if shown else io.TextIOWrapper)(os.fdopen(1, "wb", closefd=False), "utf-8")
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    if "CRASH_AT" in environment:
        _at(int(environment["CRASH_AT"]), _changes, _crash)
    if "FAIL_AT" in environment:
        _at(int(environment["FAIL_AT"]), partial(_touches, directory), _fail)
    code: object = 0
    try:
        main(args, prog_name="reana-batch")
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001  # Python itself would do the same with it
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    if not {"CRASH_AT", "FAIL_AT"} & environment.keys():
        python_lines.save()
    os._exit(code if isinstance(code, int) else 1)


# Python's own audit events for changes to files or processes.
_CHANGES = frozenset({
    *("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate", "os.utime"),
    *("subprocess.Popen", "os.kill", "os.killpg", "shutil.rmtree"),
})  # fmt: skip


_Event = tuple[str, tuple[object, ...]]  # one of Python's own audit events, with its arguments


def _at(number: int, is_meant: Callable[[_Event], object], act: Callable[[_Event], None]) -> None:
    """Call ``act`` just before the ``number``-th event that ``is_meant`` accepts."""
    left = number

    def hear(*event: Any) -> None:
        nonlocal left
        if is_meant(event):
            left -= 1
            if left == 0:
                act(event)

    sys.addaudithook(hear)


def _changes(event: _Event) -> bool:
    """Return whether an event changes files of runs or processes."""
    name, args = event
    writes = name == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    return name in _CHANGES or (bool(writes) and "runs/" in str(args[0]))


def _crash(_: _Event) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail(event: _Event) -> None:
    """Fail as a server does that has lost a file, and note it on stderr."""
    name, (path, *_) = event
    print(f"FAILED AT {name} {path}", file=sys.stderr)
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)


def _touches(directory: str, event: _Event) -> bool:
    """Return whether an event opens or changes a file below the directory."""
    name, args = event
    return name in ("open", *_CHANGES) and bool(args) and _is_ours(str(args[0]), directory)


def _is_ours(path: str, directory: str) -> bool:
    """Return whether a path, which may be relative, belongs to a command and not to Python's library."""
    return not path.startswith("/") or path.startswith(directory)


# Modules that the commands need. reana_batch.cli.terminal is missing, because it inspects the terminal when imported.
_PRELOADED = (
    *("jinja2", "jsonschema_rs", "lark", "networkx", "pathspec", "platformdirs", "rich.live", "rich.tree", "yaml"),
    *("difflib", "reana_batch.cli.main", "reana_batch.pipeline", "reana_batch.report.pictures"),
    *("reana_batch.report.run", "reana_batch.lifecycle.submission", "reana_batch.lifecycle.reuse"),
    *(f"reana_batch.cli.{name}" for name in ("cleaning_commands", "run_commands", "status_commands", "status_text")),
    *("reana_batch.frontends.serial", *(module for row in BACKENDS.values() for module in row if module)),
)

_TYPICAL = """
workflow:
  type: serial
  specification:
    steps: [{environment: "debian:12", commands: ["echo 1"], kubernetes_memory_limit: 1Gi}]
"""


def _warm() -> None:
    """Compile for each batch system, so that parsers and templates are loaded. They do not depend on the caller."""
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "reana.yaml"
        spec.write_text(_TYPICAL, "utf-8")
        for backend in BACKENDS:
            compilation = pipeline.compile_spec(spec, Options(backend=backend), Diagnostics())
            write_run(compilation, Path(folder) / backend)


if __name__ == "__main__":
    for module in _PRELOADED:
        importlib.import_module(module)
    _warm()
    _serve()
