"""The files and bytes that a run makes, counted from its compilation. Nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from reana_batch import layout
from reana_batch.compilation import Compilation
from reana_batch.footprint import Footprint, stamps
from reana_batch.ir import Step
from reana_batch.writing import jobs

# The records of a run besides those of its rows: state/run.json, and with an analysis state/inputs.json.
_RUN_RECORDS = 1
_FOLDERS = (layout.BATCH, layout.STATE, layout.LOGS, layout.WORKSPACE)


class Files(NamedTuple):
    """The files and folders of a complete run. Those that its jobs make in the workspace are not known."""

    batch: int  # that compiling writes
    batch_bytes: int
    inputs: int  # copied to the workspace
    records: int  # logs, records and the batch system's own files
    folders: int

    @property
    def inodes(self) -> int:
        return self.batch + self.inputs + self.records + self.folders


class Bytes(NamedTuple):
    """Bytes that enter or leave a run. The size of each of ``unknown`` is not known."""

    known: int
    unknown: tuple[str, ...]


def files(compilation: Compilation, footprint: Footprint) -> Files:
    """Return the files and folders that a run has when it is complete."""
    workflow = compilation.workflow
    paths: list[str] = []
    size = 0
    for file in compilation.files():
        paths.append(file.path)
        size += sum(len(piece.encode()) for piece in ((file.text,) if isinstance(file.text, str) else file.text))
    made = {file.path for file in workflow.made if file.content is not None or file.link}
    inputs = made.union(compilation.inputs)
    folders = _folders(
        paths,
        (f"{layout.WORKSPACE}/{path}" for path in inputs),
        (f"{layout.WORKSPACE}/{file.path}/" for file in workflow.made if file.path not in made),
        (f"{folder}/" for folder in (*_FOLDERS, *jobs.run_folders(workflow))),
        (f"{layout.expansion_folder(each.name)}/" for each in workflow.expansions),
    )
    records = sum(map(_records, workflow.steps)) + stamps(workflow) + footprint.files
    records += _RUN_RECORDS + (compilation.spec is not None)
    return Files(len(paths), size, len(inputs), records, len(folders) + 1)


def _records(step: Step) -> int:
    """Return how many files the jobs of a step leave: two logs and the record of each row, and the start of each chunk."""
    return 3 * step.table.count + step.chunks


def _folders(*paths: Iterable[str]) -> set[PurePosixPath]:
    """Return all folders above these paths. A path that ends with a slash is a folder itself."""
    inner = {path.rpartition("/")[0] for each in paths for path in each}
    found = set(map(PurePosixPath, inner))
    for folder in list(found):
        found.update(folder.parents)
    return found - {PurePosixPath()}


# --- bytes -----------------------------------------------------------------------------------------

Size = Callable[[str], "int | None"]  # the bytes of a path in the workspace, if they are known


def bytes_in(compilation: Compilation, size: Size) -> Bytes:
    """Return the bytes of the inputs: those of files, and those of declared data if ``size`` knows them."""
    spec, data = compilation.spec, compilation.workflow.data
    copied = sum(os.stat(spec.directory / path).st_size for path in compilation.inputs) if spec else 0
    declared = _sum({file.text: file.path for file in data if not file.is_output}, size)
    return declared._replace(known=copied + declared.known)


def bytes_out(compilation: Compilation, size: Size) -> Bytes:
    """Return the bytes of the declared outputs, if ``size`` knows them."""
    workflow = compilation.workflow
    return _sum({path: path for path in (*workflow.output_files, *workflow.output_directories)}, size)


def _sum(paths: Mapping[str, str], size: Size) -> Bytes:
    """Return the sum for paths under their names."""
    sizes = {name: size(path) for name, path in paths.items()}
    known = (each for each in sizes.values() if each is not None)
    return Bytes(sum(known), tuple(name for name, each in sizes.items() if each is None))
