"""The directory in which a workflow is read when the user compiles.

It holds the files that the workspace will hold at the start. So an undeclared file is missing when compiling, and
not in the middle of the run. Reading leaves nothing behind in the analysis.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reana_batch.diagnostics import Diagnostics
from reana_batch.reading.spec import Spec
from reana_batch.writing import staging


@contextmanager
def mirror(spec: Spec, diagnostics: Diagnostics) -> Iterator[Path]:
    """Make the directory with links to the inputs, and remove it at the end. Links are as old as the inputs.

    If the workflow is defined outside of the analysis, the analysis is that directory already.
    """
    if spec.definition:
        yield spec.directory
        return
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


def undeclared(spec: Spec, root: Path, path: str) -> str:
    """Return the advice for a file of the analysis that ``root`` lacks, as it is not declared, or an empty text."""
    here = spec.directory / path
    if not here.exists() or (root / path).exists():
        return ""
    kind = "directories" if here.is_dir() else "files"
    return f"{path} exists in the analysis, but is not declared: add it to inputs.{kind}."
