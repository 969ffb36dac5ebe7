"""Read the files of a Yadage workflow, and put them together by their references.

The rules are those of yadageschemas and jsonref. ``$ref`` is a path relative to the file that it is in, with the place
in that file after ``#``. In the workflow's own file it is relative to the folder of the option ``toplevel``. Other keys
next to ``$ref`` have no effect.
"""

from __future__ import annotations

import functools
import itertools
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from reana_batch.diagnostics import Diagnostics, Hint, Later, Place, closest, suggestion
from reana_batch.frontends.mirror import undeclared
from reana_batch.reading.document import Document, DocumentPath, mapping_at, read_document
from reana_batch.reading.inputs import PATH_HINT, hint_of_missing, path_problem
from reana_batch.reading.spec import Spec

# The most values of a workflow with its references, and how deep they may be nested.
_MOST_VALUES = 1_000_000
_DEEPEST = 200

# The most files that are compared with a missing one.
_MOST_FILES = 1000

_REMOTE = re.compile(r"(github|gitlab-cern|https?):|from-(github|cap)(/|$)")
_COPY_HINT = "copy the workflow's files into the analysis, and add them to inputs.files."


_CIRCLE_HINT = "write the value itself at one of these places."

_SPECIFICATION = ("workflow", "specification")


class _File(NamedTuple):
    """A file in which references are read."""

    document: Document
    folder: str  # relative to the workspace: its references are relative to it
    value: Any
    root: tuple[str | int, ...] = ()  # where its value is in the document


class _Position(NamedTuple):
    """A value in a file."""

    file: _File
    path: tuple[str | int, ...]  # in the document
    value: Any

    @property
    def reference(self) -> str | None:
        """The path and the fragment of the file that the value stands for, or None."""
        found = self.value.get("$ref") if isinstance(self.value, dict) else None
        return found if isinstance(found, str) else None

    def place(self) -> Place:
        """Return the place of the reference."""
        return self.file.document.place((*self.path, "$ref"))

    def inner(self, part: str | int) -> _Position | None:
        """Return the value under a key or index, or None."""
        if isinstance(self.value, list) and (index := _index(part, len(self.value))) is not None:
            return _Position(self.file, (*self.path, index), self.value[index])
        if isinstance(self.value, dict) and part in self.value:
            return _Position(self.file, (*self.path, part), self.value[str(part)])
        return None


def _index(part: str | int, length: int) -> int | None:
    """Return the index that a part of a path names in a list. As in Python, -1 is the last."""
    if isinstance(part, str) and not re.fullmatch(r"-?\d{1,9}", part):
        return None
    return int(part) % length if -length <= int(part) < length else None


@dataclass(frozen=True)
class Definition:
    """The workflow in plain JSON. No reference is left in it, and each value has its place in the user's files."""

    data: Any
    files: tuple[str, ...]  # that were read, relative to the workspace
    _root: _Position
    _targets: Mapping[int, _Position | None]  # of each reference, under the id of its mapping

    def place(self, path: DocumentPath) -> Place:
        """Return the place of the value at ``path``, or of its nearest parent that exists."""
        at = self._position(path)
        return at.file.document.place(at.path)

    def key_place(self, path: DocumentPath) -> Place:
        """Return the place of the key that ends ``path``."""
        at = self._position(path[:-1])
        return at.file.document.key_place((*at.path, path[-1]))

    def place_in(self, path: DocumentPath, offset: int, width: int) -> Place:
        """Return the place of the ``$`` or brace at ``offset`` of a text, as :meth:`Document.place_in` does."""
        at = self._position(path)
        return at.file.document.place_in(at.path, offset, width)

    def source_of(self, path: DocumentPath) -> str:
        """Return the characters of the value at ``path`` as they are in the file."""
        at = self._position(path)
        return at.file.document.source_of(at.path)

    def _position(self, path: DocumentPath) -> _Position:
        at = self._root
        for part in path:
            found = at.inner(part)
            if found is None:
                break
            at = self._end(found)
        return at

    def _end(self, at: _Position) -> _Position:
        return self._targets.get(id(at.value)) or at


def read(spec: Spec, root: Path, diagnostics: Diagnostics) -> Definition | None:
    """Return the workflow that ``spec`` names, read in the directory ``root``, or None after recording why not."""
    folder = _folder(spec, root, diagnostics)
    if folder is None:
        return None
    assembler = _Assembler(spec, root, diagnostics)
    start = assembler.start(folder)
    return start and assembler.assembled(start)


