"""What a tool asks for. It decides whether bash alone can run the jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from cwl_utils.expression import needs_parsing
from cwltool.command_line_tool import CommandLineTool
from cwltool.process import shortname
from cwltool.utils import aslist

from reana_batch.frontends.cwl import needs
from reana_batch.frontends.cwl.locations import maps
from reana_batch.frontends.cwl.standins import can_be_stand_in

# Requirements and hints that leave a job to cwltool.
_REQUIREMENTS = frozenset(
    {
        "InitialWorkDirRequirement",
        "InplaceUpdateRequirement",
        "ToolTimeLimit",
        "http://commonwl.org/cwltool#MPIRequirement",
    }
)
_OF_TOOL = frozenset({"successCodes", "temporaryFailCodes", "permanentFailCodes"})
_OF_INPUT = frozenset({"secondaryFiles", "loadContents", "loadListing", "format"})
_OF_OUTPUT = frozenset({"id", "type", "outputBinding", "format", "label", "doc", "streamable", "name"})

# Variables that are always set by the job.
_OF_JOB = frozenset({"HOME", "TMPDIR"})

# What expressions may use of ``runtime`` and of files.
_OF_RUNTIME = frozenset({"cores", "ram", "outdir"})
_OF_FILE = frozenset({"path", "basename", "nameroot", "nameext"})
_USE = re.compile(r"""\b(inputs|self|runtime)\b((?:\.\w+|\[\s*(?:'[^'"\]]*'|"[^'"\]]*")\s*\])*)""")
_KEY = re.compile(r"""\.(\w+)|\[\s*['"]([^'"]*)['"]\s*\]""")

# An expression that only passes on what an input is.
_REFERENCE = re.compile(r"(?<!\\)\$\(\s*(?:inputs|runtime)(?:\.\w+)+\s*\)")

_FILES = frozenset({"File", "Directory", "Any"})

# The types of inputs that only pass through a command line, if nothing else uses them.
_PASSED_TYPES = frozenset({"string", "int", "File"})


class Asks:
    """What a tool asks for."""

    def __init__(self, tool: CommandLineTool) -> None:
        self._tool = tool
        self.ports: Mapping[str, Any] = {shortname(each["id"]): each for each in tool.tool["inputs"]}

    @cached_property
    def is_plain(self) -> bool:
        """Return whether a command line says all that a job does, and files of fixed names are all that it makes."""
        tool = self._tool.tool
        return (
            not any(tool.get(key) for key in _OF_TOOL)
            and all(map(self._is_plain_requirement, [*self._tool.requirements, *self._tool.hints]))
            and not any(each.get(key) for each in maps(tool["inputs"]) for key in _OF_INPUT)
            and not any(isinstance(each.get("position"), str) for each in maps([tool["inputs"], tool.get("arguments")]))
            and all(map(_is_plain_output, tool["outputs"]))
            and all(map(self._is_plain_use, self._uses()))
        )

    def _is_plain_requirement(self, entry: Mapping[str, Any]) -> bool:
        kind = str(entry["class"])
        if kind == "NetworkAccess":
            return entry.get("networkAccess") is True or not self._tool.get_requirement("DockerRequirement")[0]
        if kind.endswith("LoadListingRequirement"):
            return not any(_types(each) - {"null", "File"} and _can_have_files(each) for each in self.ports.values())
        if kind == "DockerRequirement":
            return "dockerOutputDirectory" not in entry
        if kind == "EnvVarRequirement":
            return "PATH" not in _variables(entry)  # only in a container it can be another one
        return kind not in _REQUIREMENTS

    # --- expressions ---

    @cached_property
    def _texts(self) -> list[str]:
        """Return the expressions of the tool and of what it requires."""
        return [each for each in _strings(self._parts) if needs_parsing(each)]

    @property
    def _parts(self) -> list[Any]:
        return [self._tool.tool, *self._tool.requirements, *self._tool.hints]

    def _uses(self) -> Iterator[tuple[str, list[str]]]:
        for text in self._texts:
            for match in _USE.finditer(text):
                yield match[1], [name or quoted for name, quoted in _KEY.findall(match[2])]

    def _is_plain_use(self, use: tuple[str, list[str]]) -> bool:
        """Return whether an expression uses only what is known of files."""
        base, keys = use
        if base == "runtime":
            return bool(keys) and keys[0] in _OF_RUNTIME
        if not self._with_files:
            return True
        if base == "self":
            return bool(keys) and keys[0] in _OF_FILE
        if not keys:
            return False
        is_file = _types(self.ports.get(keys[0])) <= {"File", "null"}
        return keys[0] not in self._with_files or (is_file and len(keys) > 1 and keys[1] in _OF_FILE)

    @cached_property
    def _with_files(self) -> set[str]:
        return {name for name, each in self.ports.items() if _can_have_files(each)}

    @cached_property
    def passed_on(self) -> frozenset[str]:
        """Return the inputs that are parts of the command line as they are, and decide nothing."""
        if self._tool.get_requirement("ShellCommandRequirement")[0] or any(map(can_be_stand_in, _strings(self._parts))):
            return frozenset()  # cwltool quotes them, or the document has such texts
        bound = {name for name, each in self.ports.items() if any("valueFrom" in one for one in maps(each))}
        deciding = [each for each in self._texts if needs_parsing(_REFERENCE.sub("", each))]
        deciding += needs.expressions(self._tool)
        used = needs.names_in(deciding, list(self.ports))
        return frozenset(
            name for name, each in self.ports.items() if name not in bound | used and _passes(each["type"])
        )

    # --- outputs and variables ---

    @cached_property
    def files(self) -> dict[str, tuple[Any, str]]:
        """Return the pattern and the format of the file that each output is."""
        return {
            shortname(each["id"]): (each["outputBinding"]["glob"], each.get("format", ""))
            for each in self._tool.tool["outputs"]
        }

    @cached_property
    def variables(self) -> list[str]:
        """Return the names of the variables that the tool sets. Those that each job has are cwltool's."""
        entry = self._tool.get_requirement("EnvVarRequirement")[0] or {}
        return [name for name in _variables(entry) if name not in _OF_JOB]


def _variables(entry: Any) -> list[str]:
    return [str(each["envName"]) for each in entry.get("envDef", [])]


def _is_plain_output(entry: Mapping[str, Any]) -> bool:
    """Return whether an output is one file. Its name can be an expression."""
    binding = entry.get("outputBinding") or {}
    globs = aslist(binding.get("glob"))
    return (
        entry["type"] == "File"
        and entry.keys() <= _OF_OUTPUT
        and binding.keys() == {"glob"}
        and len(globs) == 1
        and isinstance(globs[0], str)
        and not needs_parsing(entry.get("format") or "")
    )


def _passes(kind: Any) -> bool:
    """Return whether values of this type, or lists of them, only pass through a command line if nothing uses them."""
    kinds = [each for each in aslist(kind) if each != "null"]
    first = kinds[0] if len(kinds) == 1 else None
    if (
        isinstance(first, Mapping) and first["type"] == "array" and "inputBinding" not in first
    ):  # its place is its index
        first = first["items"]
    return isinstance(first, str) and first in _PASSED_TYPES


def _types(entry: Any) -> set[str]:
    """Return the names of types that an input has, also within arrays and records."""
    return set(_strings((entry or {}).get("type", [])))


def _can_have_files(entry: Any) -> bool:
    """Return whether a value of an input can have files in it. A type that is defined elsewhere may."""
    return any(kind in _FILES or "#" in kind for kind in _types(entry))


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield str(node)
    elif isinstance(node, Mapping | list):
        for each in node.values() if isinstance(node, Mapping) else node:
            yield from _strings(each)
