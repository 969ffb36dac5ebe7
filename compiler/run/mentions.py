"""Which input files a script may read, by the names in its text. An analysis need not declare what a step reads."""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

_WORD = re.compile(r"""[^\s'"`;|&()<>=,:{}$]+""")
# What is not the name of a folder: the dot that reads a script into the shell, and a key in JSON.
_NO_FOLDER = re.compile(r"""(?:^|[;&|(])[ \t]*\.[ \t]|"[^"\s]*":""", re.MULTILINE)
# A name in a text is not part of a longer run of these characters.
_RUN = re.compile(r"[\w-]+")
_IMPORTED = re.compile(r"\b(?:import|from)\b([^\n]*)")
_MAGIC = re.compile(r"[*?[]")
# How many sets of names are remembered. Rows of a step often have the same.
_REMEMBERED = 1000


class _Named(NamedTuple):
    """What a text names: files, and words that are folders or patterns."""

    files: frozenset[str]
    words: frozenset[str]


class Mentions:
    """The files to which texts lead: those that they name, and those that the texts of these name."""

    def __init__(self, paths: Iterable[str], texts: Mapping[str, str]) -> None:
        """``paths`` are the files that are sought. ``texts`` has the input files that are text, by path."""
        self._texts = texts
        self._index = _Index({*paths, *texts})
        self._named_by = cache(self._of_text)
        self._reached = lru_cache(_REMEMBERED)(self._followed)

    def of_script(self, text: str) -> frozenset[str]:
        """Return the files to which a script leads: by a name, a folder that has one, or a pattern that it matches."""
        words = {word.strip("/").removeprefix("./") or "." for word in _WORD.findall(_NO_FOLDER.sub(" ", text))}
        return self._reached(_Named(frozenset(self._index.named(text)), self._index.known(words)))

    def of_input(self, path: str) -> frozenset[str]:
        """Return the files to which an input leads. There are none if it is not a text."""
        return self._reached(self._named_by(path)) if path in self._texts else frozenset()

    def _of_text(self, path: str) -> _Named:
        """Return what the text of a file names itself. A single word without a dot or slash is not a pattern there."""
        text = self._texts[path]
        words = {word.strip("/").removeprefix("./") for word in _WORD.findall(text)}
        kept = {word for word in words if not _MAGIC.search(word) or "." in word or "/" in word}
        files = {*self._index.named(text), *self._index.imported(text)}
        return _Named(frozenset(files), self._index.known(kept - {"."}))

    def _followed(self, named: _Named) -> frozenset[str]:
        found: set[str] = set()
        seen: set[str] = set()
        pending = [named]
        while pending:
            files, words = pending.pop()
            new = {*files, *(path for word in words - seen for path in self._index.files(word))} - found
            seen |= words
            found |= new
            pending += [self._named_by(path) for path in new if path in self._texts]
        return frozenset(found)


class _Index:
    """Files by what can name them."""

    def __init__(self, paths: set[str]) -> None:
        self._by_name = _grouped((PurePosixPath(path).name, path) for path in paths)
        self._by_folder = _grouped((str(folder), path) for path in paths for folder in PurePosixPath(path).parents)
        self._by_stem = _grouped((PurePosixPath(path).stem, path) for path in paths if path.endswith(".py"))
        self._forms = sorted({(form, path) for path in paths for form in (path, PurePosixPath(path).name)})
        runs = {name: _RUN.findall(name) or [""] for name in self._by_name}
        often = Counter(run for found in runs.values() for run in set(found))
        # A text that has a name has all its runs. The one that the fewest names have leads to few names.
        self._by_run = _grouped((min(found, key=often.__getitem__), name) for name, found in runs.items())
        self.files = cache(self._files)

    def named(self, text: str) -> Iterator[str]:
        """Yield the files whose names are in a text."""
        for run in {"", *_RUN.findall(text)} & self._by_run.keys():
            for name in self._by_run[run]:
                if name == run or _has_name(text, name):
                    yield from self._by_name[name]

    def imported(self, text: str) -> Iterator[str]:
        """Yield the modules of Python that a text imports."""
        words = {word for line in _IMPORTED.findall(text) for word in re.findall(r"\w+", line)}
        for stem in words & self._by_stem.keys():
            yield from self._by_stem[stem]

    def known(self, words: set[str]) -> frozenset[str]:
        """Return those of the words that are folders or patterns."""
        return frozenset(word for word in words if word in self._by_folder or _MAGIC.search(word))

    def _files(self, word: str) -> list[str]:
        """Return the files in a folder, or those that a pattern matches."""
        return [*self._by_folder.get(word, ()), *self._matching(word)]

    def _matching(self, pattern: str) -> Iterator[str]:
        magic = _MAGIC.search(pattern)
        if not magic:
            return
        start = pattern[: magic.start()]
        matches = re.compile(fnmatch.translate(pattern)).match
        for number in range(bisect_left(self._forms, (start, "")), len(self._forms)):
            form, path = self._forms[number]
            if not form.startswith(start):
                return
            if matches(form):
                yield path


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)


def _has_name(text: str, name: str) -> bool:
    """Return whether a text has a name that is not part of a longer one."""
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        if not (_RUN.match(text[start - 1 : start] if start else "") or _RUN.match(text[end : end + 1])):
            return True
        start = text.find(name, start + 1)
    return False
