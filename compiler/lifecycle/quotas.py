"""How much a user may still write: the quota of a directory, from the tool of its file system."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reana_batch.findings import Finding, finding, told

# A quota counts as used up above this share.
_FULL = 0.95
_CURE = "delete what you do not need (reana-batch du, prune), or choose another directory with --runs."


class _Use(NamedTuple):
    """What is used of a thing, and the most of it. None is without a limit."""

    what: str
    used: float
    most: float | None


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of file system: where it is, the command of its quota, and what the answer means."""

    prefix: str
    command: Callable[[Path], Sequence[str]]
    read: Callable[[str, Path], Iterator[_Use]]


def _afs(text: str, _path: Path) -> Iterator[_Use]:
    """Yield the quota in the last line of ``fs listquota``: volume, quota and use in KiB. It may say "no limit"."""
    words = text.splitlines()[-1].replace("no limit", "0").split()
    yield _Use("GiB", int(words[2]) / 1024**2, int(words[1]) / 1024**2 or None)


def _eos(text: str, _path: Path) -> Iterator[_Use]:
    """Yield the user's quota in the lines of ``eos quota ls -m``, words NAME=VALUE. 0 is without a limit.

    A project has one quota for all its users, that of group 99. It counts where the user has none.
    """
    lines = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in text.splitlines()]
    users = {str(os.getuid()), os.environ.get("USER", "")}
    limited = [line for line in lines if line.get("maxlogicalbytes", "0") != "0" or line.get("maxfiles", "0") != "0"]
    own = [line for line in lines if line.get("uid") in users]
    projects = [line for line in limited if line.get("gid") in ("project", "99")]
    mine = next(iter([line for line in own if line in limited] or projects or own))
    yield _Use("GiB", int(mine["usedlogicalbytes"]) / 1024**3, int(mine["maxlogicalbytes"]) / 1024**3 or None)
    yield _Use("files", int(mine["usedfiles"]), int(mine["maxfiles"]) or None)


def _unix(text: str, path: Path) -> Iterator[_Use]:
    """Yield the quota in the line of ``quota`` for the nearest mount point: three columns of KiB, then of files.

    Each is use, quota, limit and grace. A star marks what is over its quota, and 0 is without a limit.
    """
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("/")]
    around = [row for row in rows if path.is_relative_to(row[0])]
    mount, *values = max(around, key=lambda row: len(row[0]))
    blocks, files = values[:4], values[4:]
    for what, columns, unit in (("GiB", blocks, 1024**2), ("files", files, 1)):
        most = next((int(word) / unit for word in columns[1:3] if int(word)), None)
        yield _Use(f"{what} in {mount}", int(columns[0].rstrip("*")) / unit, most)


_KINDS = (
    _Kind("/afs", lambda path: ("fs", "listquota", "-path", str(path)), _afs),
    _Kind("/eos", lambda path: ("eos", "-b", "quota", "ls", "-m", "-p", str(path)), _eos),
    _Kind("/", lambda _path: ("quota", "-w", "-p", "-v", "--show-mntpoint", "--hide-device"), _unix),
)


def quota(path: Path) -> Finding:
    """Return the finding about the quota of a directory that exists."""
    path = path.resolve()
    kind = next(each for each in _KINDS if path.is_relative_to(each.prefix))
    command = kind.command(path)
    if shutil.which(command[0]) is None:
        return finding("quota", None, True, f"not known: {command[0]} is not installed", "")
    answer = told(*command)  # quota fails if a quota is exceeded, but prints it
    if answer and answer.good is None:
        return finding("quota", None, True, f"not known: {answer.text}", "")
    try:
        uses = list(kind.read(answer.text if answer else "", path))
    except (ValueError, IndexError, KeyError, StopIteration, RuntimeError):
        return finding("quota", None, True, f"not known: {shlex.join(command)} shows none for this directory", "")
    good = all(use.most is None or use.used <= _FULL * use.most for use in uses)
    return finding("quota", good, True, "; ".join(map(_text, uses)), _CURE)


def _text(use: _Use) -> str:
    digits = 0 if use.what.startswith("files") else 1
    most = "no limit" if use.most is None else f"{use.most:,.{digits}f}"
    return f"{use.used:,.{digits}f} of {most} {use.what}"
