"""Which input files a script may read, by the names in its text. An analysis need not declare what a step reads."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

_WORD = re.compile(r"""[^\s'"`;|&()<>=,:{}$]+""")
# What is not the name of a folder: the dot that reads a script into the shell, and a key in JSON.
_NO_FOLDER = re.compile(r"""(?:^|[;&|(])[ \t]*\.[ \t]|"[^"\s]*":""", re.MULTILINE)


@dataclass(frozen=True)
class Mentions:
    """The names by which texts can lead to a file: its own, and those of files whose texts lead to it."""

    path: str
    through: frozenset[str]  # the paths of these files

    def are_in(self, text: str) -> bool:
        """Return whether a script names one of the files, a folder that has it, or a pattern that it matches."""
        if self._names.search(text):
            return True
        words = {word.strip("/").removeprefix("./") or "." for word in _WORD.findall(_NO_FOLDER.sub(" ", text))}
        if words & self._folders:
            return True
        patterns = [word for word in words if "*" in word or "?" in word or "[" in word]
        paths = {self.path, *self.through}
        return any(fnmatch.fnmatchcase(name, word) for word in patterns for name in _forms(paths))

    @cached_property
    def _names(self) -> re.Pattern[str]:
        names = sorted({PurePosixPath(path).name for path in (self.path, *self.through)})
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")

    @cached_property
    def _folders(self) -> set[str]:
        return {str(folder) for path in (self.path, *self.through) for folder in PurePosixPath(path).parents}


def _forms(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        yield from (path, PurePosixPath(path).name)


def mentions(path: str, texts: Mapping[str, str]) -> Mentions:
    """Return the names that lead to ``path``. ``texts`` has the input files that are text, by path."""
    found, pending = {path}, [path]
    while pending:
        sought = pending.pop()
        for other in texts.keys() - found:
            if _names(texts[other], sought):
                found.add(other)
                pending.append(other)
    return Mentions(path, frozenset(found - {path}))


def _names(text: str, path: str) -> bool:
    """Return whether the text of a file names another one, imports it, or names a folder or pattern that has it."""
    pure = PurePosixPath(path)
    imported = rf"|\b(?:import|from)\b[^\n]*\b{re.escape(pure.stem)}\b" if pure.suffix == ".py" else ""
    if re.search(rf"(?<![\w-]){re.escape(pure.name)}(?![\w-]){imported}", text):
        return True
    folders = {str(folder) for folder in pure.parents} - {"."}
    words = {word.strip("/").removeprefix("./") for word in _WORD.findall(text)}
    if words & folders:
        return True
    patterns = (word for word in words if re.search(r"[*?[]", word) and re.search(r"[./]", word))
    return any(fnmatch.fnmatchcase(name, word) for word in patterns for name in (path, pure.name))
