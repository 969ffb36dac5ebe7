"""What is in a workspace besides inputs and outputs, and its removal. No link is followed out of the workspace."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reana_batch import patterns
from reana_batch.files import entered, naming, walk

# The most links on the way to a file that Linux follows.
_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class Surplus:
    """A file or link that is neither kept nor led to by what is kept, and its bytes."""

    name: str
    size: int


def surplus(workspace: Path, kept: Iterable[str]) -> list[Surplus]:
    """Return what is in the workspace besides the files that the names and patterns of ``kept`` stand for.

    What links among these lead to is kept too.
    """
    root = Path(os.path.realpath(workspace))
    stay = _reached(root, kept)
    return [Surplus(name, facts.st_size) for name, facts in walk(root) if name not in stay]


def _reached(root: Path, names: Iterable[str]) -> set[str]:
    """Return the files and links that the names stand for, with those that their links lead to."""
    found: set[str] = set()
    pending, seen = [*names], set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        links, end = _followed(str(root), name)
        found |= links
        for path, facts in patterns.find(root, end) if end is not None else ():
            found.add(path)
            if stat.S_ISLNK(facts.st_mode):
                pending.append(path)
    return found


def _followed(root: str, name: str) -> tuple[set[str], str | None]:
    """Return the links below ``root`` on the way that ``name`` leads, and where it ends; None if outside."""
    links: set[str] = set()
    hops, here = 0, root
    parts = name.split("/")[::-1]
    while parts:
        part = parts.pop()
        path = os.path.normpath(os.path.join(here, part))
        if part in ("", ".") or not os.path.islink(path):
            here = path
            continue
        hops += 1
        if hops > _MOST_LINKS:
            return links, None
        links |= {below} if (below := _below(root, path)) else set()
        target = os.readlink(path)
        parts += target.split("/")[::-1]
        here = "/" if target.startswith("/") else here
    return links, _below(root, here)


def _below(root: str, path: str) -> str | None:
    """Return the path from ``root``, or None if it is outside."""
    return os.path.relpath(path, root) if f"{path}/".startswith(f"{root}/") else None


def remove(workspace: Path, files: Iterable[Surplus], folders: Iterable[str] = ()) -> Iterator[Surplus | OSError]:
    """Remove files, and the folders that become empty except these ``folders``. Yield each file, or why it stays."""
    root, kept = Path(os.path.realpath(workspace)), {os.path.normpath(folder) for folder in folders}
    for each in files:
        folder, name = os.path.split(each.name)
        try:
            with entered(root, Path(folder)) as parent, naming(root / each.name):
                os.unlink(name, dir_fd=parent)
            yield each
        except OSError as error:
            yield error
        _remove_empty(root, folder, kept)


def _remove_empty(root: Path, folder: str, kept: set[str]) -> None:
    """Remove a folder and those above it, as far up as they are empty."""
    while folder and folder not in kept:
        above, name = os.path.split(folder)
        try:
            with entered(root, Path(above)) as parent:
                os.rmdir(name, dir_fd=parent)
        except OSError:
            return
        folder = above
