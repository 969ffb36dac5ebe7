"""The faults and warnings of an analysis as a report that GitLab shows in a merge request, at their lines.

Source of the format: GitLab's manual, "Code Quality", "Code Quality report format".
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from typing import Any

from reana_batch.diagnostics import LINE_BREAK, Diagnostic, Diagnostics, Place, Severity

# GitLab's words for how bad a finding is.
_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor"}


def code_quality_report(diagnostics: Diagnostics, analysis: str) -> str:
    """Return the report as JSON. A fault without a place gets the first line of the analysis.

    GitLab compares the report of a branch with that of its target by fingerprints. So a fingerprint does not have the
    number of the line.
    """
    seen = Counter[str]()
    found = []
    for each in diagnostics:
        place = each.place or Place(analysis, 1)
        mark = _mark(each, place, diagnostics)
        seen[mark] += 1
        found.append(_finding(each, place, _digest(f"{mark}\n{seen[mark]}")))
    return json.dumps(found, indent=1)


def _mark(each: Diagnostic, place: Place, diagnostics: Diagnostics) -> str:
    lines = LINE_BREAK.split(diagnostics.sources.get(place.file, ""))
    line = lines[place.line - 1].strip() if each.place and place.line <= len(lines) else ""
    return "\n".join([each.code, _path(place), each.message, line])


def _finding(each: Diagnostic, place: Place, fingerprint: str) -> dict[str, Any]:
    return {
        "description": f"{each.message} Hint: {each.hint}" if str(each.hint) else each.message,
        "check_name": each.code,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[each.severity],
        "location": {"path": _path(place), "lines": {"begin": place.line}},
    }


def _path(place: Place) -> str:
    """Return the path of a file below the working directory, which is that of the repository in a job of GitLab."""
    return os.path.relpath(place.file)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
