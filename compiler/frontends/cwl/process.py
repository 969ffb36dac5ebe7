"""Start the process in which cwltool reads a workflow, and take its answer."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reana_batch.diagnostics import Diagnostics, Note, Place
from reana_batch.frontends import versions
from reana_batch.frontends.answers import Failed, ask
from reana_batch.frontends.cwl.messages import sentence
from reana_batch.frontends.cwl.records import (
    EndRecord,
    Fault,
    JobRecord,
    PendingRecord,
    Request,
    StepRecord,
    TaskRecord,
    ValueRecord,
    job_record,
)
from reana_batch.frontends.mirror import undeclared
from reana_batch.frontends.versions import Wanted, between
from reana_batch.reading.parameters import parameter_places
from reana_batch.reading.spec import Spec

_READER = "reana_batch.frontends.cwl.reader"

# From the first version whose behaviour the reader relies on.
VERSIONS = {"cwltool": Wanted("cwltool", "3.3 or newer", between((3, 3)))}

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

# The longest source of which a line is shown.
_LONGEST = 10_000_000


@dataclass(slots=True)
class Reading:
    """What cwltool knows about a workflow. Records name each other by their number in these lists."""

    steps: list[StepRecord] = field(default_factory=list)
    tasks: list[TaskRecord] = field(default_factory=list)
    values: list[ValueRecord] = field(default_factory=list)
    jobs: list[JobRecord] = field(default_factory=list)
    pending: list[PendingRecord] = field(default_factory=list)
    end: EndRecord = EndRecord({}, "")  # noqa: RUF009  # a tuple that is never changed


def read(spec: Spec, request: Request, diagnostics: Diagnostics) -> Reading:
    """Return the jobs of the workflow. A faulty workflow raises Refused.

    The document of the request is a URL or a path, which is relative to the analysis.
    """
    versions.check(spec, diagnostics, "cwltool", VERSIONS)
    reading = Reading()
    root = Path(os.path.realpath(request.directory))
    placed = functools.partial(_place, spec, diagnostics)
    report = _Report(spec, root, placed, diagnostics)

    def take(record: list[Any]) -> None:
        kind, content = record
        if kind == "fault":
            report.fault(Fault(*content))
        elif kind == "end":
            reading.end = EndRecord(*content)
        else:
            name, record_type = _LISTS[kind]
            getattr(reading, name).append(_own(placed, record_type(*content)))

    try:
        ask(_READER, _complete(spec, request, root), root, _environment(), take)
    except Failed as error:
        diagnostics.error("bad-workflow", f"cwltool {error}.", spec.document.place(["workflow"]))
    diagnostics.stop_if_errors()
    return reading


_LISTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "step": ("steps", StepRecord),
    "task": ("tasks", TaskRecord),
    "value": ("values", ValueRecord),
    "job": ("jobs", job_record),
    "pending": ("pending", PendingRecord),
}


def _complete(spec: Spec, request: Request, root: Path) -> Request:
    """Return the request with absolute paths, and with the settings of tests."""
    document = request.document
    if document and not _URL.match(document):
        document = os.path.abspath(document if request.text else spec.directory / document)
    return request._replace(
        document=document,
        directory=str(root),
        analysis=os.path.abspath(spec.directory),
        evaluate=request.evaluate and os.environ.get("REANA_BATCH_CWL_EVALUATE") != "0",
        defer=request.defer or os.environ.get("REANA_BATCH_CWL_DEFER") == "1",
    )


def _environment() -> dict[str, str]:
    """Return the environment of the reader. Sets have the same order each time."""
    return dict(os.environ) | {"PYTHONHASHSEED": "0"}


# --- places --------------------------------------------------------------------------------------


def _own(placed: Callable[[tuple[str, int, int]], Place], record: Any) -> Any:
    """Return the record with its place as the user's files are named."""
    if isinstance(record, StepRecord):
        hints = [(name, value, placed(place)[:3]) for name, value, place in record.hints]
        return record._replace(place=placed(record.place)[:3], hints=hints)
    if isinstance(record, PendingRecord):
        return record._replace(place=placed(record.place)[:3])
    return record


def _place(spec: Spec, diagnostics: Diagnostics, place: tuple[str, int, int]) -> Place:
    """Return the place, whose line can then be shown."""
    name, line, column = place
    file = name if _URL.match(name) else os.path.join(os.path.dirname(spec.document.file), name)
    if file not in diagnostics.sources:
        path = spec.directory / name
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if path.stat().st_size <= _LONGEST:
                diagnostics.sources[file] = path.read_text("utf-8")
    return Place(file, line, column)


class _Report:
    """Records the faults that the reader finds."""

    def __init__(
        self, spec: Spec, root: Path, placed: Callable[[tuple[str, int, int]], Place], diagnostics: Diagnostics
    ) -> None:
        self._spec, self._root, self._placed, self._diagnostics = spec, root, placed, diagnostics
        self._parameter_places = functools.cache(functools.partial(parameter_places, spec))  # they may be in a file

    def fault(self, fault: Fault) -> None:
        """Record a fault. One of a parameter is shown where the parameter is written."""
        code, text, hint, warning = sentence(fault)
        if fault.kind == "missing-file":
            hint = undeclared(self._spec, self._root, fault.words[0])
        own = self._placed((fault.place[0], fault.place[1], fault.place[2])) if fault.place else None
        record = self._diagnostics.warning if warning else self._diagnostics.error
        if not fault.parameter:
            record(code, text, own or self._spec.document.place(["workflow", "file"]), hint)
            return
        notes = (Note("The workflow declares this input here.", own),) if own else ()
        record(code, text, self._parameter_places()(fault.parameter), hint, notes)
