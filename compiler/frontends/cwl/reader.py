"""Read a CWL workflow with cwltool, in a separate process, and write its jobs as lines of JSON.

The request comes as JSON on standard input. What cwltool prints goes to standard error.

Run as ``python -m reana_batch.frontends.cwl.reader``. Only this module and those that it imports import cwltool.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cwltool.process import Process, shortname
from cwltool.utils import normalizeFilesDirs
from cwltool.workflow import Workflow

from reana_batch.frontends.cwl import order
from reana_batch.frontends.cwl.answer import Answer, At, Record, defaults_of
from reana_batch.frontends.cwl.commands import Commands
from reana_batch.frontends.cwl.deferred import deferred
from reana_batch.frontends.cwl.faults import Faulty, Places
from reana_batch.frontends.cwl.files import Folders, changed, plain
from reana_batch.frontends.cwl.frozen import freeze_tool, thaw, tool_name
from reana_batch.frontends.cwl.loading import Loaded, load, processes, quiet
from reana_batch.frontends.cwl.node import find_node
from reana_batch.frontends.cwl.ports import Ports
from reana_batch.frontends.cwl.probe import Probe
from reana_batch.frontends.cwl.records import Fault, Part, Request
from reana_batch.frontends.cwl.values import Known, Value
from reana_batch.frontends.cwl.walk import Named, Tools, Walk


class Reader:
    """The reading of one request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._places = Places(request.analysis, frozen=request.parts is not None)
        self._folders = Folders(request.directory, request.analysis, whole=request.whole)

    def records(self) -> list[Record]:
        """Return all records of a workflow. Faults raise Faulty."""
        if self._request.parts is not None:
            return self._parts(self._request.parts)
        extra = order.requirements(self._request.parameters)
        loaded = load(self._request, extra, self._places)
        unused = order.unused(loaded.tool, self._request.parameters, self._places)
        answer = self._answer(loaded.tool)
        self._document(loaded, answer)
        return [*(("fault", each) for each in unused), *answer.records()]

    def _parts(self, parts: list[Part]) -> list[Record]:
        """Walk the steps of an expansion, whose inputs are known."""
        answer = Answer(self._folders, self._request.analysis, frozenset())
        outputs: dict[str, Any] = {}
        for part in parts:
            workflow = thaw(part.task)
            at = At(part.label, part.name, self._places.of(workflow.steps[0].tool))
            inputs: Named = {port: Known(self._completed(json)) for port, json in part.inputs.items()}
            found = self._walk(answer, self._places).step(workflow, inputs, at)
            outputs[part.name] = {port: answer.written(value, at) for port, value in found.items()}
        answer.end(outputs, "", workflow=True)
        return answer.records()

    def _completed(self, json: Any) -> Any:
        """Return a value with the locations of cwltool, and all names of its files."""
        found = changed(json, self._folders.outside)
        normalizeFilesDirs(found)
        return plain(found)

    def _answer(self, tool: Process) -> Answer:
        """Return the empty answer. Files that a document of the analysis names must be in the analysis too."""
        inside = not os.path.isabs(self._places.name(str(tool.tool["id"]).partition("#")[0]))
        defaults = (
            frozenset(each for one in processes(tool) for each in defaults_of(one.tool)) if inside else frozenset()
        )
        return Answer(self._folders, self._request.analysis, defaults)

    def _document(self, loaded: Loaded, answer: Answer) -> None:
        tool = loaded.tool
        top = At("", "", self._places.of(tool.tool))
        given = order.inputs(tool, self._request.parameters, self._folders, self._places)
        inputs: dict[str, Value] = {name: Known(value) for name, value in given.items()}
        if self._request.defer:
            inputs = deferred(inputs, answer, top)
        if isinstance(tool, Workflow):
            found = self._walk(answer, self._places).workflow(tool, inputs, top)
        else:
            at = top.inner(tool_name(tool), top.place)
            frozen = thaw(freeze_tool(tool, base=self._request.analysis))
            found = self._walk(answer, Places("", frozen=True)).step(frozen, inputs, at)
        names = [shortname(each["id"]) for each in tool.tool["outputs"]]
        outputs = {name: answer.written(found[name], top) for name in names}
        answer.end(outputs, loaded.version, workflow=isinstance(tool, Workflow))

    def _walk(self, answer: Answer, places: Places) -> Walk:
        ports = Ports(self._folders, places)
        in_run = self._request.parts is not None
        probe = Probe(self._folders, places, see_all=in_run)
        commands = Commands(self._folders, ports)
        evaluate = self._request.evaluate and not self._request.defer
        return Walk(Tools(answer, ports, commands, probe, places, evaluate))


def lines(request: Request) -> Iterator[str]:
    """Yield the records of a workflow."""
    try:
        with _unwrapped():
            answer = Reader(request).records()
    except Faulty as faulty:
        answer = [("fault", each) for each in faulty.faults]
    except RecursionError:
        answer = [("fault", Fault("error", None, "", ["its parts are nested too deep."]))]
    except Exception as error:  # noqa: BLE001  # no traceback of cwltool's is shown
        text = " ".join(str(error).split()) or "no reason is given."
        answer = [("fault", Fault("error", None, "", [f"{type(error).__name__}: {text}"]))]
    for kind, record in answer:
        yield json.dumps([kind, record], ensure_ascii=False, separators=(",", ":")) + "\n"


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Keep cwltool from breaking the lines of its messages."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(_WIDE)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before


# More characters than a line of a message has.
_WIDE = 1_000_000


def main() -> None:
    """Read the request and write the records. A fault in the workflow is a record, so the exit code is 0 too."""
    request = Request(*json.load(sys.stdin))
    if request.parts is not None:
        request = request._replace(parts=[Part(*each) for each in request.parts])
    quiet()
    find_node()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        stream.writelines(lines(request))


if __name__ == "__main__":
    main()
