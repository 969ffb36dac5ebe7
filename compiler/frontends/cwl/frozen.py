"""A workflow with one step as plain JSON, from which cwltool's objects are made again without reading a document.

The JSON has no path of this machine. Names of documents are relative to a base directory, identifiers start with
``cwl:``, and locations of files below the base start with ``workspace:``. It keeps the file, line and column of each
node, so that cwltool's messages have the places of the user's documents.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urldefrag

from cwltool import process
from cwltool.context import LoadingContext
from cwltool.process import Process, shortname
from cwltool.update import ORIGINAL_CWLVERSION
from cwltool.workflow import Workflow, WorkflowStep, default_make_tool
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from reana_batch.frontends.cwl.files import plain
from reana_batch.frontends.cwl.locations import FILE, is_file, maps, path_of
from reana_batch.frontends.cwl.records import WORKSPACE
from reana_batch.frontends.cwl.values import Json

# A CWL document as cwltool holds it: maps and lists with places.
Node = Any

# Requirements of cwltool's own that the workflow around a step needs, whatever the user's workflow has.
_FEATURES = (
    "ScatterFeatureRequirement",
    "SubworkflowFeatureRequirement",
    "MultipleInputFeatureRequirement",
    "StepInputExpressionRequirement",
)

# What brings several values to one port. The reader does that, so a frozen step has one value for each port.
_MERGING = ("source", "default", "linkMerge", "pickValue")

# The keys of a file that hold its location, and the key under which the writer knows them.
_LOCATION = "file location"
_LOCATIONS = {"location": _LOCATION, "path": _LOCATION}

# Names of files for nodes that cwltool adds to a document.
_NO_NAMES = frozenset({"", "test"})

_RANDOM = re.compile(r"^_:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_SUBCLASS = "http://www.w3.org/2000/01/rdf-schema#subClassOf"
_SAME_CLASS = "http://www.w3.org/2002/07/owl#equivalentClass"


# Marks the workflow of a document that is a single tool. The tool may leave out outputs.
_SINGLE = "single"


# --- freezing ------------------------------------------------------------------------------------


def freeze_step(workflow: Workflow, step: WorkflowStep, *, scatter: bool, base: str = "") -> Json:
    """Return a workflow with this one step as JSON. Each port of the step has one input of the workflow as its source.

    Without ``scatter`` the step runs once. ``base`` is the directory to which names are relative. By default it is the
    directory of the workflow's document.
    """
    dropped = {"inputs", "outputs", "in", "run"} | (set() if scatter else {"scatter", "scatterMethod"})
    frozen = _copied(step.tool, [key for key in step.tool if key not in dropped])
    _put(frozen, "in", _ports(step.tool), step.tool)
    _put(frozen, "run", _process(step.embedded_tool), step.tool)
    return _freeze(workflow, frozen, step.embedded_tool, base) | _mark(workflow.metadata.get(_SINGLE))


def freeze_tool(tool: Process, *, base: str = "") -> Json:
    """Return the same for a document that is a single tool. The step has the tool's name and all its ports."""
    name = tool_name(tool)
    whole = tool.tool
    step = _like(whole, {"id": f"cwl:#{name}"})
    ports = [_like(each, {"id": f"cwl:#{name}/{shortname(each['id'])}"}) for each in whole["inputs"]]
    _put(step, "in", _listed([_connected(each) for each in ports], whole["inputs"]), whole)
    _put(step, "out", _listed([f"cwl:#{name}/{shortname(each['id'])}" for each in whole["outputs"]], whole), whole)
    document = _process(tool)
    for key, all_of_them in (("requirements", tool.requirements), ("hints", tool.hints)):  # a job can add some
        _put(document, key, _listed(all_of_them, whole.get(key) or whole), whole)
    _put(step, "run", document, whole)
    return _freeze(tool, step, tool, base) | _mark(True)


