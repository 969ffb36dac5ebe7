"""Start the process in which another workflow system reads a workflow, and take its answer: one JSON array per line."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Failed(Exception):
    """The process ended before it had answered. The text says how, as the end of a sentence."""

    def __init__(self, code: int, printed: str) -> None:
        last = printed.strip().rpartition("\n")[2] or "it printed nothing"
        super().__init__(f"ended with exit code {code} while reading ({last})")


def ask(
    module: str,
    request: tuple[Any, ...],
    directory: Path,
    environment: Mapping[str, str],
    take: Callable[[list[Any]], None],
) -> None:
    """Run ``module`` in ``directory`` with the request as JSON on its standard input, and ``take`` each record.

    Raises Failed if its exit code is not 0. Then ``take`` may have got a part of the answer.
    """
    command = [sys.executable, "-P", "-W", "ignore", "-m", module]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            cwd=directory,
            env=environment,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            # It may end before it has read all, or in the middle of a line. Then its exit code says so.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(json.dumps(request))
            for line in process.stdout:
                if line.endswith("\n"):
                    take(json.loads(line))
        errors.seek(0)
        printed = errors.read().decode("utf-8", "replace")
    if process.returncode != 0:
        raise Failed(process.returncode, printed)
