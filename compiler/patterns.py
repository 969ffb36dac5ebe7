r"""Names of files in a workspace that ``ls``, ``download`` and ``outputs`` accept: paths, folders and patterns.

Patterns are those of REANA's server (reana_commons/workspace.py: wcmatch with GLOBSTAR and DOTGLOB). ``*`` and ``?``
never match a slash, and ``**`` matches any folders. Names that begin with a dot are not special. ``\`` makes the next
character literal. Patterns match files and links, but not directories.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from reana_batch.files import entered, walk

_MAGIC = re.compile(r"[*?\[\\]")
# The elements of a pattern: an escaped character, a set, stars, a question mark, any other character.
_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<set>\[[!^]?\]?[^]]*\])|(?P<star>\*+)|(?P<one>\?)|(?P<plain>.)", re.DOTALL)


def is_inside(name: str) -> bool:
    """Return whether a name, without links, stays in the workspace."""
    return not os.path.isabs(name) and Path(os.path.normpath(name)).parts[:1] != ("..",)


def with_folders(paths: Iterable[str]) -> set[str]:
    """Return the paths in their shortest form, and all folders above them except the workspace."""
    found: set[str] = set()
    for path in paths:
        own = PurePosixPath(os.path.normpath(path))
        found.update(str(each) for each in (own, *own.parents))
    return found - {".", "/"}


def find(root: Path, name: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below ``root`` that ``name`` names, in order, with their facts.

    ``name`` is a file, a folder or a pattern. No link is followed. An unreadable directory raises OSError.
    """
    plain = os.path.normpath(name)
    if not is_inside(name):
        return
    if is_folder(root, name):
        yield from walk(root, "" if plain == "." else plain)
        return
    facts = _facts(root, plain)
    if facts is not None:
        yield plain, facts
    elif is_pattern(name):
        yield from _matching(root, name)


def is_pattern(name: str) -> bool:
    """Return whether a name is a pattern that can match other names."""
    return bool(_MAGIC.search(name))


def is_folder(root: Path, name: str) -> bool:
    """Return whether ``name`` is a folder below ``root``, without following links."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), entered(root, Path(os.path.normpath(name))):
        return True
    return False


def _facts(root: Path, path: str) -> os.stat_result | None:
    folder, name = os.path.split(path)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), entered(root, Path(folder)) as parent:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    return None


def _matching(root: Path, pattern: str) -> Iterator[tuple[str, os.stat_result]]:
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    fixed = parts[: _first_magic(parts)]
    if fixed and not is_folder(root, "/".join(fixed)):
        return
    regex = re.compile("".join(_translate(parts)), re.DOTALL)
    depth = None if "**" in parts else len(parts) - len(fixed) - 1
    for path, facts in walk(root, "/".join(fixed), depth):
        if regex.fullmatch(path):
            yield path, facts


def _first_magic(parts: list[str]) -> int:
    return next(index for index, part in enumerate(parts) if _MAGIC.search(part))


def _translate(parts: list[str]) -> Iterator[str]:
    """Yield the regular expression for each part of a pattern."""
    for number, part in enumerate(parts, start=1):
        last = number == len(parts)
        if part == "**":
            yield ".+" if last else "(?:[^/]+/)*"
        else:
            yield "(?=[^/])" + "".join(map(_regex, _TOKEN.finditer(part))) + ("" if last else "/")


def _regex(token: re.Match[str]) -> str:
    if token["star"]:
        return "[^/]*"
    if token["one"]:
        return "[^/]"
    if token["set"]:
        return "(?!/)" + fnmatch.translate(token["set"].replace("[^", "[!", 1))[4:-3]
    return re.escape(token["escaped"] or token["plain"])
