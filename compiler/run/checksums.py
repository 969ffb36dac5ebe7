"""The files of a workspace with their sizes and checksums. No link is followed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reana_batch import patterns
from reana_batch.files import kind_of, opened
from reana_batch.printable import file_name


@dataclass(frozen=True, slots=True)
class FileSum:
    """A file below a root. Anything except a regular file has no checksum, and a link has its target."""

    path: str
    size: int  # bytes
    modified: float  # seconds since 1970
    sha256: str = ""  # empty if it was not read
    kind: str = ""  # such as "a link"; empty for a regular file
    target: str = ""

    @property
    def name(self) -> str:
        """The path, in UTF-8."""
        return file_name(self.path)

    @property
    def content(self) -> tuple[str, str]:
        """What two equal files have in common."""
        return self.kind, self.target or self.sha256


def sums(root: Path, names: Iterable[str], *, hashed: bool = True) -> dict[str, FileSum]:
    """Return the files below ``root`` that these paths, folders and patterns name, by their paths.

    Without ``hashed``, no file is read. An unreadable file raises OSError.
    """
    found = (each for name in names for each in patterns.find(root, name))
    return {path: _sum(root, path, facts, hashed=hashed) for path, facts in dict(found).items()}


def _sum(root: Path, path: str, facts: os.stat_result, *, hashed: bool) -> FileSum:
    head = (path, facts.st_size, facts.st_mtime)
    kind = kind_of(facts.st_mode)
    if kind:
        target = os.readlink(root / path) if stat.S_ISLNK(facts.st_mode) else ""
        return FileSum(*head, kind=kind, target=target)
    if not hashed:
        return FileSum(*head)
    return FileSum(*head, sha256(root, path))


def sha256(root: Path, path: str) -> str:
    """Return the checksum of a file below ``root``. Raises OSError if it cannot be read, or is reached by a link."""
    with opened(root, path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
