"""Expand a workflow with Yadage itself, in a separate process, and write its jobs as lines of JSON.

The request comes as JSON on standard input. What Yadage prints goes to standard error.

Run as ``python -m reana_batch.frontends.yadage.reader``. Only this module and those that it imports import Yadage.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

from reana_batch.frontends.yadage.answer import Jobs, Parents, Record
from reana_batch.frontends.yadage.expansion import Expansion
from reana_batch.frontends.yadage.left import Left
from reana_batch.frontends.yadage.records import EndRecord, Fault, Past, Request


def records(request: Request) -> list[Record]:
    """Return all records of a workflow. If it has faults, these are all."""
    expansion = Expansion(request)
    expansion.run()
    parents = Parents(expansion)
    jobs = Jobs(expansion, parents)
    left = Left(expansion, parents)
    found: list[Record] = list(jobs.records())
    pending = [("pending", record) for record in left.records()]
    faults = [("fault", fault) for fault in expansion.problems.faults]
    if expansion.problems.fatal:
        return [*faults]
    return [
        *faults,
        *found,
        *jobs.groups(),
        *pending,
        ("end", EndRecord({**expansion.past.known, **expansion.learned})),
    ]


def lines(request: Request) -> Iterator[str]:
    """Yield the records of a workflow."""
    try:
        answer = records(request)
    except Exception as error:  # noqa: BLE001  # no traceback of Yadage's is shown
        answer = [("fault", Fault(type(error).__name__, [], [str(error).strip().partition("\n")[0]]))]
    for kind, record in answer:
        yield json.dumps([kind, record], ensure_ascii=False, separators=(",", ":")) + "\n"


def main() -> None:
    """Read the request and write the records. A fault in the workflow is a record, so the exit code is 0 too."""
    request = Request(*json.load(sys.stdin))
    if request.past is not None:
        request = request._replace(past=Past(*request.past))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        stream.writelines(lines(request))


if __name__ == "__main__":
    main()
