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
    problem: str  # a sentence that says why it is not a valid path, or an empty text
    normal: str  # the normal form, which all ways to write the same path share

    @classmethod
    def of(cls, path: str, section: str, name: str, number: int = 0) -> _Declared:
        return cls(section, name, number, path, path_problem(path), posixpath.normpath(path))

    def place(self, spec: Spec) -> Place:
        return spec.document.place([self.section, self.name, self.number])


def declared_paths(document: Document, diagnostics: Diagnostics) -> Iterator[_Declared]:
    """Yield the declared paths. Record data references in lists that may have only paths."""
    for section, name in _SECTIONS:
        for index, text in entries(document.data, section, name):
            if not expressions.is_data_reference(text):
                yield _Declared.of(text, section, name, index)
            elif name != "files" or section == "tests":
                message = f"{section}.{name} has only paths. Data references belong to inputs.files or outputs.files."
                diagnostics.error("bad-data-reference", message, document.place([section, name, index]))


def check_paths(spec: Spec, declared: list[_Declared], diagnostics: Diagnostics) -> None:
    """Check the declared paths as texts: they are relative, not empty, without ``..``, and each occurs once."""
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
    """Check one path. ``seen`` has the earlier inputs under their normal forms."""
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
    """Record an output that is uploaded to the same place as another."""
    where = f"{file.rse} {file.address}"
    if where in targets:
        message = f'Another output is already uploaded to "{file.address}".'
        note = Note("The other output is declared here.", targets[where])
        diagnostics.error("input-duplicate", message, file.place, "keep one of the two.", (note,))
    targets.setdefault(where, file.place)


def check_nested(spec: Spec, declared: list[_Declared], diagnostics: Diagnostics) -> None:
    """Warn about inputs below a declared directory. They are copied anyway, and REANA's server refuses them."""
    folders = {posixpath.normpath(path): path for path in spec.input_directories}
    for each in declared if folders else ():
        is_input = each.section == "inputs" and not each.problem
        parent = next((p for p in _above(each.normal) if p in folders), "") if is_input else ""
        if parent:
            message = f'"{each.path}" is in "{folders[parent]}", which is declared too.'
            hint = "keep one of the two. REANA's server refuses both together."
            diagnostics.warning("input-duplicate", message, functools.partial(each.place, spec), hint)


def _above(normal: str) -> Iterator[str]:
    """Yield the folders that a relative path is in, the nearest first and ``.`` last."""
    while normal != ".":
        normal = normal.rpartition("/")[0] or "."
        yield normal


PATH_HINT = "paths are relative to the directory of the analysis."


# Beginnings of paths that other programs than REANA understand, and what to write.
_FOREIGN = {
    r"[A-Za-z0-9._+-]*://|file:": f"data references {expressions.REFERENCE_FORMS}.",
    r"~|\$": "write paths relative to the directory of the analysis. No shell expands them.",
    r"[A-Za-z]:\\|.*\\": "write / between folders, and no drive.",
    r"/cvmfs/": "name the repository under workflow.resources.cvmfs, so that jobs see it.",
    r".*[*?[]": "declare each file, or their directory. Inputs cannot be patterns.",
}


# Servers of CERN's EOS, by the first folder below /eos/.
_EOS = {
    **{name: f"eos{name}" for name in ("user", "project", "cms", "atlas", "lhcb", "alice")},
    **dict.fromkeys(("opendata", "experiment"), "eospublic"),
}


def _path_hint(path: str) -> str:
    """Return what to write instead of an invalid path."""
    if path.startswith("/eos/"):
        folder = path.split("/")[2]
        server = f"eos{folder}" if folder.startswith("home-") else _EOS.get(folder)
        host = f"{server}.cern.ch" if server else "SERVER"
        return f"to download a file from EOS, write root://{host}/{path}, with two slashes after the server."
    found = (hint for start, hint in _FOREIGN.items() if re.match(start, path))
    return next(found, PATH_HINT)


# Linux allows 4,096 bytes. The rest is for the run directory.
_LONGEST_PATH = 3000


