"""Files in folders where others may write: links are never followed, and a file is whole or not there.

As REANA opens files of a workspace (reana_commons/workspace.py): O_NOFOLLOW, and O_NONBLOCK, because opening a
FIFO would wait for its other end.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in an OSError that has no name, as one of reading from an open file."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file, also behind a link. OSError if it is anything else."""
    with naming(path), open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        kind = kind_of(os.fstat(stream.fileno()).st_mode)
        if kind:
            raise OSError(0, f"it is {kind}, not a file", str(path))
        return stream.read()


def kind_of(mode: int) -> str:
    """Return what it is that is no regular file, with its article; empty for a regular file."""
    kinds = {
        stat.S_IFLNK: "a link",
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return "" if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "a device")


def write_whole(path: Path, content: bytes, *, by: Path | None = None) -> None:
    """Write a file that its owner alone may read, complete or not at all; a link in its place is replaced.

    It is made in the folder ``by``, or next to its place.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=by or path.parent)
    try:
        with naming(path), open(descriptor, "wb") as stream:
            stream.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, so that nobody else can enter, whatever the umask."""
    if folder.is_dir():
        return
    make_private(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)
