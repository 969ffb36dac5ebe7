"""Writing of an RO-Crate: a directory, or a zip file. It is complete or not there, and no link is followed."""

from __future__ import annotations

import json
import secrets
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from reana_batch.diagnostics import refuse
from reana_batch.files import copy, naming, opened
from reana_batch.printable import file_name
from reana_batch.report.crate import Crate
from reana_batch.report.crate_terms import METADATA

_ZIP = ".zip"
_PIECE = 1 << 20  # bytes that are copied at a time
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip file can say


def write_crate(crate: Crate, target: Path, *, force: bool = False) -> None:
    """Write a crate to ``target``: a zip file if its name ends so, else a directory.

    ``force`` replaces a zip file, or a directory that is a crate. Raises Refused if ``target`` exists, or cannot be written.
    """
    _check(target, force=force)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    write: Callable[[Crate, Path], None] = _write_zip if target.suffix.lower() == _ZIP else _write_directory
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(crate, temporary)
            if target.is_dir():
                shutil.rmtree(target)
            temporary.replace(target)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary)
            else:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = f"{error.filename or target}: {error.strerror}"
        raise refuse("cannot-write", f"The crate cannot be written: {reason}.") from error


def _check(target: Path, *, force: bool) -> None:
    if not (target.exists() or target.is_symlink()):
        return
    is_ours = target.is_file() if target.suffix.lower() == _ZIP else (target / METADATA).is_file()
    if target.is_symlink() or (force and not is_ours):
        raise refuse("output-exists", f"{target} exists and is not a crate.", hint="name another.")
    if not force:
        raise refuse("output-exists", f"{target} exists.", hint="replace it with --force, or name another.")


def _metadata(crate: Crate) -> str:
    return json.dumps(crate.metadata, indent=1, ensure_ascii=False) + "\n"


def _write_directory(crate: Crate, target: Path) -> None:
    target.mkdir(mode=0o700)
    (target / METADATA).write_text(_metadata(crate), "utf-8")
    for each in crate.payload:
        with opened(each.root, each.path) as source:
            copy(source, each.root / each.path, target, each.place)


def _write_zip(crate: Crate, target: Path) -> None:
    with open(target, "xb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA, _metadata(crate))
        for folder in _folders(crate):
            archive.writestr(zipfile.ZipInfo(folder, _EARLIEST), b"")
        for each in crate.payload:
            entry = zipfile.ZipInfo(file_name(each.place), _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with (
                opened(each.root, each.path) as source,
                archive.open(entry, "w", force_zip64=True) as part,
                naming(each.root / each.path),
            ):
                shutil.copyfileobj(source, part, _PIECE)


def _folders(crate: Crate) -> list[str]:
    """Return the names of the folders of a crate, as a zip file has them."""
    return sorted(
        {f"{file_name(str(each))}/" for part in crate.payload for each in PurePosixPath(part.place).parents} - {"./"}
    )