def _mark(single: Any) -> dict[str, Json]:
    return {_SINGLE: True} if single else {}


def tool_name(tool: Process) -> str:
    """Return the name of the step that runs a single tool: its fragment, or its file's name without the extension."""
    address, fragment = urldefrag(str(tool.tool["id"]))
    name = fragment.rpartition("/")[2]
    if name and name != "main":
        return name
    return unquote(os.path.splitext(os.path.basename(address))[0]) or "tool"


def _freeze(around: Process, step: Node, tool: Process, base: str) -> Json:
    document = _like(step, {"id": "cwl:#", "class": "Workflow"})
    _put(document, "inputs", _listed([_input(each, step) for each in step["in"]], step), step)
    _put(document, "outputs", _listed([], step), step)
    features = [_like(step, {"class": name}) for name in _FEATURES]
    own = around.requirements if isinstance(around, Workflow) else []
    _put(document, "requirements", _listed([*features, *own], step), step)
    _put(document, "hints", _listed(around.hints if isinstance(around, Workflow) else [], step), step)
    _put(document, "steps", _listed([step], step), step)
    _put_version(document, around)
    writer = _Writer(base or os.path.dirname(_path(str(around.tool["id"]))), _documents(document))
    return {
        "document": writer.plain(document),
        "files": writer.files,
        "places": writer.places,
        "formats": _formats(tool),
        "schemas": [_short(each) for each in (process.SCHEMA_FILE, process.SCHEMA_DIR, process.SCHEMA_ANY)],
    }


def _ports(step: Node) -> Node:
    entries = [each if isinstance(each, Mapping) else _like(step["in"], {"id": each}) for each in step["in"]]
    return _listed([_connected(each) for each in entries], step["in"])


def _connected(entry: Node) -> Node:
    port = _copied(entry, [key for key in entry if key not in _MERGING])
    _put(port, "source", f"cwl:#in/{shortname(entry['id'])}", entry)
    return port


def _input(port: Node, step: Node) -> Node:
    return _like(step, {"id": f"cwl:#in/{shortname(port['id'])}", "type": "Any"})


def _process(tool: Process) -> Node:
    """Return the document of a process with those of its steps in it."""
    document = _copied(tool.tool, [key for key in tool.tool if not key.startswith("$")])
    _put_version(document, tool)
    if isinstance(tool, Workflow):
        steps = {step.id: step for step in tool.steps}
        _put(document, "steps", _listed([_inner(steps[each["id"]], each) for each in tool.tool["steps"]], tool.tool))
    return document


def _inner(step: WorkflowStep, original: Node) -> Node:
    document = _copied(original, list(original))
    _put(document, "run", _process(step.embedded_tool), original)
    return document


def _put_version(document: Node, tool: Process) -> None:
    for key in ("cwlVersion", ORIGINAL_CWLVERSION):
        if key in tool.metadata:
            document[key] = tool.metadata[key]


def _documents(node: Node) -> set[str]:
    """Return the addresses of the documents that identifiers are in."""
    found: set[str] = set()
    for each in maps(node):
        name = each.get("id", each.get("name"))
        if isinstance(name, str) and name.startswith(FILE):
            found.add(urldefrag(name)[0])
    return found


