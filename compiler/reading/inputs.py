"""The paths that an analysis declares, and the inputs on disk."""

from __future__ import annotations

import functools
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from reana_batch.diagnostics import Diagnostics, Later, Note, Place, Where, closest, look_up
from reana_batch.ir import DataFile
from reana_batch.reading import expressions
from reana_batch.reading.document import Document, entries
from reana_batch.reading.spec import Spec

_SECTIONS = (
    ("inputs", "files"),
    ("inputs", "directories"),
    ("outputs", "files"),
    ("outputs", "directories"),
    ("tests", "files"),
)


class _Declared(NamedTuple):
    """An entry of a list of paths."""

    section: str
    name: str
    number: int  # its index
    path: str
    problem: str  # the sentence that says why it can be none, or nothing
    normal: str  # as other ways to write the same are written, too

    @classmethod
    def of(cls, path: str, section: str, name: str, number: int = 0) -> _Declared:
        return cls(section, name, number, path, path_problem(path), posixpath.normpath(path))

    def place(self, spec: Spec) -> Place:
        return spec.document.place([self.section, self.name, self.number])


def declared_paths(document: Document, diagnostics: Diagnostics) -> Iterator[_Declared]:
    """Yield the declared paths; record data references where only paths can be."""
    for section, name in _SECTIONS:
        for index, text in entries(document.data, section, name):
            if not expressions.is_data_reference(text):
                yield _Declared.of(text, section, name, index)
            elif name != "files" or section == "tests":
                message = f"{section}.{name} holds paths; a data reference stands under inputs.files or outputs.files."
                diagnostics.error("bad-data-reference", message, document.place([section, name, index]))


def check_paths(spec: Spec, declared: list[_Declared], diagnostics: Diagnostics) -> None:
    """Check the declared paths as texts: relative, not empty, without ``..``, nothing twice."""
    seen: dict[str, Where] = {}
    for each in declared:
        _check_path(each, functools.partial(each.place, spec), seen, diagnostics)
    targets: dict[str, Place] = {}
    for file in spec.data:
        if file.is_output:
            _check_target(file, targets, diagnostics)
        section = "outputs" if file.is_output else "inputs"
        _check_path(_Declared.of(file.path, section, "files"), file.place, seen, diagnostics)


def _check_path(each: _Declared, where: Where, seen: dict[str, Where], diagnostics: Diagnostics) -> None:
    """Check one path; ``seen`` are the inputs so far, each by its normal form."""
    if each.problem:
        message = f"{each.section}.{each.name}: {each.problem}"
        diagnostics.error("input-path", message, where, _path_hint(each.path))
    elif each.section == "inputs":
        first = look_up(seen.get(each.normal))
        if first:
            message, note = f'"{each.path}" is already declared.', Note("It is first declared here.", first)
            diagnostics.error("input-duplicate", message, where, "keep one of the two.", (note,))
        seen.setdefault(each.normal, where)


def _check_target(file: DataFile, targets: dict[str, Place], diagnostics: Diagnostics) -> None:
    """Record an output that goes where another goes."""
    where = f"{file.rse} {file.address}"
    if where in targets:
        message = f'"{file.address}" is already written to.'
        note = Note("The other output is declared here.", targets[where])
        diagnostics.error("input-duplicate", message, file.place, "keep one of the two.", (note,))
    targets.setdefault(where, file.place)


def check_nested(spec: Spec, declared: list[_Declared], diagnostics: Diagnostics) -> None:
    """Warn of inputs below a declared directory: REANA's server refuses them, and they are copied anyway."""
    folders = {posixpath.normpath(path): path for path in spec.input_directories}
    for each in declared if folders else ():
        is_input = each.section == "inputs" and not each.problem
        parent = next((p for p in _above(each.normal) if p in folders), "") if is_input else ""
        if parent:
            message = f'"{each.path}" lies in "{folders[parent]}", which is declared as well.'
            hint = "REANA's server refuses this; keep one of the two."
            diagnostics.warning("input-duplicate", message, functools.partial(each.place, spec), hint)


def _above(normal: str) -> Iterator[str]:
    """Yield the folders that a relative path lies in, the nearest first and ``.`` last."""
    while normal != ".":
        normal = normal.rpartition("/")[0] or "."
        yield normal


PATH_HINT = "paths are relative to the directory of the analysis."


# How paths begin that something else than REANA understands, and what to write.
_FOREIGN = {
    r"[A-Za-z0-9._+-]*://|file:": "data references begin with root://, https:// or davs://, or are rucio(...).",
    r"~|\$": "no shell reads paths; write them relative to the directory of the analysis.",
    r"[A-Za-z]:\\|.*\\": "write / between folders, and no drive.",
    r"/cvmfs/": "name the repository under workflow.resources.cvmfs; jobs then see it.",
    r".*[*?[]": "inputs are no patterns; declare the files, or their directory.",
}


# Servers of CERN's EOS, by the first folder below /eos/.
_EOS = {
    **{name: f"eos{name}" for name in ("user", "project", "cms", "atlas", "lhcb", "alice")},
    **dict.fromkeys(("opendata", "experiment"), "eospublic"),
}


