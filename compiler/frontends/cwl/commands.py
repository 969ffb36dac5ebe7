"""The command lines of jobs, where all that decides them is known. Such a job needs neither cwltool nor Python.

cwltool makes a command line from the inputs of a job. Texts, numbers and files that only pass through it are replaced
by stand-ins, so that all slices of a scatter have one command line with stand-ins, which cwltool makes once.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, MutableSequence
from typing import Any

from cwltool.command_line_tool import CommandLineTool
from cwltool.context import RuntimeContext
from cwltool.job import JobBase
from cwltool.pathmapper import MapperEnt, PathMapper
from cwltool.process import Process
from cwltool.utils import aslist

from reana_batch.frontends.cwl import values
from reana_batch.frontends.cwl.asks import Asks
from reana_batch.frontends.cwl.files import Folders, changed
from reana_batch.frontends.cwl.locations import FILE, files, path_of
from reana_batch.frontends.cwl.order import context
from reana_batch.frontends.cwl.ports import NULL, Ports
from reana_batch.frontends.cwl.records import (
    JOBS_MARK,
    OWN_MARK,
    WORKSPACE,
    WORKSPACE_MARK,
    CommandRecord,
    FileRecord,
)
from reana_batch.frontends.cwl.standins import StandIns, can_be_stand_in
from reana_batch.frontends.cwl.values import Json, Known, Out, Value

# The most different command lines of a step that cwltool makes here. Jobs make the rest.
_MOST = 250

# Parts of paths that bash, patterns and URLs read as they are.
_PATH = re.compile(r"[A-Za-z0-9_+=@,-][A-Za-z0-9_.+=@,-]*(/[A-Za-z0-9_+=@,-][A-Za-z0-9_.+=@,-]*)*")


class Commands:
    """The command lines of jobs, and the files that these jobs make."""

    def __init__(self, folders: Folders, ports: Ports) -> None:
        self._folders = folders
        self._ports = ports
        self._settings = settings_of(folders)
        self._tools: dict[int, _Tool] = {}
        self._made: dict[Out, Known] = {}

    def record(
        self, process: Process, inputs: Mapping[str, Value] | None, name: str, number: int
    ) -> CommandRecord | None:
        """Return the command line of the job with this name and number, or None if only the job can know it."""
        if inputs is None or not isinstance(process, CommandLineTool):
            return None
        if id(process) not in self._tools:
            self._tools[id(process)] = _Tool(process, self._settings)
        tool = self._tools[id(process)]
        given = self._given(tool, inputs) if tool.asks.is_plain else None
        record = tool.record(given) if given is not None else None
        for each in record.files if record else ():
            self._made[Out(name, each.port)] = Known(each.value(f"{FILE}{JOBS_MARK}{number}"))
        return record

    def _given(self, tool: _Tool, inputs: Mapping[str, Value]) -> dict[str, Json] | None:
        """Return the inputs of a tool, with paths that begin with marks. None if one is not known."""
        found = {}
        for port, entry in tool.asks.ports.items():
            value = values.resolve(self._ports.with_default(entry, inputs.get(port, NULL)), values.known_of(self._made))
            if not isinstance(value, Known):
                return None
            found[port] = changed(value.json, self._marked) if isinstance(value.json, dict | list) else value.json
            if not all(map(_stays, files(found[port]))) or _has_exponent(found[port]):
                return None
        return found

    def _marked(self, location: str) -> str:
        inside = self._folders.inside(location)
        is_inside = inside.startswith(WORKSPACE)
        return f"{FILE}{WORKSPACE_MARK}/{inside.removeprefix(WORKSPACE)}" if is_inside else location


def _stays(file: Mapping[str, Json]) -> bool:
    """Return whether a command can use a file where it is. It may need another name, or others next to it."""
    path = path_of(str(file.get("location", "")))
    is_ours = path.startswith((WORKSPACE_MARK, JOBS_MARK))
    moved = file.get("basename", os.path.basename(path)) != os.path.basename(path)
    return is_ours and not moved and not any(file.get(key) for key in ("secondaryFiles", "listing", "contents"))


def _has_exponent(value: Json) -> bool:
    """Return whether cwltool writes a number in the value with an exponent. The server of a step does not."""
    if isinstance(value, dict | list):
        return any(map(_has_exponent, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and "e" in repr(value)


# --- one tool ------------------------------------------------------------------------------------


class _Tool:
    """A tool, and its command lines with stand-ins."""

    def __init__(self, process: CommandLineTool, settings: RuntimeContext) -> None:
        self.asks = Asks(process)
        self._process = process
        self._settings = settings
        self._known: dict[str, str | None] = {}

    def record(self, given: Mapping[str, Json]) -> CommandRecord | None:
        """Return the command line for these inputs, or None if there is none that bash can run."""
        replaced, stand_ins = dict(given), StandIns()
        if self.asks.passed_on and not can_be_stand_in(json.dumps(given)):
            numbered = enumerate(given.items())
            passed = ((number, port, value) for number, (port, value) in numbered if port in self.asks.passed_on)
            replaced.update((port, stand_ins.add(number, value)) for number, port, value in passed)
        key = json.dumps(replaced)
        if key not in self._known:
            if len(self._known) >= _MOST:
                return None
            self._known[key] = self._command(replaced)
        text = self._known[key]
        record = stand_ins.filled(text) if text else None
        return record if record and all(map(_PATH.fullmatch, _written(record))) else None

    def _command(self, given: Mapping[str, Json]) -> str | None:
        """Return the JSON of the command line that cwltool makes."""
        try:
            (job,) = self._process.job(dict(given), None, self._settings)  # type: ignore[arg-type]  # nothing is called back
            assert isinstance(job, JobBase)
            made = [FileRecord(port, _glob(job, glob), kind) for port, (glob, kind) in self.asks.files.items()]
        except Exception:  # noqa: BLE001  # whatever is wrong, the job says it
            return None
        variables = [f"{name}={job.environment[name]}" for name in self.asks.variables]
        words = [str(each) for each in job.command_line]
        return json.dumps(CommandRecord(words, job.stdin or "", job.stdout or "", job.stderr or "", variables, made))


def _written(record: CommandRecord) -> Iterator[str]:
    """Yield the paths of the files that the command writes."""
    yield from (each.path for each in record.files)
    yield from filter(None, (record.stdout, record.stderr))


def _glob(job: Any, glob: str) -> str:
    """Return the path that a pattern of an output is. ValueError is raised if there are several."""
    (found,) = aslist(job.builder.do_eval(glob))
    return str(found)


# --- cwltool's settings --------------------------------------------------------------------------


class _Settings(RuntimeContext):
    """Nothing is made on disk."""

    def create_tmpdir(self) -> str:
        return "/tmp"  # noqa: S108  # nothing is there: no command line has it


class _Where(PathMapper):
    """Files stay where they are."""

    def setup(self, referenced_files: MutableSequence[Any], basedir: str) -> None:  # noqa: ARG002  # cwltool's interface
        for each in files(referenced_files):
            path = path_of(each["location"])
            self._pathmap[each["location"]] = MapperEnt(path, path, each["class"], False)


def settings_of(folders: Folders) -> RuntimeContext:
    """Return the settings with which cwltool makes command lines. Files stay where they are, and nothing is made."""
    made = _Settings(vars(context(folders)))
    made.use_container = True  # then it makes a command for tools that require a container too
    made.outdir = made.docker_outdir = OWN_MARK
    made.path_mapper = _Where
    return made
