"""Show the faults of inputs in the user's job, and not in the copy that a compilation reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reana_batch.diagnostics import Diagnostic, Diagnostics
from reana_batch.reading.document import Document, read_document


def in_job(found: Diagnostics, copy: Path, words: Sequence[str]) -> Diagnostics:
    """Return the diagnostics with the places of the same inputs in the job that ``words`` name.

    The message of an input that is an option names it. Inputs that come from standard input have no place.
    """
    own = Diagnostics()
    written = read_document(copy, str(copy), Diagnostics())
    path = Path(words[0].removeprefix("file://")) if words else Path()
    job = read_document(path, str(path), own) if path.is_file() else None
    inputs = {written.place([name])[1:3]: str(name) for name in written.data} if written else {}
    made = Diagnostics(sources={**found.sources, **own.sources})
    for each in found:
        if each.place is not None and Path(each.place.file).absolute() == copy.absolute():
            each = _moved(each, inputs.get(each.place[1:3], ""), job, words)  # noqa: PLW2901  # it is the same fault
        made.add(Diagnostics(_found={each: None}))
    return made


def _moved(found: Diagnostic, name: str, job: Document | None, words: Sequence[str]) -> Diagnostic:
    """Return the fault of an input, or of none if the name is empty, at its place in the job or as that of an option."""
    option = f"--{name}"
    if any(word.partition("=")[0] == option for word in words):
        return replace(found, place=None, message=f"{option}: {found.message}")
    known = job is not None and isinstance(job.data, dict) and name in job.data
    return replace(found, place=job.place([name] if known else []) if job else None)
