"""Files in folders where others may write. Links are never followed, and a file is complete or missing.

Files are opened as in REANA (reana_commons/workspace.py): with O_NOFOLLOW, and with O_NONBLOCK, because opening a
FIFO would wait for its other end.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

# The bytes that are copied at a time.
_PIECE = 1 << 20


@contextlib.contextmanager
def naming(path: Path, *, named: bool = False) -> Iterator[None]:
    """Name the file in an OSError.

    Errors of reading have no name, and errors of directory entries have only the last part of it.
    With ``named``, an error that has a name keeps it.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or not named:
            error.filename = str(path)
        raise


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file, also through a link. Anything else raises OSError."""
    with naming(path), open(path, "rb", opener=regular) as stream:
        return stream.read()


def regular(path: str, flags: int) -> int:
    """Open a regular file: an opener for ``open``. Anything else, such as a FIFO, raises OSError."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    try:
        _demand_file(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _demand_file(mode: int) -> None:
    if kind_of(mode):
        raise OSError(errno.EINVAL, f"It is {kind_of(mode)}, not a file")


def read_text(path: Path) -> str:
    """Return the text of a regular file. Bytes that are not UTF-8 are replaced. Anything else raises OSError."""
    with naming(path), open(path, encoding="utf-8", errors="replace", opener=regular) as stream:
        return stream.read()


def kind_of(mode: int) -> str:
    """Return the kind of a file with this mode, such as "a FIFO". It is empty for a regular file."""
    kinds = {
        stat.S_IFLNK: "a link",
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return "" if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "a device")


def write_whole(path: Path, content: bytes, *, by: Path | None = None) -> None:
    """Write a file that only its owner may read, completely or not at all. A link in its place is replaced.

    The file is made in the folder ``by``, or next to its place, and then moved.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=by or path.parent)
    try:
        with naming(path), open(descriptor, "wb") as stream:
            stream.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def is_replaceable(path: Path) -> bool:
    """Return whether a path is free, or that of a regular file. Devices, FIFOs and links stay what they are."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return stat.S_ISREG(path.lstat().st_mode)
    return True


def make_private(folder: Path) -> None:
    """Make a folder and its missing parents, private to the user, whatever the umask is."""
    if folder.is_dir():
        return
    make_private(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)


def is_there(path: Path) -> bool:
    """Return whether a path leads to something. It raises OSError if that is unknown."""
    try:
        path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
            return False
        raise
    return True


# --- below a directory ----------------------------------------------------------------------------


def walk(root: Path, folder: str = "", depth: int | None = None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything except directories below ``folder`` of ``root``: its path from ``root`` and its facts.

    No link is followed. ``depth`` is the number of levels to enter, or None for all.
    An unreadable directory raises OSError. Entries that are removed meanwhile are left out.
    """
    pending = [folder]
    while pending:
        here = pending.pop()
        inner = []
        for entry in _entries(root / here, vanishes=here != folder):
            path = os.path.join(here, entry.name)
            if entry.is_dir(follow_symlinks=False):
                inner.append(path)
            else:
                with contextlib.suppress(FileNotFoundError):
                    yield path, entry.stat(follow_symlinks=False)
        if depth is None or here[len(folder) :].count("/") < depth:
            pending += reversed(inner)


def _entries(folder: Path, *, vanishes: bool) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        if vanishes:
            return []
        raise


def remove_links(root: Path) -> None:
    """Remove all links below a directory that must not have any, so that no program writes through one."""
    pending = [root]
    while pending:
        for entry in _entries(pending.pop(), vanishes=True):
            if entry.is_symlink():
                os.unlink(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))


def demand_removable(root: Path) -> None:
    """Raise OSError if the mode of a folder below a directory prevents its removal."""
    pending = [root]
    while pending:
        folder = pending.pop()
        entries = _entries(folder, vanishes=True)
        if entries and not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        pending += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def no_follow(path: str, flags: int) -> int:
    """Open a file: an opener for ``open``. A link, or a FIFO without a reader, raises OSError."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


@contextlib.contextmanager
def entered(root: Path, folder: Path, *, make: bool = False) -> Iterator[int]:
    """Give the descriptor of a folder below ``root`` without following links. ``make`` makes missing folders.

    Anything else on the way raises OSError.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    path = root
    try:
        for part in folder.parts:
            path = path / part
            with naming(path):
                inner = _enter(part, descriptor, make=make)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(name: str, parent: int, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
    mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    if not stat.S_ISDIR(mode):
        raise OSError(errno.ENOTDIR, f"It is {kind_of(mode) or 'a file'}, not a directory")
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)


@contextlib.contextmanager
def opened(root: Path, path: str) -> Iterator[BufferedReader]:
    """Open a regular file below ``root`` for reading, without following links. Anything else raises OSError."""
    folder, name = os.path.split(path)
    with entered(root, Path(folder)) as parent:
        with naming(root / path):
            # Opening a device can have an effect.
            _demand_file(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
        with open(descriptor, "rb") as stream:
            with naming(root / path):
                _demand_file(os.fstat(descriptor).st_mode)
            yield stream


def copy(source: BinaryIO, origin: Path, root: Path, path: str) -> None:
    """Copy an open file with its mode and time to a path below ``root``. Missing folders are made.

    Links are not followed. The copy is complete or missing. An OSError names ``origin`` if that cannot be read,
    else the file that cannot be written.
    """
    folder, name = os.path.split(path)
    facts = os.fstat(source.fileno())
    temporary = f".{name[:100]}.{secrets.token_hex(4)}"
    with entered(root, Path(folder), make=True) as parent:
        with naming(root / path):
            _demand_other(name, parent, facts)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=parent)
        try:
            with naming(root / path, named=True), open(descriptor, "wb") as target:
                while piece := _read(source, origin):
                    target.write(piece)
                target.flush()
                os.fchmod(descriptor, facts.st_mode & 0o777)
                os.utime(descriptor, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            with naming(root / path):
                os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            os.unlink(temporary, dir_fd=parent)
            raise


def copy_tree(source: Path, target: Path, paths: Iterable[str]) -> None:
    """Copy regular files below ``source`` to the same paths below ``target``. An OSError is as in ``copy``."""
    target.mkdir(parents=True, exist_ok=True)
    for path in paths:
        with opened(source, path) as stream:
            copy(stream, source / path, target, path)


def _read(source: BinaryIO, origin: Path) -> bytes:
    with naming(origin):
        return source.read(_PIECE)


def _demand_other(name: str, parent: int, facts: os.stat_result) -> None:
    """Raise OSError if a file would be copied over itself."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(facts, os.stat(name, dir_fd=parent, follow_symlinks=False)):
            raise OSError(errno.EINVAL, "It is the same file")