def _path_hint(path: str) -> str:
    """Return what to write instead of a declared path that is none."""
    if path.startswith("/eos/"):
        folder = path.split("/")[2]
        server = f"eos{folder}" if folder.startswith("home-") else _EOS.get(folder)
        host = f"{server}.cern.ch" if server else "SERVER"
        return f"to have a file brought from EOS, write root://{host}/{path}, with two slashes after the server."
    found = (hint for start, hint in _FOREIGN.items() if re.match(start, path))
    return next(found, PATH_HINT)


# What leaves room for the directory of the run in the 4,096 bytes of Linux.
_LONGEST_PATH = 3000


def path_problem(path: str) -> str:
    """Return the sentence that says why a declared path cannot be, or nothing."""
    if not path.strip():
        return "A path must not be empty."
    if path.startswith("/"):
        return f'A path must be relative, not "{path}".'
    parts = path.split("/")
    if ".." in parts:
        return f'A path must not hold "..", as "{path}" does.'
    if "\0" in path or "\n" in path:
        return "A path must be one line of text."
    # A character has four bytes at most.
    if len(path) > 255 // 4 and (
        len(os.fsencode(path)) > _LONGEST_PATH or len(max(map(os.fsencode, parts), key=len)) > 255
    ):
        return f"A path has at most {_LONGEST_PATH:,} bytes, and 255 between slashes."
    return ""


# What must be there before the run starts.
_UPLOADED = ("inputs", "tests")


def check_inputs(spec: Spec, declared: list[_Declared], diagnostics: Diagnostics) -> None:
    """Check that the declared inputs exist, are of the declared kind and stay in the analysis."""
    root = os.path.realpath(spec.directory)  # a restart's is a link
    for each in declared:
        if each.section in _UPLOADED and not each.problem:
            _check_input(root, each.path, functools.partial(each.place, spec), each.name == "files", diagnostics)


def check_definition(spec: Spec, diagnostics: Diagnostics) -> None:
    """Check the file that defines the workflow, as an input that need not be declared."""
    declared = spec.workflow_file.partition("#")[0]
    if declared and spec.front_end.needs_file:
        place = spec.document.place(["workflow", "file"])
        problem = path_problem(declared)
        if problem:
            diagnostics.error("input-path", f"workflow.file: {problem}", place, PATH_HINT)
        elif os.path.lexists(spec.directory / declared):
            _check_input(os.path.realpath(spec.directory), declared, place, True, diagnostics)
        else:
            hint = Later(declared, functools.partial(_hint_of_missing, spec.directory, declared, True))
            diagnostics.error("missing-file", f'"{declared}" does not exist.', place, hint)


def _check_input(root: str, declared: str, where: Where, is_file: bool, diagnostics: Diagnostics) -> None:
    path = os.path.join(root, declared)
    if not os.path.lexists(path):
        _report_missing(root, declared, where, is_file, diagnostics)
        return
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root):
        message = f'"{declared}" leads out of the analysis, to {target}.'
        diagnostics.error("input-symlink", message, where, "copy the data, or fetch it in a step.")
    elif not os.path.exists(path):
        message = f'"{declared}" is a link to "{os.readlink(path)}", which does not exist.'
        diagnostics.error("input-missing", message, where, PATH_HINT)
    elif is_file and os.path.isdir(path):
        diagnostics.error("input-kind", f'"{declared}" is a directory.', where, "list it under directories.")
    elif is_file and not os.path.isfile(path):
        diagnostics.error("input-kind", f'"{declared}" is no ordinary file.', where, "write its content to a file.")
    elif not is_file and not os.path.isdir(path):
        diagnostics.error("input-kind", f'"{declared}" is not a directory.', where, "list it under files.")


def _report_missing(root: str, declared: str, where: Where, is_file: bool, diagnostics: Diagnostics) -> None:
    """Record an input that is not there; of a directory that is a warning, because git keeps no empty ones."""
    hint = Later((declared, is_file), functools.partial(_hint_of_missing, Path(root), declared, is_file))
    if is_file:
        diagnostics.error("input-missing", f'"{declared}" does not exist.', where, hint)
    else:
        message = f'The directory "{declared}" does not exist, and nothing of it is copied.'
        diagnostics.warning("input-missing", message, where, hint)


def _hint_of_missing(directory: Path, declared: str, is_file: bool) -> str:
    near = _near_path(directory, declared.replace("\\", "/"))
    if near:
        return f"did you mean {near}?"
    hint = _path_hint(declared)
    if hint == PATH_HINT and not is_file:
        hint = "git keeps no empty directories; a command can make it with mkdir -p."
    if hint == PATH_HINT and os.path.exists(declared):
        return f"paths are relative to {directory}, and it lies in the current directory: move reana.yaml there."
    return hint


def _near_path(directory: Path, declared: str) -> str | None:
    """Return the path of a file or directory that is there and looks like ``declared``, part by part."""
    found = PurePosixPath()
    for part in PurePosixPath(declared).parts:
        if os.path.lexists(directory / found / part):
            found /= part
            continue
        try:
            meant = closest(part, sorted(os.listdir(directory / found)))
        except OSError:
            return None
        if meant is None:
            return None
        found /= meant
    return str(found)
