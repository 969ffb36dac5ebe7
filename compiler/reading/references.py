"""Declared data: what ``rucio(...)`` and URLs under inputs.files and outputs.files mean.

This module reads references and records the faults in them. It does not use the network. The pass
``stage_data`` makes steps of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from reana_batch.credentials import opening
from reana_batch.diagnostics import Diagnostics, Place, closest
from reana_batch.ir import DataFile
from reana_batch.reading import expressions
from reana_batch.reading.document import Document
from reana_batch.reading.expressions import Reference, Unreadable, Word

# The options of each kind of reference: those of inputs, and those of outputs.
_OPTIONS = {
    ("rucio", False): ("path", "rse"),
    ("rucio", True): ("path", "rse", "dataset", "lifetime"),
    ("url", False): ("path", "credential"),
    ("url", True): ("path", "credential", "overwrite"),
}

_OPENING = opening()

_HINTS = {
    "rucio": "for example rucio(escape, user.alice, data.root, path=data/data.root).",
    "url": "for example root://eospublic.cern.ch//eos/data.root path=data/data.root.",
}

# Rucio's generic schema, with the / that CMS allows and the characters that other experiments allow.
_NAME = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._+#/-]*")
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def read_references(
    document: Document, entries: Iterable[tuple[str, int, str]], diagnostics: Diagnostics
) -> tuple[DataFile, ...]:
    """Return the references among ``entries``, in order. Each entry is a section, an index in it and a text.

    Unreadable references are recorded at the character of the fault.
    """
    found = []
    for section, index, text in entries:
        place = document.place([section, "files", index])
        try:
            found.append(_data_file(text, place, is_output=section == "outputs"))
        except Unreadable as error:
            quote = document.source_of([section, "files", index])[:1] in ("'", '"')
            at = Place(place.file, place.line, place.column + quote + error.column)
            hint = _HINTS["rucio" if expressions.is_rucio(text) else "url"]
            diagnostics.error("bad-data-reference", f"{error}.", at, hint)
    return tuple(found)


def input_path(text: str) -> str:
    """Return the path in the workspace of an input that is a data reference without faults."""
    return _data_file(text, Place("", 1, 1), is_output=False).path


def _data_file(text: str, place: Place, *, is_output: bool) -> DataFile:
    reference = expressions.data_reference(text)
    kind = "rucio" if len(reference.words) == 3 else "url"
    allowed = _OPTIONS[kind, is_output]
    for name, word in reference.options.items():
        if name not in allowed:
            meant = closest(name, allowed)
            cure = f"; did you mean {meant}=" if meant else f"; known: {', '.join(f'{each}=' for each in allowed)}"
            side = "output" if is_output else "input"
            raise Unreadable(f"A {_TITLES[kind]} {side} has no {name}={cure}", word.column)
    return (_rucio_file if kind == "rucio" else _url_file)(text, place, reference, is_output)


_TITLES = {"rucio": "Rucio", "url": "URL"}


def _rucio_file(text: str, place: Place, reference: Reference, is_output: bool) -> DataFile:
    instance, scope, name = reference.words
    for word, pattern, what in ((scope, _SCOPE, "scope"), (name, _NAME, "name")):
        if not pattern.fullmatch(word.text):
            raise Unreadable(f'A Rucio {what} must have no spaces and no wildcards, unlike "{word.text}"', word.column)
    options = reference.options
    rse = options.get("rse", Word("", 0))
    if is_output and not rse.text:
        raise Unreadable("An output in Rucio must name its storage element: rse=")
    if is_output and not _RSE.fullmatch(rse.text):
        raise Unreadable(f'An output needs the name of one storage element, not "{rse.text}"', rse.column)
    if is_output and "/" in name.text:
        raise Unreadable(
            f'The Rucio client cannot upload a file with a / in its name, such as "{name.text}"', name.column
        )
    return DataFile(
        text=text.strip(),
        place=place,
        is_output=is_output,
        scheme="rucio",
        address=f"{scope.text}:{name.text}",
        path=_path(reference, name.text),
        instance=instance.text,
        rse=rse.text,
        dataset=_dataset(reference, scope.text),
        lifetime=_lifetime(options["lifetime"]) if "lifetime" in options else None,
    )


def _dataset(reference: Reference, scope: str) -> str:
    """Return SCOPE:NAME of the dataset. The default scope is that of the file."""
    word = reference.options.get("dataset")
    if word is None:
        return ""
    own, colon, name = word.text.rpartition(":")
    if not (_NAME.fullmatch(name) and _SCOPE.fullmatch(own or scope) and (own or not colon)):
        raise Unreadable(f'A dataset must be NAME or SCOPE:NAME, not "{word.text}"', word.column)
    return f"{own or scope}:{name}"


def _url_file(text: str, place: Place, reference: Reference, is_output: bool) -> DataFile:
    (url,) = reference.words
    if url.text.endswith(","):
        raise Unreadable("Options after a URL must be separated by spaces, not commas", url.column + len(url.text) - 1)
    try:
        parts = urlsplit(url.text)
        host = parts.hostname
    except ValueError:
        host = None
    if not host:
        raise Unreadable(f'A URL must name a host, unlike "{url.text}"', url.column)
    if parts.password:
        raise Unreadable("A URL must not contain a password", url.column)
    credential = reference.options.get("credential", Word("", 0))
    if credential.text not in ("", *_OPENING):
        raise Unreadable(f'credential= must be {_either(_OPENING)}, not "{credential.text}"', credential.column)
    overwrite = reference.options.get("overwrite", Word("false", 0))
    if overwrite.text not in ("true", "false"):
        raise Unreadable(f'overwrite= must be true or false, not "{overwrite.text}"', overwrite.column)
    return DataFile(
        text=text.strip(),
        place=place,
        is_output=is_output,
        scheme=parts.scheme,
        address=url.text,
        path=_path(reference, unquote(parts.path)),
        credential=credential.text,
        overwrite=overwrite.text == "true",
    )


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _path(reference: Reference, name: str) -> str:
    """Return the path in the workspace: ``path=``, or the last part of a name."""
    written = reference.options.get("path")
    if written is None:
        last = name.rpartition("/")[2]
        if last in ("", ".", "..") or "\0" in last or "\n" in last:
            raise Unreadable(
                "The name does not end in a file name, so path= must name the file", reference.words[-1].column
            )
        return last
    if not written.text.strip() or written.text.endswith("/"):
        raise Unreadable("path= must end in the name of the file, or of a dataset's directory", written.column)
    return written.text


def _lifetime(word: Word) -> int:
    """Return the seconds of a word. A fault has the word's place."""
    try:
        return expressions.lifetime(word.text)
    except Unreadable as error:
        raise Unreadable(str(error), word.column) from None