def _folder(spec: Spec, root: Path, diagnostics: Diagnostics) -> str | None:
    """Return the folder of the option toplevel. If there is none, record why and return None."""
    folder = spec.options.get("toplevel", "")
    if not folder or (not path_problem(folder) and (root / folder).is_dir()):
        return posixpath.normpath(folder)
    written = "toplevel" in mapping_at(spec.document.data, "inputs", "options")
    place = spec.document.place(["inputs", "options", "toplevel"]) if written else None
    if _REMOTE.match(folder):
        message = f'toplevel must be a folder of the analysis, not "{folder}". No files are downloaded.'
        diagnostics.error("bad-workflow", message, place, f"remove toplevel, and {_COPY_HINT}")
    elif problem := path_problem(folder):
        diagnostics.error("input-path", f"toplevel: {problem}", place, PATH_HINT)
    else:
        hint = undeclared(spec, root, folder) or hint_of_missing(root, folder, True)
        diagnostics.error("missing-file", f'The folder "{folder}" of toplevel does not exist.', place, hint)
    return None


def _near(name: str, folder: str, known: list[str]) -> str:
    """Return the advice for a missing file that a reference in a folder names."""
    same = [path for path in known if posixpath.basename(path) == posixpath.basename(name)]
    meant = closest(name, same) or closest(name, known) or next(iter(same), None)
    if meant:
        return f"did you mean {posixpath.relpath(meant, folder or '.')}?"
    return f"references in this file are relative to {'the workspace' if folder in ('', '.') else folder}."


