"""The inputs and outputs of a run for its report: sizes, checksums, and pictures as data URIs."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from reana_batch import layout, patterns
from reana_batch.files import kind_of, opened
from reana_batch.report.run_facts import File, Files
from reana_batch.run import inputs as recorded
from reana_batch.run.checksums import sha256
from reana_batch.run.parts import Run

_MOST_FILES = 200  # that are listed of the inputs, and of the outputs
_MOST_HASHED = 1 << 30  # bytes of all inputs, and of all outputs
_MOST_PICTURE = 150_000  # bytes of a picture
_MOST_PICTURES = 700_000  # bytes of all pictures
_MOST_OPENED = 1 << 25  # bytes of a picture that is made smaller
_SIDE = 900  # pixels of a picture that is made smaller
# The first bytes of a picture by its type. A file is what it begins with, whatever its name is.
_KINDS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_SVG = "image/svg+xml"
_NAMED = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": _SVG}


def inputs(run: Run) -> Files:
    """Return the inputs that were copied into the workspace, as they are there now."""
    copied = recorded.read(run.directory, run.manifest.inputs)
    return _files(_Reader(run.directory / layout.WORKSPACE, _MOST_HASHED), sorted(copied), copied)


def outputs(run: Run) -> Files:
    """Return the declared outputs, with all files of declared directories and patterns."""
    root = run.directory / layout.WORKSPACE
    return _files(_Reader(root, _MOST_HASHED, _MOST_PICTURES), dict.fromkeys(_found(root, run.manifest.outputs)), {})


def _found(root: Path, outputs: Iterable[str]) -> Iterator[str]:
    for output in outputs:
        path = None
        for path, _ in patterns.find(root, output):
            yield path
        if path is None:
            yield output


def _files(reader: _Reader, paths: Iterable[str], before: Mapping[str, recorded.Facts]) -> Files:
    rest = iter(paths)
    listed = tuple(reader.file(path, before.get(path)) for path in islice(rest, _MOST_FILES))
    sizes = [reader.size(path) for path in rest]
    return Files(listed, len(sizes), sum(sizes))


@dataclass
class _Reader:
    """Reads files of a workspace until what may be read of them, and kept of pictures, is used up."""

    root: Path
    left: int
    pictures: int = 0

    def size(self, path: str) -> int:
        """Return the size of a file; 0 if it is not there."""
        try:
            return os.lstat(self.root / path).st_size
        except OSError:
            return 0

    def file(self, path: str, before: recorded.Facts | None) -> File:
        """Return the facts of a file. ``before`` are its size and time when it was copied."""
        try:
            facts = os.lstat(self.root / path)
            if kind_of(facts.st_mode):
                return File(path, note=f"It is {kind_of(facts.st_mode)}.")
            checksum = self._checksum(path, facts.st_size)
            picture, note = self._picture(path, facts.st_size)
        except OSError as error:
            return File(path, note="Not there." if isinstance(error, FileNotFoundError) else f"{error.strerror}.")
        if before not in (None, (facts.st_size, facts.st_mtime_ns)):
            note = f"Changed since it was copied. {note}".strip()
        if not checksum:
            note = f"No checksum, because it is too large. {note}".strip()
        return File(path, facts.st_size, int(facts.st_mtime), checksum, note, picture)

    def _checksum(self, path: str, size: int) -> str:
        if size > self.left:
            return ""
        self.left -= size
        return sha256(self.root, path)

    def _picture(self, path: str, size: int) -> tuple[str, str]:
        """Return the data URI of a picture, or why there is none. Both are empty for other files."""
        named = _NAMED.get(Path(path).suffix.lower())
        if named is None or not self.pictures:
            return "", ""
        if size > _MOST_OPENED or (size > _MOST_PICTURE and named == _SVG):
            return "", "Not shown, because it is too large."
        with opened(self.root, path) as stream:
            content = stream.read(_MOST_OPENED)
        kind = _kind(content, named)
        if not kind:
            return "", "Not shown, because it is not what its name says."
        note = ""
        if len(content) > _MOST_PICTURE:
            kind, (content, note) = "image/jpeg", _smaller(content)
        if len(content) > self.pictures:
            return "", "Not shown, because the pictures before it are large."
        self.pictures -= len(content)
        return f"data:{kind};base64,{base64.b64encode(content).decode()}" if content else "", note


def _kind(content: bytes, named: str) -> str:
    """Return the type of a picture by its first bytes. Empty if they are not those of a picture."""
    if named == _SVG:
        return _SVG if b"<svg" in content[:4096] else ""
    return next((kind for kind, start in _KINDS.items() if content.startswith(start)), "")


@contextlib.contextmanager
def _strictly() -> Iterator[None]:
    """Make errors of warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _smaller(content: bytes) -> tuple[bytes, str]:
    """Return a smaller copy of a picture, and a sentence about that. It is empty if it cannot be made."""
    try:
        from PIL import Image
    except ImportError:
        return b"", "Not shown, because it is large. With Pillow (pip install pillow) the report has a smaller copy."
    made = io.BytesIO()
    try:
        with _strictly(), Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            image.thumbnail((_SIDE, _SIDE))
            image.convert("RGB").save(made, "JPEG", quality=80)
    # Pillow raises all of these for damaged files. It warns of pictures that are too large to be meant.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning):
        return b"", "Not shown, because it cannot be made smaller."
    return made.getvalue(), "The picture is a smaller copy."
