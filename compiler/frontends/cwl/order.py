"""The inputs of a workflow: the job order with defaults, secondary files and formats, checked as cwltool does."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from cwltool.builder import INPUT_OBJ_VOCAB
from cwltool.context import RuntimeContext
from cwltool.process import Process, shortname
from cwltool.utils import aslist, normalizeFilesDirs
from schema_salad.exceptions import ValidationException
from schema_salad.ref_resolver import Loader
from schema_salad.sourceline import cmap
from schema_salad.validate import validate_ex

from reana_batch.frontends.cwl.faults import Faulty, Place, Places
from reana_batch.frontends.cwl.files import Folders, access, plain
from reana_batch.frontends.cwl.locations import files
from reana_batch.frontends.cwl.records import Fault

if TYPE_CHECKING:
    from schema_salad.avro.schema import Schema

_REQUIREMENTS = ("cwl:requirements", "https://w3id.org/cwl/cwl#requirements")

# The keys of a job order that name no input.
_NO_INPUTS = {*_REQUIREMENTS, "cwl:tool", "$namespaces", "$schemas", "$base", "id", "__id"}
_TOOL_PREFIXES = ("cwltool:", "http://commonwl.org/cwltool#")


def requirements(parameters: Mapping[str, Any]) -> Any:
    """Return the requirements that a job order adds to the workflow."""
    found = next((parameters[key] for key in _REQUIREMENTS if key in parameters), None)
    if isinstance(found, dict):
        found = [{"class": name, **(content or {})} for name, content in found.items()]
    return cmap(found) if isinstance(found, list) else None


def context(folders: Folders, *, toplevel: bool = False) -> RuntimeContext:
    """Return how cwltool evaluates things here: nothing is made on disk."""
    made = RuntimeContext({"basedir": folders.directory, "toplevel": toplevel, "use_container": False})
    made.make_fs_access = access(folders)
    made.outdir = made.tmpdir = made.stagedir = "/outdir"
    made.compute_checksum = False
    return made


def inputs(tool: Process, parameters: Mapping[str, Any], folders: Folders, places: Places) -> dict[str, Any]:
    """Return the value of each input. Locations are those of cwltool. Faulty inputs raise Faulty."""
    given = {key: value for key, value in parameters.items() if not _is_directive(key)}
    declared = {shortname(each["id"]): each for each in tool.tool["inputs"]}
    at = {name: places.item(tool.tool["inputs"], name) for name in declared}
    faults = _missing(declared, given, at)
    order: dict[str, Any] = {}
    for name, value in given.items():
        if name in declared:
            order[name] = copy.deepcopy(value)
            _locate(order[name], folders)
            faults += _absent(name, order[name], folders, at[name])
    _expand_formats(order, parameters, tool)
    if faults:
        named = {each.parameter for each in faults}
        raise Faulty(*faults, *(each for each in _wrong(tool, order, places, at) if each.parameter not in named))
    return _checked(tool, order, folders, places, at)


def unused(tool: Process, parameters: Mapping[str, Any], places: Places) -> list[Fault]:
    """Return a warning for each parameter that names no input."""
    names = [shortname(each["id"]) for each in tool.tool["inputs"]]
    extra = [each for each in parameters if each not in names and not _is_directive(each)]
    return [Fault("unused-input", places.of(tool.tool, "inputs"), each, [each, *names]) for each in extra]


def _is_directive(key: str) -> bool:
    return key in _NO_INPUTS or key.startswith(_TOOL_PREFIXES)


def _missing(declared: Mapping[str, Any], given: Mapping[str, Any], at: Mapping[str, Place]) -> list[Fault]:
    needed = (
        name
        for name, each in declared.items()
        if given.get(name) is None and "default" not in each and "null" not in aslist(each["type"])
    )
    return [Fault("missing-input", at[name], name, [name]) for name in needed]


def _wrong(tool: Process, order: Mapping[str, Any], places: Places, at: Mapping[str, Place]) -> list[Fault]:
    """Return a fault for each input of a wrong type. Files need not exist."""
    schema = cast("Schema", tool.names.get_name("input_record_schema", None))
    try:
        validate_ex(schema, order, strict=False, vocab=INPUT_OBJ_VOCAB)
    except ValidationException as error:
        return [each for each in _faults(error, tool, places, at) if each.kind == "bad-input"]
    return []


def _locate(value: Any, folders: Folders) -> None:
    """Give each file of a value the location that cwltool reads."""
    for each in files(value):
        if "path" in each:
            each["location"] = folders.from_path(str(each.pop("path")))
        elif isinstance(each.get("location"), str):
            each["location"] = folders.absolute(each["location"])


def _absent(name: str, value: Any, folders: Folders, place: Place) -> list[Fault]:
    """Return a fault for each file that is not in the workspace."""
    locations = (folders.inside(str(each["location"])) for each in files(value) if "location" in each)
    gone = [each for each in locations if folders.is_missing(each)]
    return [Fault("missing-file", place, name, [folders.relative(each)]) for each in gone]


def _expand_formats(order: Mapping[str, Any], parameters: Mapping[str, Any], tool: Process) -> None:
    own: Any = tool.metadata.get("$namespaces", {})
    loader = Loader({**parameters.get("$namespaces", {}), **own})
    for each in files(order):
        if isinstance(each.get("format"), str):
            each["format"] = loader.expand_url(each["format"], "")


def _checked(
    tool: Process, order: dict[str, Any], folders: Folders, places: Places, at: Mapping[str, Place]
) -> dict[str, Any]:
    """Return the inputs after cwltool has checked and completed them."""
    normalizeFilesDirs(order)
    try:
        builder = tool._init_job(order, context(folders, toplevel=True))  # noqa: SLF001  # nothing public checks inputs alone
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        raise Faulty(*_faults(error, tool, places, at)) from error
    found = {name: plain(value) for name, value in builder.job.items() if name in at}
    for each in files(found):
        if each.get("size") == 0 and not folders.has_content(str(each.get("location", ""))):
            each.pop("size")
    return found


_FIELD = re.compile(r"[tT]he [`']?(\w[^\s`']*)[`']? field is not valid because\s*(.*)", re.DOTALL)
_HEAD = re.compile(r"^Invalid job input record:\s*")


def _faults(error: Exception, tool: Process, places: Places, at: Mapping[str, Place]) -> list[Fault]:
    """Return the faults of inputs that cwltool does not accept, at the inputs that they are about."""
    text = _HEAD.sub("", str(error))
    parts = [match for match in map(_FIELD.search, re.split(r"\n(?=\S*\s*\* )", text)) if match]
    own = {match[1]: " ".join(match[2].replace("* ", "").split())[:300] for match in parts if match[1] in at}
    if own:
        return [Fault("bad-input", at[name], name, [name, _end(why)]) for name, why in own.items()]
    named = next((name for name in at if f"'{name}'" in text or f'"{name}"' in text), "")
    place = at.get(named, places.of(tool.tool, "inputs"))
    return [each._replace(parameter=named, place=each.place or place) for each in places.faults(error)]


def _end(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