class _LostError(Exception):
    """A reference leads nowhere. The exception has what to record: code, sentence and advice, if it is not yet."""

    def __init__(self, code: str = "", message: str = "", hint: Hint = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class _LimitError(Exception):
    """The workflow with its references is too large. The exception has the position and the sentence."""

    def __init__(self, at: _Position, message: str) -> None:
        super().__init__(message)
        self.at = at


class _Assembler:
    """Reads files, and follows the references in them. Each file and each reference is read once."""

    def __init__(self, spec: Spec, root: Path, diagnostics: Diagnostics) -> None:
        self._spec = spec
        self._root = root
        self._diagnostics = diagnostics
        self._names: list[str] = []  # of the files that were read
        self._files: dict[str, _File | None] = {}  # that references name
        self._targets: dict[int, _Position | None] = {}
        self._following: list[int] = []  # the references whose targets are searched
        self._above: set[int] = set()  # the lists and mappings around the value that is built
        self._count = 0
        self._sound = True

    def start(self, folder: str) -> _Position | None:
        """Return the value of the workflow's own file, or of its specification in reana.yaml."""
        written = self._spec.workflow_file.partition("#")[0]
        if not written:
            value = mapping_at(self._spec.document.data, "workflow", "specification")
            return _Position(_File(self._spec.document, folder, value, _SPECIFICATION), _SPECIFICATION, value)
        name, place = posixpath.normpath(written), self._spec.document.place(["workflow", "file"])
        if path_problem(written):
            return None  # it is recorded with the other paths of reana.yaml
        if not (self._root / name).exists():
            hint = Later(written, functools.partial(hint_of_missing, self._spec.directory, written, True))
            self._diagnostics.error("missing-file", f'"{written}" does not exist.', place, hint)
            return None
        file = self._read(name, folder)
        return None if file is None else self._whole(file)

    def assembled(self, start: _Position) -> Definition | None:
        """Return the workflow at ``start``. If a reference in it leads nowhere, record why and return None."""
        try:
            data = self._build(start, 0)
        except _LimitError as error:
            place = error.at.file.document.place(error.at.path)
            hint = "two references may lead to files that use each other again and again."
            self._diagnostics.error("too-large", str(error), place, hint)
            return None
        if not self._sound:
            return None
        end = self._follow(start) or start
        return Definition(data, tuple(dict.fromkeys(self._names)), end, self._targets)

    def _build(self, written: _Position, depth: int) -> Any:
        """Return the value of a list or mapping, with all its references followed."""
        at = self._follow(written)
        if at is None:
            return None
        if self._count > _MOST_VALUES:
            raise _LimitError(written, f"With its references the workflow has more than {_MOST_VALUES:,} values.")
        if not isinstance(at.value, dict | list):
            return at.value
        if id(at.value) in self._above:
            self._fault(written, "bad-workflow", "This reference leads to a value that contains it.", _CIRCLE_HINT)
            return None
        if depth > _DEEPEST:
            raise _LimitError(written, f"With its references the workflow is nested more than {_DEEPEST} levels deep.")
        self._above.add(id(at.value))
        self._count += len(at.value)
        items = at.value.items() if isinstance(at.value, dict) else enumerate(at.value)
        built = {key: self._inner(at, key, each, depth) for key, each in items}
        self._above.remove(id(at.value))
        return built if isinstance(at.value, dict) else list(built.values())

    def _inner(self, at: _Position, key: str | int, value: Any, depth: int) -> Any:
        if not isinstance(value, dict | list):
            return value
        return self._build(_Position(at.file, (*at.path, key), value), depth + 1)

    def _follow(self, at: _Position) -> _Position | None:
        """Return the value that a reference leads to in the end. Another value leads to itself.

        If it leads nowhere, record why and return None.
        """
        if at.reference is None:
            return at
        key = id(at.value)
        if key not in self._targets or key in self._following:
            try:
                self._targets[key] = self._target(at)
            except _LostError as error:
                self._targets[key] = None
                if error.code:
                    self._fault(at, error.code, str(error), error.hint)
        return self._targets[key]

    def _target(self, at: _Position) -> _Position:
        """Return the value that a reference leads to in the end, or raise _LostError."""
        if id(at.value) in self._following or len(self._following) > _DEEPEST:
            raise _LostError("bad-workflow", "This reference leads to itself through others.", _CIRCLE_HINT)
        self._following.append(id(at.value))
        try:
            found = self._pointed(at)
            if found.value is at.value:
                raise _LostError(
                    "bad-workflow", "This reference leads to itself.", "name the value that it stands for."
                )
            return self._end(found)
        finally:
            self._following.pop()

    def _end(self, at: _Position) -> _Position:
        found = self._follow(at)
        if found is None:
            raise _LostError
        return found

    def _pointed(self, at: _Position) -> _Position:
        """Return the value at the place that a reference names, which can be a reference again."""
        where, _, fragment = (at.reference or "").partition("#")
        found = self._whole(self._file_of(at, unquote(where)) if where else at.file)
        for part in unquote(fragment.lstrip("/")).split("/") if fragment else ():
            # A reference inside itself means the keys next to $ref.
            parent = found if found.value is at.value else self._end(found)
            name = part.replace("~1", "/").replace("~0", "~")
            inner = parent.inner(name)
            if inner is None:
                raise _no_part(parent, name)
            found = inner
        return found

    def _file_of(self, at: _Position, where: str) -> _File:
        """Return the file that a reference names."""
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", where):
            message = f'A reference must be to a file of the analysis, not to "{where}". No files are downloaded.'
            raise _LostError("bad-workflow", message, _COPY_HINT)
        name = posixpath.normpath(posixpath.join(at.file.folder, where))
        if name.startswith(("/", "../")) or "\0" in name:
            raise _LostError("bad-workflow", f'The reference "{where}" leads out of the analysis.', _COPY_HINT)
        if name not in self._files and not (self._root / name).is_file():
            hint: Hint = undeclared(self._spec, self._root, name)
            hint = hint or Later((name, at.file.folder), functools.partial(_near, name, at.file.folder, self._known))
            raise _LostError("missing-file", f'"{name}" does not exist.', hint)
        if name not in self._files:
            # The workflow's own file may be read again: then its references are relative to itself.
            self._files[name] = self._read(name, posixpath.dirname(name))
        found = self._files[name]
        if found is None:
            raise _LostError
        return found

    @functools.cached_property
    def _known(self) -> list[str]:
        """The files that a reference can name. The directory may be gone when the advice is shown."""
        paths = (os.path.join(folder, name) for folder, _, names in os.walk(self._root) for name in names)
        return sorted(os.path.relpath(path, self._root) for path in itertools.islice(paths, _MOST_FILES))

    def _read(self, name: str, folder: str) -> _File | None:
        shown = os.path.join(os.path.dirname(self._spec.document.file), name)
        self._names.append(name)
        document = read_document(self._root / name, shown, self._diagnostics)
        self._sound = self._sound and document is not None
        return None if document is None else _File(document, folder, document.data)

    @staticmethod
    def _whole(file: _File) -> _Position:
        return _Position(file, file.root, file.value)

    def _fault(self, at: _Position, code: str, message: str, hint: Hint) -> None:
        self._sound = False
        self._diagnostics.error(code, message, at.place(), hint)


def _no_part(parent: _Position, name: str) -> _LostError:
    """Return the exception for a value that does not exist."""
    inside = "/".join(map(str, parent.path[len(parent.file.root) :]))
    where = parent.file.document.file + (f"#/{inside}" if inside else "")
    known = list(parent.value) if isinstance(parent.value, dict) else []
    listed = f"known there: {', '.join(known[:20])}." if known else ""
    return _LostError("unknown-reference", f'There is no "{name}" in {where}.', suggestion(name, known, listed))
