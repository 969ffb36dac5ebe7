"""Creation of a run directory, completely or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reana_batch import layout
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import Refused, refuse
from reana_batch.files import naming
from reana_batch.lifecycle import deletion, replacing
from reana_batch.run import inputs
from reana_batch.run.lock import locked
from reana_batch.run.run_json import note
from reana_batch.site import Site
from reana_batch.target import Target
from reana_batch.writing import jobs, staging
from reana_batch.writing.render import File


def write_run(
    compilation: Compilation,
    directory: Path,
    *,
    force: bool = False,
    take_over: Callable[[Path], None] | None = None,
) -> None:
    """Write the run directory: batch files, workspace with the inputs, folders for logs and records.

    ``force`` replaces an earlier run there, but keeps the other files of its workspace. The new run is made in a
    temporary folder, whose parts are renamed at the end. If that fails, the earlier run is unchanged. ``take_over``
    adds to the new run there. Raises Refused if the directory is in use or cannot be written.
    """
    _check_path(compilation.site, compilation.target, directory)
    _check_directory(directory, force)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(directory):
            _check_free(directory, force)
            # The next command removes what this one cannot remove.
            temporary = tempfile.TemporaryDirectory(prefix=replacing.PREFIX, dir=directory, ignore_cleanup_errors=True)
            with temporary as folder:
                new = Path(folder) / "new"
                (new / layout.WORKSPACE).mkdir(mode=0o700, parents=True)
                if compilation.spec is not None:
                    staging.copy_inputs(compilation.spec, compilation.inputs, new / layout.WORKSPACE)
                staging.write_made(compilation.workflow.made, new / layout.WORKSPACE)
                fill(compilation, new)
                if take_over is not None:
                    take_over(new)
                replacing.replace(directory, new, Path(folder) / "old")
    except OSError as error:
        raise cannot_write(error, directory) from error
    finally:
        if not (directory / layout.MANIFEST).exists():
            with contextlib.suppress(OSError):  # the folder of the lock, if nothing else was made
                (directory / layout.STATE).rmdir()


def _check_free(directory: Path, force: bool) -> None:
    """Raise Refused if the directory cannot be used.

    Another command may have made a run here meanwhile, or the run to replace may be active.
    """
    if (directory / layout.MANIFEST).exists():
        if not force:
            raise refuse("output-exists", f"Another command has just made a run in {directory}.")
        deletion.check_replaceable(directory)
    for left in directory.glob(f"{replacing.PREFIX}*"):  # left by a command that was killed
        shutil.rmtree(left)


def fill(compilation: Compilation, directory: Path) -> None:
    """Write the batch files, and make the folders for logs and records."""
    for name in (layout.BATCH, layout.STATE, layout.LOGS):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    for expansion in compilation.workflow.expansions:  # DAGMan needs the folders when it starts
        (directory / layout.expansion_folder(expansion.name)).mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in jobs.run_folders(compilation.workflow):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    _write_files(compilation.files(), directory)


def cannot_write(error: OSError, directory: Path) -> Refused:
    reason = f"{error.filename2 or error.filename or directory}: {error.strerror}"  # the second name is the target
    return refuse("cannot-write", f"The run cannot be written: {reason}.")


def _check_path(site: Site, target: Target, directory: Path) -> None:
    path = f"{os.path.realpath(directory)}/"
    for refused in site.refused_directories:
        if path.startswith(refused.prefix):
            message = f"A run cannot be in {directory}: {refused.reason}"
            raise refuse("over-limit", message, hint=refused.hint)
    misread = target.misread_paths and re.search(target.misread_paths, path)
    if misread:
        message = f'A run cannot be in {directory}: {target.title} does not read "{misread[0]}" in a path literally.'
        raise refuse("unsupported", message, hint="name another directory with --output or --runs.")


def _check_directory(directory: Path, force: bool) -> None:
    if directory.exists() and not directory.is_dir():
        raise refuse("output-exists", f"{directory} is not a directory.", hint="name another with --output.")
    if not force and directory.is_dir() and any(directory.iterdir()):
        hint = "name another with --output, or replace the run in it with --force."
        raise refuse("output-exists", f"{directory} is not empty.", hint=hint)
    if force and directory.is_dir() and any(directory.iterdir()) and not replacing.holds_run(directory):
        message = f"{directory} is not empty and does not contain a run of reana-batch."
        raise refuse("output-exists", message, hint="name another with --output.")


def _write_files(files: Iterator[File], directory: Path) -> None:
    """Write the files, readable by their owner only. Files that come in pieces are streamed."""
    made: set[str] = set()
    for file in files:
        path = f"{directory}/{file.path}"
        folder = path.rpartition("/")[0]
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        mode = 0o700 if file.executable else 0o600
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with naming(Path(path)), open(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.writelines((file.text,) if isinstance(file.text, str) else file.text)


def facts_now(compilation: Compilation) -> dict[str, inputs.Facts]:
    """Return the inputs as they are now. If one changes while it is copied, a later command sees that it has changed."""
    return inputs.facts_in(compilation.spec.directory, compilation.inputs) if compilation.spec else {}


def note_creation(directory: Path, compilation: Compilation, before: Mapping[str, inputs.Facts]) -> None:
    """Record when the run was made, from which analysis, and for which site.

    ``before`` has the inputs as they were before they were copied.
    """
    if compilation.spec is not None:
        inputs.write(directory, before)
    note(
        directory,
        created=time.time(),
        spec=str(compilation.spec.path) if compilation.spec else "",
        site=compilation.site.name,
        backend=compilation.options.backend or "",
        settings=[*compilation.options.settings],
    )