class _Writer:
    """The plain JSON of a document, and the places of its nodes in the order of :func:`_keys`."""

    def __init__(self, base: str, documents: set[str]) -> None:
        self._base = os.path.abspath(base)
        self._documents = documents
        self._random: dict[str, str] = {}
        self.files: list[str] = []
        self.places: list[list[int]] = []

    def plain(self, node: Node, *, key: str = "") -> Json:
        if isinstance(node, str):
            return self._text(str(node), key)
        if not isinstance(node, Mapping | list):
            return plain(node)
        self.places.append(self._place(node))
        if isinstance(node, list):
            return [self.plain(each, key=key) for each in node]
        names = _LOCATIONS if is_file(node) else {}
        made = {each: self.plain(node[each], key=names.get(each, each)) for each in _keys(node)}
        return {each: made[each] for each in node}

    def _text(self, text: str, key: str) -> str:
        match = _RANDOM.match(text)
        if match:
            return self._random.setdefault(match[0], f"_:{len(self._random) + 1}") + text[match.end() :]
        if not text.startswith(FILE):
            return text
        if key == _LOCATION:
            name = self._relative(_path(text))
            return text if name.startswith("../") else f"{WORKSPACE}{quote(name)}"
        address, _, fragment = text.partition("#")
        if address in self._documents or key == "class":
            return f"cwl:{self._relative(_path(address))}" + (f"#{fragment}" if "#" in text else "")
        return text

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._base)

    def _place(self, node: Node) -> list[int]:
        """Return the number of the file, and the line and column of the node and of each of its parts."""
        if not hasattr(node, "lc"):
            return []
        name = self._file(str(getattr(node.lc, "filename", "")))
        data = node.lc.data or {}
        place = [name, node.lc.line or 0, node.lc.col or 0]
        for key in _keys(node):
            place += data[key][:2] if key in data else [-1, -1]
        return place

    def _file(self, name: str) -> int:
        if name in _NO_NAMES:
            return 0  # of the step's document
        if not re.match(r"https?://", name):
            name = self._relative(os.path.abspath(path_of(name)))
        if name not in self.files:
            self.files.append(name)
        return self.files.index(name)


def _keys(node: Node) -> Sequence[Any]:
    """Return the keys of a map or list in an order that does not depend on how JSON is written."""
    return sorted(node) if isinstance(node, Mapping) else range(len(node))


def _path(url: str) -> str:
    """Return the path of a URL of a file. Another text is returned as it is."""
    return path_of(urldefrag(url)[0]) if url.startswith(FILE) else url


def _formats(tool: Process) -> Json:
    """Return what the ontologies of the documents say about the formats of a tool's inputs, as triples."""
    if "$schemas" not in tool.metadata or tool.formatgraph is None:
        return []
    triples = {
        (str(subject), str(predicate), str(other))
        for subject, predicate, other in tool.formatgraph
        if str(predicate) in {_SUBCLASS, _SAME_CLASS}
        and ":" in str(subject)
        and ":" in str(other)  # others have random names
    }
    named = {text for each in _inputs(tool) for text in _texts(each.get("format"))}
    computed = any("$(" in text or "${" in text for text in named)
    return sorted(triples if computed else _below(named, triples))


def _inputs(tool: Process) -> Iterator[Mapping[str, Any]]:
    """Yield the nodes of the inputs of a process, and of those of its steps."""
    yield from maps(tool.tool["inputs"])
    for step in tool.steps if isinstance(tool, Workflow) else ():
        yield from _inputs(step.embedded_tool)


def _texts(value: Node) -> Sequence[str]:
    return [value] if isinstance(value, str) else value or []


