"""Absolute paths into the analysis' own directory. A run must not use it, because it has a workspace."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.frontends.snakemake.process import Reading
from reana_batch.frontends.snakemake.records import JobRecord, KeptRecord
from reana_batch.reading.spec import Spec

_CURE = "write it relative to the analysis."
_COMMENT = re.compile(r"\s*#")


def check(spec: Spec, reading: Reading, config: Mapping[str, Any], diagnostics: Diagnostics) -> None:
    """Refuse files that jobs would write into the analysis, and warn about every other use."""
    pattern = _pattern(spec)
    records: list[JobRecord | KeptRecord] = [*reading.jobs, *reading.kept]
    for each in records:
        written = [*each.outputs, *(each.logs if isinstance(each, JobRecord) else [])]
        if found := next(filter(pattern.match, written), None):
            message = f"{found} is in the analysis, which a run must not change."
            diagnostics.error("snakefile", message, reading.place(reading.rules[each.rule]), _CURE)
    if pattern.match(reading.end.workdir):
        message = f"The work directory {reading.end.workdir} is in the analysis, which a run must not change."
        diagnostics.error("snakefile", message, reading.directive("workdir"), _CURE)
    diagnostics.stop_if_errors()
    places = list(_literals(pattern, reading)) or list(_values(pattern, spec, reading, config))
    for place in places:
        message = "This path is in the analysis itself, so the run uses that and not its workspace."
        diagnostics.warning("changed-directory", message, place, _CURE)


def _pattern(spec: Spec) -> re.Pattern[str]:
    """Return a pattern of the beginning of paths into the analysis, with links followed or not."""
    called = os.path.dirname(os.path.abspath(spec.document.file))
    names = sorted({str(spec.directory), called}, key=len, reverse=True)
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, names))})(?![\w.-])")


def _literals(pattern: re.Pattern[str], reading: Reading) -> Iterator[Place]:
    """Yield the places in the author's files that name such a path. Only files that were read are searched."""
    for file, text in reading.sources.items():
        for number, line in enumerate(text.splitlines(), 1):
            if not _COMMENT.match(line):
                yield from (Place(file, number, m.start() + 1, m.end() - m.start()) for m in pattern.finditer(line))


def _values(pattern: re.Pattern[str], spec: Spec, reading: Reading, config: Mapping[str, Any]) -> Iterator[Place]:
    """Yield the places of rules whose jobs have such a path, and of such a config."""
    for job in reading.jobs:
        if any(map(pattern.search, (*job.commands, *job.inputs))):
            yield reading.place(reading.rules[job.rule])
    if pattern.search(json.dumps(config, ensure_ascii=False)):
        yield spec.document.place(["workflow", "file"])