def path_problem(path: str) -> str:
    """Return a sentence that says why a declared path is invalid, or an empty text."""
    if not path.strip():
        return "A path must not be empty."
    if path.startswith("/"):
        return f'A path must be relative, not "{path}".'
    parts = path.split("/")
    if ".." in parts:
        return f'A path must not contain "..", as "{path}" does.'
    if "\0" in path or "\n" in path:
        return "A path must be one line of text."
    # A character has at most four bytes.
    if len(path) > 255 // 4 and (
        len(os.fsencode(path)) > _LONGEST_PATH or len(max(map(os.fsencode, parts), key=len)) > 255
    ):
        return f"A path may have at most {_LONGEST_PATH:,} bytes, and at most 255 between two slashes."
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
    """Check the file that defines the workflow. It is an input, declared or not."""
    if spec.definition:
        return  # the front end knows whether it exists
    declared = spec.workflow_file.partition("#")[0]
    folder = spec.options.get(spec.front_end.folder_option, "")
    if folder and (path_problem(folder) or not (spec.directory / folder).is_dir()):
        return  # the front end knows why
    if declared and spec.front_end.needs_file:
        place = spec.document.place(["workflow", "file"])
        problem = path_problem(declared)
        if problem:
            diagnostics.error("input-path", f"workflow.file: {problem}", place, PATH_HINT)
        elif os.path.lexists(spec.directory / declared):
            _check_input(os.path.realpath(spec.directory), declared, place, True, diagnostics)
        else:
            hint = Later(declared, functools.partial(hint_of_missing, spec.directory, declared, True))
            diagnostics.error("missing-file", f'"{declared}" does not exist.', place, hint)


def _check_input(root: str, declared: str, where: Where, is_file: bool, diagnostics: Diagnostics) -> None:
    path = os.path.join(root, declared)
    if not os.path.lexists(path):
        _report_missing(root, declared, where, is_file, diagnostics)
        return
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root):
        message = f'"{declared}" leads out of the analysis, to {target}.'
        diagnostics.error("input-symlink", message, where, "copy the data, or download it in a step.")
    elif not os.path.exists(path):
        message = f'"{declared}" is a link to "{os.readlink(path)}", which does not exist.'
        diagnostics.error("input-missing", message, where, PATH_HINT)
    elif is_file and os.path.isdir(path):
        diagnostics.error("input-kind", f'"{declared}" is a directory.', where, "list it under directories.")
    elif is_file and not os.path.isfile(path):
        diagnostics.error("input-kind", f'"{declared}" is not a regular file.', where, "write its content to a file.")
    elif not is_file and not os.path.isdir(path):
        diagnostics.error("input-kind", f'"{declared}" is not a directory.', where, "list it under files.")


def _report_missing(root: str, declared: str, where: Where, is_file: bool, diagnostics: Diagnostics) -> None:
    """Record a missing input. A missing directory is only a warning, because git does not keep empty ones."""
    hint = Later((declared, is_file), functools.partial(hint_of_missing, Path(root), declared, is_file))
    if is_file:
        diagnostics.error("input-missing", f'"{declared}" does not exist.', where, hint)
    else:
        message = f'The directory "{declared}" does not exist, so it is not copied.'
        diagnostics.warning("input-missing", message, where, hint)


def hint_of_missing(directory: Path, declared: str, is_file: bool) -> str:
    """Return the advice for a path that does not exist in the directory."""
    near = _near_path(directory, declared.replace("\\", "/"))
    if near:
        return f"did you mean {near}?"
    hint = _path_hint(declared)
    if hint == PATH_HINT and not is_file:
        hint = "make it in a command with mkdir -p. git does not keep empty directories."
    if hint == PATH_HINT and os.path.exists(declared):
        return f"paths are relative to {directory}, but it is in the current directory: move reana.yaml there."
    return hint


def _near_path(directory: Path, declared: str) -> str | None:
    """Return an existing path whose parts all look like those of ``declared``, or None."""
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