def _below(names: set[str], triples: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Return the triples that lead from another class to one of those that are named."""
    makers: dict[str, list[tuple[str, str, str]]] = {}
    for triple in triples:
        makers.setdefault(triple[2], []).append(triple)
        if triple[1] == _SAME_CLASS:
            makers.setdefault(triple[0], []).append(triple)
    found: set[tuple[str, str, str]] = set()
    open_names = list(names)
    while open_names:
        new = [each for each in makers.get(open_names.pop(), []) if each not in found]
        found.update(new)
        open_names += [name for each in new for name in (each[0], each[2])]
    return found


def _short(schema: Node) -> Json:
    """Return a schema without its documentation."""
    if isinstance(schema, Mapping):
        return {key: _short(value) for key, value in schema.items() if key != "doc"}
    return [_short(each) for each in schema] if isinstance(schema, list) else schema


# --- nodes with places ---------------------------------------------------------------------------


def _like(node: Node, content: Mapping[str, Any]) -> Node:
    """Return a map that has the place of another node."""
    return _placed(CommentedMap(content), node)


def _listed(items: Sequence[Any], node: Node) -> Node:
    """Return a list that has the place of another node."""
    made = _placed(CommentedSeq(items), node)
    for index, each in enumerate(items):
        lc = getattr(each, "lc", made.lc)
        made.lc.data[index] = [lc.line or 0, lc.col or 0]
    return made


def _placed(made: Node, node: Node) -> Node:
    made.lc.data = {}
    made.lc.line, made.lc.col = getattr(node.lc, "line", 0), getattr(node.lc, "col", 0)
    made.lc.filename = getattr(node.lc, "filename", "")
    return made


def _copied(node: Node, keys: Sequence[str]) -> Node:
    """Return a map with some keys of another one and their places."""
    made = _like(node, {key: node[key] for key in keys})
    made.lc.data = {key: place for key, place in (node.lc.data or {}).items() if key in made}
    return made


def _put(node: Node, key: str, value: Node, original: Node | None = None) -> None:
    node[key] = value
    place = ((original.lc.data if original is not None else None) or {}).get(key)
    if place is not None:
        node.lc.data[key] = list(place)


# --- thawing -------------------------------------------------------------------------------------

Maker = Callable[[CommentedMap, LoadingContext], Process]


def thaw(frozen: Json, make: Maker = default_make_tool) -> Workflow:
    """Return cwltool's objects of a frozen workflow. No file, schema or network is read.

    ``make`` makes the object of one process of its document.
    """
    process.SCHEMA_FILE, process.SCHEMA_DIR, process.SCHEMA_ANY = frozen["schemas"]
    document = _Reader(frozen["files"], frozen["places"]).node(frozen["document"])
    graph = _graph(frozen["formats"])

    def construct(node: CommentedMap, context: LoadingContext) -> Process:
        context = context.copy()
        context.metadata = {key: node[key] for key in ("cwlVersion", ORIGINAL_CWLVERSION) if key in node}
        if graph is not None:
            context.metadata["$schemas"] = []  # so that the formats are not lost when this is frozen again
        made = make(node, context)
        made.formatgraph = graph
        return made

    context = LoadingContext(
        {
            "construct_tool_object": construct,
            "do_validate": False,
            "relax_path_checks": True,
            "disable_js_validation": True,
        }
    )
    made = construct(document, context)
    assert isinstance(made, Workflow)
    made.metadata.update(_mark(frozen.get(_SINGLE)))  # so that it is not lost when this is frozen again
    return made


def _graph(formats: Json) -> Any:
    if not formats:
        return None
    from rdflib import Graph, URIRef

    graph = Graph()
    for subject, predicate, other in formats:
        graph.add((URIRef(subject), URIRef(predicate), URIRef(other)))
    return graph


class _Reader:
    """The nodes of plain JSON with their places."""

    def __init__(self, files: Sequence[str], places: Sequence[Sequence[int]]) -> None:
        self._files = files
        self._places = iter(places)

    def node(self, json: Json) -> Node:
        if not isinstance(json, dict | list):
            return json
        place = next(self._places)
        keys = _keys(json)
        parts = {key: self.node(json[key]) for key in keys}
        made = (
            CommentedMap((key, parts[key]) for key in json) if isinstance(json, dict) else CommentedSeq(parts.values())
        )
        self._set_place(made, keys, place)
        return made

    def _set_place(self, made: Node, keys: Sequence[Any], place: Sequence[int]) -> None:
        made.lc.data = {}
        if not place:
            return
        made.lc.filename = self._files[place[0]]
        made.lc.line, made.lc.col = place[1], place[2]
        for number, key in enumerate(keys):
            where = list(place[3 + 2 * number : 5 + 2 * number])
            if where[0] >= 0:
                made.lc.data[key] = where * 2 if isinstance(made, CommentedMap) else where
