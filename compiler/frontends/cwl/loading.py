"""Load a CWL document with cwltool, and check it."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag

from cwltool import load_tool, process
from cwltool.context import LoadingContext
from cwltool.errors import GraphTargetMissingException
from cwltool.load_tool import default_loader, fetch_document, make_tool, resolve_and_validate_document
from cwltool.loghandler import _logger
from cwltool.process import Process, get_schema, shortname, use_custom_schema
from cwltool.resolver import tool_resolver
from cwltool.update import ALLUPDATES, ORIGINAL_CWLVERSION
from cwltool.utils import aslist
from cwltool.workflow import Workflow, WorkflowStep, default_make_tool
from ruamel.yaml.comments import CommentedMap
from schema_salad.utils import json_dumps

from reana_batch.frontends.cwl.faults import Faulty, Places
from reana_batch.frontends.cwl.locations import FILE, url_of
from reana_batch.frontends.cwl.records import Fault, Request

# The requirements and hints of cwltool's own, by the versions of CWL that may have them.
_EXTENSIONS = {"v1.0": "extensions.yml", "v1.1": "extensions-v1.1.yml", "v1.2": "extensions-v1.2.yml"}
_EXTENSIONS_OF_DRAFTS = {
    "v1.3.0-dev1": "extensions-v1.3.yml",
    "v1.2.0-dev1": "extensions-v1.1.yml",
    "v1.2.0-dev2": "extensions-v1.1.yml",
    "v1.2.0-dev3": "extensions-v1.1.yml",
}

# The finished versions of CWL.
_VERSIONS = ("v1.0", "v1.1", "v1.2")


class Loaded(NamedTuple):
    """A document that cwltool accepts."""

    tool: Process
    version: str  # of CWL, as written


def quiet() -> None:
    """Keep cwltool from printing what the records say."""
    for logger in (_logger, logging.getLogger("salad"), logging.getLogger("rdflib.term")):
        logger.setLevel(logging.CRITICAL)


def load(request: Request, requirements: Any, places: Places) -> Loaded:
    """Return the process of a document. A document with faults raises Faulty.

    ``requirements`` are those that the job order adds. With a target only what it needs is left of a workflow.
    """
    _know_extensions()
    document = request.document
    _name_streams(request.analysis or os.path.dirname(_file(document).removeprefix(FILE)))
    try:
        return _load(request, requirements, places)
    except GraphTargetMissingException as error:
        raise Faulty(_no_main(document, error)) from error
    except StopIteration as error:
        raise Faulty(Fault("not-cwl", (places.name(_file(document)), 1, 1), "", ["it is empty."])) from error
    except (Faulty, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        raise Faulty(*_explained(document, error, places)) from error


@functools.cache
def _know_extensions() -> None:
    """Let cwltool know its own extensions of CWL. It then forgets the schemas that it has read."""
    for version, name in {**_EXTENSIONS, **_EXTENSIONS_OF_DRAFTS}.items():
        text = files("cwltool").joinpath(name).read_text("utf-8")
        use_custom_schema(version, "http://commonwl.org/cwltool", text)


def _name_streams(directory: str) -> None:
    """Let cwltool name a tool's unnamed stdout by the tool and not by the path of its document.

    The name is a digest of the tool's JSON, in which identifiers have that path.
    """
    around = f"{url_of(os.path.abspath(directory))}/"
    names: Any = load_tool
    names.json_dumps = lambda value, **words: json_dumps(value, **words).replace(around, "")


def _load(request: Request, requirements: Any, places: Places) -> Loaded:
    url = address(request.document)
    context = LoadingContext(
        {"enable_dev": True, "relax_path_checks": True, "construct_tool_object": default_make_tool}
    )
    context.resolver = tool_resolver
    context.loader = default_loader(enable_dev=True)
    if request.text:
        context.loader.cache[urldefrag(url)[0]] = request.text
    context, document, uri = fetch_document(url, context)
    _check_form(document, url, places)
    version = str(document["cwlVersion"])
    if requirements:
        for name in (uri, f"{uri}#main"):
            context.overrides_list.append({"overrideTarget": name, "requirements": requirements})
    context, uri = resolve_and_validate_document(context, document, uri)
    _know_types(version)
    tool = make_tool(uri, context)
    if request.target:
        tool = _target(tool, request.target, places)
    for each in processes(tool):
        _check_process(each, places)
        if isinstance(each, Workflow):
            _place_steps(each)
    return Loaded(tool, str(tool.metadata.get(ORIGINAL_CWLVERSION, tool.metadata.get("cwlVersion", ""))))


def address(document: str) -> str:
    """Return the URL of a document. A # begins its fragment, unless there is a file of that name."""
    if "://" in document:
        return document
    path, mark, fragment = document.rpartition("#")
    if not mark or os.path.exists(document):
        path, mark, fragment = document, "", ""
    return f"{url_of(os.path.abspath(path))}{mark}{fragment}"


def _file(document: str) -> str:
    return unquote(urldefrag(address(document))[0])


def _check_form(document: Any, address: str, places: Places) -> None:
    """Refuse a document that cannot be CWL, and a version that cwltool does not know."""
    place = (places.name(urldefrag(address)[0]), 1, 1)
    if not isinstance(document, CommentedMap):
        raise Faulty(Fault("not-cwl", place, "", ["it is not a mapping."]))
    version = document.get("cwlVersion")
    if version is None:
        raise Faulty(Fault("not-cwl", place, "", ["it has no cwlVersion."]))
    if version not in ALLUPDATES:
        raise Faulty(Fault("version", places.of(document, "cwlVersion"), "", [str(version), *_VERSIONS]))


