"""A server that does what each request says, to show what a job makes of it.

A request is a list of these, one after the other:

    ["run", SCRIPT, SECONDS]     ask for a command
    ["run", SCRIPT, SECONDS, MOUNTS, ISOLATED]
    ["say", LINE]                print a line as it is
    ["last"]                     say how the last command ended
    ["sleep", SECONDS]
    ["fork", SECONDS]            start a process that keeps the output open
    ["end", CODE]                end without another word
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    folder = Path(sys.argv[1])
    print(f"serves {os.getpid()} {sorted(each.name for each in folder.glob('*.json'))}", file=sys.stderr, flush=True)
    for line in sys.stdin:
        word, stem, request, out, err, directory, place = line.split()
        assert word == "row"
        with Path(err).open("a", encoding="utf-8") as log:
            print(f"row {stem} in {place}: {out}, {os.listdir(directory)}", file=log)
        code = 0
        for action, *given in json.loads(Path(request).read_text("utf-8")):
            code = _act(action, given, Path(directory), code)


def _act(action: str, given: list[Any], directory: Path, code: int) -> int:
    match action:
        case "run":
            return _run(directory, *given)
        case "say":
            print(given[0], flush=True)
        case "last":
            print(f"failed {code}" if code else "done", flush=True)
        case "sleep":
            time.sleep(given[0])
        case "fork":
            subprocess.Popen(["sleep", str(given[0])])
        case "end":
            os._exit(given[0])
    return code


def _run(
    directory: Path, script: str, seconds: int, mounts: tuple[tuple[str, str, str], ...] = (), isolated: bool = False
) -> int:
    (directory / "command").write_text(script, "utf-8")
    if mounts:
        (directory / "mounts").write_text("".join(f"{field}\0" for mount in mounts for field in mount), "utf-8")
    if isolated:
        (directory / "isolated").touch()
    print(f"run {seconds}", flush=True)
    word, code = sys.stdin.readline().split()
    assert word == "exit"
    return int(code)


if __name__ == "__main__":
    main()
