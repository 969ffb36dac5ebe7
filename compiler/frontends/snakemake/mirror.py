"""The directory in which Snakemake reads a workflow when the user compiles.

It holds the files that the workspace will hold at the start. So an undeclared file is missing when compiling, and
not in the middle of the run. Snakemake leaves nothing behind in the analysis.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reana_batch.diagnostics import Diagnostics
from reana_batch.ir import MadeFile
from reana_batch.reading.spec import Spec
from reana_batch.writing import staging

# Files that Snakemake and Python write for their own use.
_OWN = (".snakemake", "__pycache__")

# Files made while reading are in memory until the run is written: at most this many bytes.
_MOST_MADE = 64 * 2**20
_KEPT_KINDS = (stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR)


@contextmanager
def mirror(spec: Spec, diagnostics: Diagnostics) -> Iterator[Path]:
    """Make the directory with links to the inputs, and remove it at the end. Links are as old as the inputs."""
    with tempfile.TemporaryDirectory(prefix="reana-batch-", ignore_cleanup_errors=True) as name:
        root = Path(os.path.realpath(name))
        for path in staging.input_paths(spec, diagnostics):
            link = root / path
            if (spec.directory / path).is_file() and not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(spec.directory / path)
                _make_as_old(link, spec.directory / path)
        for file in spec.data:
            if not file.is_output:  # a job downloads it
                (root / file.path).parent.mkdir(parents=True, exist_ok=True)
                (root / file.path).touch()
                os.utime(root / file.path, (1, 1))  # nothing is older than it
        for folder, _, _ in os.walk(root, topdown=False):
            _make_as_old(Path(folder), spec.directory / os.path.relpath(folder, root))
        yield root


def _make_as_old(path: Path, original: Path) -> None:
    if original.exists():
        times = original.stat()
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns), follow_symlinks=False)


def made(spec: Spec, root: Path, diagnostics: Diagnostics) -> Iterator[MadeFile]:
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