def _know_types(version: str) -> None:
    """Take the types of files from the version of the document. cwltool would read that of v1.0 too, which is slow."""
    schema: Any = get_schema(version)[3].idx
    found = [schema[f"https://w3id.org/cwl/{name}"] for name in ("cwl#File", "cwl#Directory", "salad#Any")]
    process.SCHEMA_FILE, process.SCHEMA_DIR, process.SCHEMA_ANY = found


def _no_main(document: str, error: Exception) -> Fault:
    names = [each.strip(" #.") for each in str(error).partition("one of ")[2].split(",")]
    return Fault("no-main", None, "", [os.path.basename(_file(document)), *names])


def _explained(document: str, error: Exception, places: Places) -> list[Fault]:
    """Return the faults of an error that cwltool raised while loading."""
    name = places.name(_file(document))
    fragment = urldefrag(address(document))[1]
    text = str(error)
    if fragment and "not found in file" in text:
        return [Fault("no-part", (name, 1, 1), "", [name, fragment, *_parts(_file(document))])]
    path = _file(document).removeprefix(FILE)
    if "://" not in path and not os.path.isfile(path):
        return [Fault("missing-document", None, "", [name])]
    found = places.faults(error)
    return [each if each.place else each._replace(place=(name, 1, 1)) for each in found]


def _parts(address: str) -> list[str]:
    """Return the names of the parts of a document."""
    _, document, _ = fetch_document(address, LoadingContext({"resolver": tool_resolver}))
    parts = document.get("$graph", [])
    return [str(each["id"]).lstrip("#") for each in parts if isinstance(each, dict) and "id" in each]


# --- processes -----------------------------------------------------------------------------------


def processes(tool: Process) -> Iterator[Process]:
    """Yield a process, and those of its steps. All have the documents as cwltool changed them."""
    yield tool
    if isinstance(tool, Workflow):
        for step in tool.steps:
            yield from processes(step.embedded_tool)


def _check_process(tool: Process, places: Places) -> None:
    kind = tool.tool["class"]
    if kind not in {"CommandLineTool", "ExpressionTool", "Workflow"}:
        raise Faulty(Fault("unsupported", places.of(tool.tool), "", [f"the class {kind}."]))
    image, required = tool.get_requirement("DockerRequirement")
    if image is None or not required or "dockerPull" in image or "dockerImageId" in image:
        return
    for key in ("dockerFile", "dockerLoad", "dockerImport"):
        if key in image:
            words = [f"an image that {key} makes."]
            raise Faulty(Fault("unsupported", places.of(image, key), "", words))


def _target(tool: Process, target: str, places: Places) -> Process:
    """Return a workflow with those of its steps that a target needs."""
    if not isinstance(tool, Workflow):
        raise Faulty(Fault("no-target", places.of(tool.tool), "", [target]))
    own = tool.tool
    names = {shortname(each["id"]): each["id"] for key in ("inputs", "steps", "outputs") for each in own[key]}
    wanted = [each.strip() for each in target.split(",")]
    unknown = [each for each in wanted if each not in names]
    if unknown:
        raise Faulty(*(Fault("target", places.of(own), "", [each, *names]) for each in unknown))
    _keep(tool, {names[each] for each in wanted})
    return tool


def _keep(tool: Workflow, wanted: set[str]) -> None:
    """Leave in a workflow the wanted outputs and steps, the steps after wanted inputs, and what all these need.

    cwltool's own extraction loses lists of sources, and asks for the results before a step.
    """
    made = {each["id"]: step.id for step in tool.steps for each in step.tool["outputs"]}
    takes = {
        step.id: {made.get(each, each) for port in step.tool["inputs"] for each in aslist(port.get("source") or [])}
        for step in tool.steps
    }
    outputs = {
        each["id"]: {made.get(source, source) for source in aslist(each.get("outputSource") or [])}
        for each in tool.tool["outputs"]
    }
    given = {each["id"] for each in tool.tool["inputs"]}
    chosen = (wanted & takes.keys()) | (_closed(wanted & given, _turned(takes)) - given)
    ends = [outputs[each] for each in wanted & outputs.keys()]
    needed = _closed(chosen.union(*ends), takes)
    kept = {each for each, above in outputs.items() if each in wanted or (above & chosen and above <= needed | given)}
    tool.steps[:] = [step for step in tool.steps if step.id in needed]
    for each in [each for each in tool.tool["outputs"] if each["id"] not in kept]:
        tool.tool["outputs"].remove(each)


def _turned(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return what takes each, if ``edges`` are what each takes."""
    found: dict[str, set[str]] = {}
    for name, above in edges.items():
        for each in above:
            found.setdefault(each, set()).add(name)
    return found


def _closed(names: set[str], edges: Mapping[str, set[str]]) -> set[str]:
    """Return the names, and all that edges lead to from them."""
    found, left = set(names), list(names)
    while left:
        new = edges.get(left.pop(), set()) - found
        found |= new
        left += new
    return found


def in_order(workflow: Workflow) -> list[WorkflowStep]:
    """Return the steps of a workflow as written. cwltool sorts and shuffles them."""
    written = workflow.tool["steps"]
    data = getattr(getattr(written, "lc", None), "data", None) or {}
    lines = {each["id"]: (*data.get(number, [0, 0])[:2], number) for number, each in enumerate(written)}
    return sorted(workflow.steps, key=lambda step: lines[step.id])


def _place_steps(workflow: Workflow) -> None:
    """Give each step the place of its name."""
    written = workflow.tool["steps"]
    data = getattr(getattr(written, "lc", None), "data", None) or {}
    places = {each["id"]: data[number][:2] for number, each in enumerate(written) if number in data}
    for step in workflow.steps:
        if step.id in places:
            step.tool.lc.line, step.tool.lc.col = places[step.id]
