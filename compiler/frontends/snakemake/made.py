"""The files that a Snakefile makes while it is read. A run has them in its workspace."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from reana_batch.diagnostics import Diagnostics
from reana_batch.ir import MadeFile
from reana_batch.reading.spec import Spec

# Files that Snakemake and Python write for their own use.
_OWN = (".snakemake", "__pycache__")

# Files made while reading are in memory until the run is written: at most this many bytes.
_MOST_MADE = 64 * 2**20
_KEPT_KINDS = (stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR)


def made_files(spec: Spec, root: Path, diagnostics: Diagnostics) -> Iterator[MadeFile]:
    """Yield the files that the Snakefile made in the directory while it was read. Record those that cannot be kept."""
    place = spec.document.place(["workflow", "file"])
    data = {file.path for file in spec.data}
    total = 0
    for path in _new_paths(spec, root):
        if path in data:
            continue
        facts = (root / path).lstat()
        kind = stat.S_IFMT(facts.st_mode)
        if kind not in _KEPT_KINDS:
            message = f"While it is read, the Snakefile makes {path}, which is neither a file nor a directory."
            diagnostics.error("snakefile", message, place, "make it in a rule.")
            continue
        total += facts.st_size if kind == stat.S_IFREG else 0
        if total > _MOST_MADE:
            most = f"{_MOST_MADE // 2**20} MiB"
            message = f"While it is read, the Snakefile writes more than {most}. The limit is reached at {path}."
            diagnostics.error("snakefile", message, place, "write it in a rule.")
            return
        file = _made_file(root, path)
        if os.fsencode(root) in (file.content or b""):
            message = (
                f"While it is read, the Snakefile writes its directory's path into {path}. A run has another path."
            )
            diagnostics.error(
                "snakefile", message, place, "write paths relative to the analysis, or write it in a rule."
            )
        yield file


def _new_paths(spec: Spec, root: Path) -> Iterator[str]:
    """Yield the files that are not links to inputs, and the empty folders."""
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in _OWN)
        links = [name for name in inner if os.path.islink(os.path.join(folder, name))]
        for name in sorted((*files, *links)):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            if not (os.path.islink(path) and os.readlink(path) == str(spec.directory / relative)):
                yield relative
        if not inner and not files and folder != str(root):
            yield os.path.relpath(folder, root)


def _made_file(root: Path, path: str) -> MadeFile:
    where = root / path
    mode = where.lstat().st_mode & 0o777
    if where.is_symlink():
        link = os.readlink(where)
        below = os.path.relpath(link, where.parent) if link.startswith(f"{root}/") else link
        return MadeFile(path, mode, link=below)
    return MadeFile(path, mode, None if where.is_dir() else where.read_bytes())
