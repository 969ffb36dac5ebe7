"""What a step asks for: resources, time, an image, and the hints of REANA."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cwl_utils import expression
from cwltool.process import Process, supportedProcessRequirements
from cwltool.workflow import Workflow, WorkflowStep

from reana_batch.frontends.cwl.faults import Faulty, Place, Places
from reana_batch.frontends.cwl.files import plain
from reana_batch.frontends.cwl.records import Fault

_MEBIBYTE = 2**20
_CUDA = "http://commonwl.org/cwltool#CUDARequirement"
_STANDARD = {*supportedProcessRequirements, "SoftwareRequirement", "http://commonwl.org/cwltool#LoadListingRequirement"}

# Evaluates a value of a requirement: of this process, in this node, under this key.
Evaluate = Callable[[Process, Any, str], Any]


class Needs(NamedTuple):
    """The resources. None is what the document does not ask for."""

    cpus: int | None = None
    memory: int | None = None
    disk: int | None = None
    runtime: int | None = None
    gpus: int | None = None


def _entries(tool: Process) -> Iterator[tuple[Any, str, str]]:
    """Yield the nodes and keys of what a tool asks for, with the field of Needs that they are part of."""
    resources = tool.get_requirement("ResourceRequirement")[0]
    for field, names in (("cpus", ["cores"]), ("memory", ["ram"]), ("disk", ["outdir", "tmpdir"])):
        for name in names:
            key = next((key for key in (f"{name}Min", f"{name}Max") if resources and key in resources), None)
            if key:
                yield resources, key, field
    limit = tool.get_requirement("ToolTimeLimit")[0]
    if limit:
        yield limit, "timelimit", "runtime"
    cuda = tool.get_requirement(_CUDA)[0]
    key = next((key for key in ("cudaDeviceCountMin", "cudaDeviceCountMax") if cuda and key in cuda), None)
    if cuda and key:
        yield cuda, key, "gpus"


def expressions(tool: Process) -> list[str]:
    """Return the expressions in what a tool asks for."""
    texts = (node[key] for node, key, _ in _entries(tool))
    return [each for each in texts if isinstance(each, str) and expression.needs_parsing(each)]


def needs(tool: Process, evaluate: Evaluate, places: Places) -> Needs:
    """Return the resources that a tool asks for. A number that cannot be one raises Faulty."""
    sums: dict[str, float] = {}
    for node, key, field in _entries(tool):
        number = evaluate(tool, node, key)
        if not isinstance(number, int | float) or isinstance(number, bool) or number < 0 or not math.isfinite(number):
            raise Faulty(Fault("document", places.of(node, key), "", [f"{key} must be a number. It is {number!r}."]))
        sums[field] = sums.get(field, 0) + number
    if tool.get_requirement(_CUDA)[0]:
        sums.setdefault("gpus", 1)
    unit = {"memory": _MEBIBYTE, "disk": _MEBIBYTE}
    return Needs(**{field: math.ceil(number * unit.get(field, 1)) or None for field, number in sums.items()})


def in_loop(tool: Process, evaluate: Evaluate, places: Places) -> Needs:
    """Return the resources of a job that runs a tool or workflow in a loop: the most that one of its tools asks for.

    It has no time limit, because only the run knows the number of iterations. Expressions of a workflow's tools are
    not counted.
    """
    if not isinstance(tool, Workflow):
        return needs(tool, evaluate, places)._replace(runtime=None)
    found = [needs(each, evaluate, places) for each in _tools(tool) if not expressions(each)]
    most = (max((number for number in field if number is not None), default=None) for field in zip(*found, strict=True))
    return Needs(*most)._replace(runtime=None)


def _tools(tool: Process) -> Iterator[Process]:
    """Yield the tools that a process runs, which have no steps."""
    if isinstance(tool, Workflow):
        for step in tool.steps:
            yield from _tools(step.embedded_tool)
    else:
        yield tool


def image(tool: Process) -> tuple[str, bool]:
    """Return the image of a tool, or the one that all tools of a workflow have, and whether it is required."""
    return max(_images(tool), key=lambda each: each[1], default=("", False))


def has_several_images(tool: Process) -> bool:
    """Return whether the tools of a process do not all have the same image."""
    return len({name for name, _ in _images(tool)}) > 1


def _images(tool: Process) -> set[tuple[str, bool]]:
    return {_image(each) for each in _tools(tool) if not _is_expression(each)}


def _image(tool: Process) -> tuple[str, bool]:
    requirement, required = tool.get_requirement("DockerRequirement")
    if requirement is None:
        return "", False
    return str(requirement.get("dockerPull") or requirement.get("dockerImageId") or ""), bool(required)


def runs_command(tool: Process) -> bool:
    """Return whether a process runs a command, and not only expressions."""
    return not all(map(_is_expression, _tools(tool)))


def _is_expression(tool: Process) -> bool:
    return bool(tool.tool["class"] == "ExpressionTool")


def hints(step: WorkflowStep, places: Places) -> list[tuple[str, Any, Place]]:
    """Return the hints of a step that are not CWL's: those of the workflow come first, and those of the tool last."""
    return [
        (str(key), plain(value), places.of(hint, key))
        for hint in step.embedded_tool.hints
        if hint.get("class") not in _STANDARD
        for key, value in hint.items()
        if key != "class"
    ]


# --- what an expression needs --------------------------------------------------------------------

_INPUT = re.compile(r"""\binputs\b(?:\.([A-Za-z_]\w*)|\[\s*(['"])([^'"\]]+)\2\s*\])?""")


def names_in(texts: list[str], ports: list[str]) -> set[str]:
    """Return the inputs that expressions can use: all, if one uses them in another way than by name."""
    found: set[str] = set()
    for text in texts:
        for match in _INPUT.finditer(text):
            name = match[1] or match[3]
            if name not in ports:
                return set(ports)
            found.add(name)
    return found
