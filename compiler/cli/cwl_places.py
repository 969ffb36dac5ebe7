"""Show the faults of inputs in the user's job, and not in the copy that a compilation reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reana_batch.diagnostics import Diagnostic, Diagnostics, Place
from reana_batch.reading.document import Document, read_document


def in_job(found: Diagnostics, copy: Path, words: Sequence[str]) -> Diagnostics:
    """Return the diagnostics with the places of the same inputs in the job that ``words`` name.

    Inputs that are options, or that come from standard input, have no place.
    """
    own = Diagnostics()
    written = read_document(copy, str(copy), Diagnostics())
    path = Path(words[0].removeprefix("file://")) if words else Path()
    job = read_document(path, str(path), own) if path.is_file() else None
    made = Diagnostics(sources={**found.sources, **own.sources})
    for each in found:
        made.add(Diagnostics(_found={_moved(each, copy, written, job): None}))
    return made


def _moved(found: Diagnostic, copy: Path, written: Document | None, job: Document | None) -> Diagnostic:
    if found.place is None or Path(found.place.file).absolute() != copy.absolute() or written is None:
        return found
    return replace(found, place=_place_in(job, found.place, written) if job else None)


def _place_in(job: Document, place: Place, written: Document) -> Place:
    """Return the place of the input that is at this place of the copy."""
    inputs = [name for name in written.data if written.key_place([name]).line <= place.line]
    last = max(inputs, key=lambda name: written.key_place([name]).line, default="")
    return job.place([last] if isinstance(job.data, dict) and last in job.data else [])
