"""reana.yaml: reading it and checking what holds for every workflow type.

Faults are recorded, not raised, so that the front end can add its own before the user sees them all;
what is malformed reads as absent here.
"""

from __future__ import annotations

import functools
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from reana_batch.diagnostics import Diagnostics, Later, Place, Refused, Where, closest, look_up, refuse, suggestion
from reana_batch.ir import DataFile, Hint
from reana_batch.reading import expressions, places, schema
from reana_batch.reading.document import Document, read_document
from reana_batch.reading.references import read_references

SPEC_NAMES = ("reana.yaml", "reana.yml")

# Operational options by workflow type (reana_commons.operational_options).
OPTIONS = {
    "serial": ("CACHE", "FROM", "TARGET"),
    "cwl": ("TARGET",),
    "yadage": ("toplevel", "initdir", "initfiles", "accept_metadir"),
    "snakemake": ("report", "profile", "workflow-profile"),
}

_HINTS = {
    "version": 'put it in quotes, such as version: "0.9.4".',
    "environment": "every step needs a container image.",
    "commands": "write a list: each item is one job.",
}


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed reana.yaml; ``document`` knows the place of every value."""

    path: Path
    directory: Path  # what all paths of the analysis are relative to
    document: Document
    type: str
    parameters: Mapping[str, Any]  # inputs.parameters overlaid by -p, with the declared types
    given: Mapping[str, str]  # the values of -p as typed
    options: Mapping[str, str]
    input_files: tuple[str, ...]
    input_directories: tuple[str, ...]
    output_files: tuple[str, ...]
    output_directories: tuple[str, ...]
    data: tuple[DataFile, ...]  # what stands among the files and lies elsewhere
    tests: tuple[str, ...]
    resources: Mapping[str, Any]  # workflow.resources
    strict: bool = False  # do as the workflow engine does by itself, where REANA does otherwise

    @property
    def values(self) -> Mapping[str, Any]:
        """What a serial command gets for each parameter: of -p the text as it was typed."""
        return {**self.parameters, **self.given}

    @property
    def cvmfs(self) -> tuple[str, ...]:
        """The CVMFS repositories that all steps see."""
        repositories = self.resources.get("cvmfs")
        return tuple(repositories) if isinstance(repositories, list) else ()

    @property
    def default_hints(self) -> dict[str, Hint]:
        """The hints of every step that says nothing else: the workflow's own kerberos."""
        if self.resources.get("kerberos") is not True:
            return {}
        return {"kerberos": Hint(True, self.document.place(["workflow", "resources", "kerberos"]))}

    @property
    def workflow_file(self) -> str:
        """The path of the workflow definition, relative to the analysis; empty if there is none."""
        return _text(_mapping(self.document.data, "workflow").get("file"))


def find_spec(given: Path | None, directory: Path) -> Path:
    """Return the path of the analysis: ``given``, or reana.yaml or reana.yml in ``directory``."""
    if given is not None:
        if given.is_dir():
            return find_spec(None, given)
        if not given.exists():
            raise refuse("missing-file", f"{given} does not exist.", hint="name the file with -f.")
        return given
    found = [directory / name for name in SPEC_NAMES if (directory / name).exists()]
    if len(found) > 1:
        message = f"Both {' and '.join(SPEC_NAMES)} exist."
        raise refuse("spec-ambiguous", message, hint="keep one, or name one with -f.")
    if not found:
        where = "this directory" if directory == Path() else str(directory)
        hint = "name the file with -f, or start from a sample: reana-batch samples"
        raise refuse("missing-file", f"There is no {' or '.join(SPEC_NAMES)} in {where}.", hint=hint)
    return found[0]


def read_spec(
    path: Path,
    diagnostics: Diagnostics,
    parameters: Sequence[str] = (),
    options: Sequence[str] = (),
    *,
    strict: bool = False,
    workspace: Path | None = None,
) -> Spec:
    """Return the analysis in ``path``; ``parameters`` and ``options`` are ``KEY=VALUE`` words.

    In a run, the directory of the analysis is its ``workspace``, where jobs may have done away with inputs; places are
    relative to the analysis there, as its author knows them.
    Raises Refused only where nothing can be read; other faults are recorded.
    """
    document = read_document(path, path.name if workspace else str(path), diagnostics)
    if document is None:
        raise Refused(diagnostics)
    workflow = _mapping(document.data, "workflow")
    schema.check(document, schema.load_schema("reana.schema.json"), diagnostics, _HINTS, places.adviser(document.data))
    given = _read_parameters(parameters, document, diagnostics)
    data = read_references(document, _references(document.data), diagnostics)
    spec = Spec(
        path=path.resolve(),
        directory=workspace or path.resolve().parent,
        document=document,
        type=_text(workflow.get("type")),
        parameters=_mapping(document.data, "inputs", "parameters") | _typed(given, document, diagnostics),
        given=given,
        options=_read_options(options, document, diagnostics),
        input_files=_input_files(document.data),
        input_directories=_texts(document.data, "inputs", "directories"),
        output_files=_with_paths(_paths(document.data, "outputs"), data),
        output_directories=_texts(document.data, "outputs", "directories"),
        data=data,
        tests=_texts(document.data, "tests", "files"),
        resources=_mapping(workflow, "resources"),
        strict=strict,
    )
    _check_form(spec, diagnostics)
    _check_without_meaning(spec, diagnostics)
    declared = list(_declared(document, diagnostics))
    _check_paths(spec, declared, diagnostics)
    _check_nested(spec, declared, diagnostics)
    if workspace is None:
        _check_inputs(spec, declared, diagnostics)
    _check_definition(spec, diagnostics)
    _check_parameters(spec, diagnostics)
    _check_resources(spec, diagnostics)
    return spec


def _mapping(value: Any, *path: str) -> dict[str, Any]:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# Entries of a list that are looked at. The schema has refused a list of more than 1,000.
_MOST_ENTRIES = 10_000


def entries(data: Any, section: str, name: str) -> Iterator[tuple[int, str]]:
    """Yield the texts of a list, with their indices; what is no text has been reported by the schema."""
    values = _mapping(data, section).get(name)
    for index, value in enumerate(values[:_MOST_ENTRIES] if isinstance(values, list) else ()):
        if isinstance(value, str):
            yield index, value


def _texts(data: Any, section: str, name: str) -> tuple[str, ...]:
    return tuple(text for _, text in entries(data, section, name))


def _references(data: Any) -> Iterator[tuple[str, int, str]]:
    """Yield the data references: where each stands, and its text."""
    for section in ("inputs", "outputs"):
        for index, text in entries(data, section, "files"):
            if expressions.is_data_reference(text):
                yield section, index, text


def _paths(data: Any, section: str) -> tuple[str, ...]:
    """Return the declared files that are no data references."""
    return tuple(text for text in _texts(data, section, "files") if not expressions.is_data_reference(text))


def _with_paths(paths: tuple[str, ...], data: Iterable[DataFile]) -> tuple[str, ...]:
    """Return the output files, with those that are brought out of the workspace at the end."""
    return tuple(dict.fromkeys((*paths, *(file.path for file in data if file.is_output))))


def _input_files(data: Any) -> tuple[str, ...]:
    """Return the declared input files, and the definition of the workflow where it is not among them."""
    files, workflow = _paths(data, "inputs"), _mapping(data, "workflow")
    if workflow.get("type") == "serial":
        return files
    definition = (*_texts(data, "workflow", "files"), _text(workflow.get("file")).partition("#")[0])
    folders = [PurePosixPath(path) for path in _texts(data, "inputs", "directories")]
    missing = (path for path in definition if path and not any(map(PurePosixPath(path).is_relative_to, folders)))
    return tuple(dict.fromkeys((*files, *missing)))


# --- parameters and options ----------------------------------------------------------------------


def _pairs(words: Sequence[str], option: str, diagnostics: Diagnostics) -> Iterator[tuple[str, str]]:
    code = "bad-parameter" if option == "-p" else "bad-option"
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name:
            yield name, value
        else:
            diagnostics.error(code, f'{option} must be NAME=VALUE, not "{word}".')


def _read_parameters(words: Sequence[str], document: Document, diagnostics: Diagnostics) -> dict[str, str]:
    declared = _mapping(document.data, "inputs", "parameters")
    given: dict[str, str] = {}
    if parameter_file(document) is not None:
        return dict(_pairs(words, "-p", diagnostics))  # file_parameters knows the names
    for name, value in _pairs(words, "-p", diagnostics):
        if name in declared:
            given[name] = value
            continue
        _report_unknown(name, declared, diagnostics)
    return given


def _report_unknown(name: str, declared: Mapping[str, Any], diagnostics: Diagnostics) -> None:
    meant = closest(name, declared)
    known = f"known: {', '.join(declared)}." if declared else "the analysis has no parameters."
    hint = f"did you mean {meant}?" if meant else known
    diagnostics.error("unknown-parameter", f'-p {name}: the analysis has no parameter "{name}".', hint=hint)


def parameter_file(document: Document) -> tuple[str, ...] | None:
    """Return where the analysis names the file that holds its parameters, or None if it names none."""
    workflow = _mapping(document.data, "workflow")
    if workflow.get("type") in _PARAMETERS_BY_FILE:
        for path in (("workflow", "parameters", "file"), ("inputs", "parameters", "input")):
            if isinstance(_mapping(document.data, *path[:-1]).get(path[-1]), str):
                return path
    return None


# Of these types, inputs.parameters.input and workflow.parameters.file name a file (reana_commons 0.95).
_PARAMETERS_BY_FILE = ("cwl", "snakemake")


def file_parameters(spec: Spec, diagnostics: Diagnostics) -> dict[str, Any]:
    """Return the parameters as the workflow gets them: from a file if the analysis names one, and of -p the text."""
    path = parameter_file(spec.document)
    if path is None:
        return dict(spec.values)
    place = spec.document.place(path)
    workflow = _mapping(spec.document.data, "workflow", "parameters")
    if "file" in workflow and "input" in _mapping(spec.document.data, "inputs", "parameters"):
        message = "Both workflow.parameters.file and inputs.parameters.input are given."
        diagnostics.error("bad-value", message, place, "keep one of the two.")
    name = _mapping(spec.document.data, *path[:-1])[path[-1]]
    file = spec.directory / name
    if not os.path.exists(file) or os.path.isdir(file):
        diagnostics.error("missing-file", f'The parameter file "{name}" does not exist.', place, _PATH_HINT)
        return dict(spec.given)
    document = read_document(file, os.path.join(os.path.dirname(spec.document.file), name), diagnostics)
    if document is not None and not isinstance(document.data, dict):
        message = "A parameter file must be a mapping."
        diagnostics.error("bad-type", message, document.place([]))
    declared = document.data if document is not None and isinstance(document.data, dict) else {}
    for parameter in spec.given:
        if parameter not in declared:
            _report_unknown(parameter, declared, diagnostics)
    return {**declared, **spec.given}


_PLAIN_NUMBERS = {
    int: (re.compile(r"[-+]?[0-9]+"), "a whole number"),
    float: (re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"), "a number"),
}


def _typed(given: Mapping[str, str], document: Document, diagnostics: Diagnostics) -> dict[str, Any]:
    """Return the values of -p in the types that the analysis declares."""
    typed: dict[str, Any] = {}
    declared = _mapping(document.data, "inputs", "parameters")
    for name, text in given.items():
        if name not in declared:
            continue
        kind = type(declared[name])
        try:
            typed[name] = _convert(text, kind)
        except ValueError as error:
            place = document.place(["inputs", "parameters", name])
            message = f'-p {name} must be {error} as in the analysis, not "{text}".'
            diagnostics.error("bad-parameter", message, place)
    return typed


def _convert(text: str, kind: type[Any]) -> Any:
    if kind in _PLAIN_NUMBERS:
        pattern, expected = _PLAIN_NUMBERS[kind]
        if not pattern.fullmatch(text):
            raise ValueError(expected)
        return kind(text)
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError("true or false")
        return text.lower() == "true"
    if kind in (list, dict):
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, LookupError, OverflowError):
            value = None
        if not isinstance(value, kind):
            raise ValueError(schema.JSON_TYPES["array" if kind is list else "object"])
        return value
    return text


def _read_options(words: Sequence[str], document: Document, diagnostics: Diagnostics) -> dict[str, str]:
    kind = _text(_mapping(document.data, "workflow").get("type"))
    written = _mapping(document.data, "inputs", "options")
    options = {name: str(value) for name, value in written.items()}
    options |= dict(_pairs(words, "--option", diagnostics))
    for name in options:
        if kind in OPTIONS and name not in OPTIONS[kind]:
            place = document.key_place(["inputs", "options", name]) if name in written else None
            hint = suggestion(name.upper(), OPTIONS[kind], f"known: {', '.join(OPTIONS[kind])}.")
            message = f'Operational option "{name}" does not exist for {kind} workflows.'
            diagnostics.error("bad-option", message, place, hint)
    return options


def _check_parameters(spec: Spec, diagnostics: Diagnostics) -> None:
    """Warn of parameters that YAML 1.1 reads as something else than what is written.

    ``010`` is 8, ``off`` is False, ``12:30:00`` is 45000; REANA puts str() of that into the commands of a serial
    workflow. Other engines get the value in its type, so that quotes would change what the workflow does with it.
    """
    path = ["inputs", "parameters"]
    parameters = _mapping(spec.document.data, *path)
    written_as = spec.document.sources(path) if parameters else {}
    for name, value in parameters.items():
        if isinstance(value, str | list | dict):
            continue
        written = written_as[name]
        if spec.type != "serial" and _is_as_written(value, written):
            continue
        if str(value) != written and not written.startswith(("&", "*", "!")):
            consequence = ", and commands get that text" if spec.type == "serial" else ""
            message = f"REANA reads {written or 'nothing'} as {value!r}{consequence}."
            hint = f'write "{written}", in quotes, to keep the text.'
            diagnostics.warning("yaml-value", message, spec.document.place([*path, name]), hint)


def _is_as_written(value: Any, written: str) -> bool:
    """Return whether a value is what a reader takes the text for: true, null and plain decimal or hexadecimal numbers."""
    if isinstance(value, bool) or value is None:
        return True
    try:
        return bool(float(int(written, 16) if written.lower().startswith("0x") else float(written)) == value)
    except (ValueError, OverflowError):
        return False


# --- the workflow section ------------------------------------------------------------------------


_FORM_HINTS = {
    "serial": "write specification:, and below it steps: with a list of steps.",
    "snakemake": "name the workflow, such as file: Snakefile.",
    "cwl": "name the workflow, such as file: workflow.cwl.",
    "yadage": "name the workflow, such as file: workflow.yaml.",
}


def _check_form(spec: Spec, diagnostics: Diagnostics) -> None:
    workflow = _mapping(spec.document.data, "workflow")
    needed = "specification" if spec.type == "serial" else "file"
    given = {needed} if spec.type == "snakemake" else {needed, "specification"}
    if spec.type in OPTIONS and not given & workflow.keys():
        message = f'A {spec.type} workflow must have "{needed}".'
        diagnostics.error("missing-key", message, spec.document.key_place(["workflow"]), _FORM_HINTS[spec.type])


def _check_without_meaning(spec: Spec, diagnostics: Diagnostics) -> None:
    """Warn of what only a REANA server could do, or what REANA itself passes over."""
    data = spec.document.data
    unheard = [("workspace", name, "only a REANA server keeps workspaces") for name in _mapping(data, "workspace")]
    if spec.type == "serial" and "file" in _mapping(data, "workflow"):
        unheard.append(("workflow", "file", "a serial workflow is given by its specification"))
    for section, name, reason in unheard:
        place = spec.document.key_place([section, name])
        diagnostics.warning("hint-ignored", f"{section}.{name} has no effect: {reason}.", place)
    if "CACHE" in spec.options:
        written = "CACHE" in _mapping(data, "inputs", "options")
        where = spec.document.key_place(["inputs", "options", "CACHE"]) if written else None
        diagnostics.warning("hint-ignored", "CACHE has no effect; it has none in REANA either.", where)


def _check_resources(spec: Spec, diagnostics: Diagnostics) -> None:
    path = ["workflow", "resources"]
    if "dask" in spec.resources:
        diagnostics.error(
            "unsupported",
            "A Dask cluster needs a REANA server.",
            spec.document.key_place([*path, "dask"]),
            "start the cluster in a step of your own.",
        )
    for name in ("voms_proxy", "rucio"):
        if spec.resources.get(name) is True:
            message = f"{name} here reaches only Dask pods in REANA, no step of the workflow."
            place = spec.document.key_place([*path, name])
            diagnostics.warning("hint-ignored", message, place, f"write {name}: true at the steps that need it.")


# --- inputs and outputs --------------------------------------------------------------------------

_SECTIONS = (
    ("inputs", "files"),
    ("inputs", "directories"),
    ("outputs", "files"),
    ("outputs", "directories"),
    ("tests", "files"),
)


class _Declared(NamedTuple):
    """An entry of a list of paths."""

    section: str
    name: str
    number: int  # its index
    path: str
    problem: str  # the sentence that says why it can be none, or nothing
    normal: str  # as other ways to write the same are written, too

    @classmethod
    def of(cls, path: str, section: str, name: str, number: int = 0) -> _Declared:
        return cls(section, name, number, path, path_problem(path), posixpath.normpath(path))

    def place(self, spec: Spec) -> Place:
        return spec.document.place([self.section, self.name, self.number])


def _declared(document: Document, diagnostics: Diagnostics) -> Iterator[_Declared]:
    """Yield the declared paths; record data references where only paths can be."""
    for section, name in _SECTIONS:
        for index, text in entries(document.data, section, name):
            if not expressions.is_data_reference(text):
                yield _Declared.of(text, section, name, index)
            elif name != "files" or section == "tests":
                message = f"{section}.{name} holds paths; a data reference stands under inputs.files or outputs.files."
                diagnostics.error("bad-data-reference", message, document.place([section, name, index]))


def _check_paths(spec: Spec, declared: list[_Declared], diagnostics: Diagnostics) -> None:
    """Check the declared paths as texts: relative, not empty, without ``..``, nothing twice."""
    seen: dict[str, Where] = {}
    for each in declared:
        _check_path(each, functools.partial(each.place, spec), seen, diagnostics)
    targets: dict[str, Place] = {}
    for file in spec.data:
        if file.is_output:
            _check_target(file, targets, diagnostics)
        section = "outputs" if file.is_output else "inputs"
        _check_path(_Declared.of(file.path, section, "files"), file.place, seen, diagnostics)


def _check_path(each: _Declared, where: Where, seen: dict[str, Where], diagnostics: Diagnostics) -> None:
    """Check one path; ``seen`` are the inputs so far, each by its normal form."""
    if each.problem:
        message = f"{each.section}.{each.name}: {each.problem}"
        diagnostics.error("input-path", message, where, _path_hint(each.path))
    elif each.section == "inputs":
        first = look_up(seen.get(each.normal))
        if first:
            message = f'"{each.path}" is already declared in line {first.line}.'
            diagnostics.error("input-duplicate", message, where, "keep one of the two.")
        seen.setdefault(each.normal, where)


def _check_target(file: DataFile, targets: dict[str, Place], diagnostics: Diagnostics) -> None:
    """Record an output that goes where another goes."""
    where = f"{file.rse} {file.address}"
    if where in targets:
        message = f'"{file.address}" is already written to in line {targets[where].line}.'
        diagnostics.error("input-duplicate", message, file.place, "keep one of the two.")
    targets.setdefault(where, file.place)


def _check_nested(spec: Spec, declared: list[_Declared], diagnostics: Diagnostics) -> None:
    """Warn of inputs below a declared directory: REANA's server refuses them, and they are copied anyway."""
    folders = {posixpath.normpath(path): path for path in spec.input_directories}
    for each in declared if folders else ():
        is_input = each.section == "inputs" and not each.problem
        parent = next((p for p in _above(each.normal) if p in folders), "") if is_input else ""
        if parent:
            message = f'"{each.path}" lies in "{folders[parent]}", which is declared as well.'
            hint = "REANA's server refuses this; keep one of the two."
            diagnostics.warning("input-duplicate", message, functools.partial(each.place, spec), hint)


def _above(normal: str) -> Iterator[str]:
    """Yield the folders that a relative path lies in, the nearest first and ``.`` last."""
    while normal != ".":
        normal = normal.rpartition("/")[0] or "."
        yield normal


_PATH_HINT = "paths are relative to the directory of the analysis."

# How paths begin that something else than REANA understands, and what to write.
_FOREIGN = {
    r"[A-Za-z0-9._+-]*://|file:": "data references begin with root://, https:// or davs://, or are rucio(...).",
    r"~|\$": "no shell reads paths; write them relative to the directory of the analysis.",
    r"[A-Za-z]:\\|.*\\": "write / between folders, and no drive.",
    r"/cvmfs/": "name the repository under workflow.resources.cvmfs; jobs then see it.",
    r".*[*?[]": "inputs are no patterns; declare the files, or their directory.",
}
# Servers of CERN's EOS, by the first folder below /eos/.
_EOS = {
    **{name: f"eos{name}" for name in ("user", "project", "cms", "atlas", "lhcb", "alice")},
    **dict.fromkeys(("opendata", "experiment"), "eospublic"),
}


def _path_hint(path: str) -> str:
    """Return what to write instead of a declared path that is none."""
    if path.startswith("/eos/"):
        folder = path.split("/")[2]
        server = f"eos{folder}" if folder.startswith("home-") else _EOS.get(folder)
        host = f"{server}.cern.ch" if server else "SERVER"
        return f"to have a file brought from EOS, write root://{host}/{path}, with two slashes after the server."
    found = (hint for start, hint in _FOREIGN.items() if re.match(start, path))
    return next(found, _PATH_HINT)


# What leaves room for the directory of the run in the 4,096 bytes of Linux.
_LONGEST_PATH = 3000


def path_problem(path: str) -> str:
    """Return the sentence that says why a declared path cannot be, or nothing."""
    if not path.strip():
        return "A path must not be empty."
    if path.startswith("/"):
        return f'A path must be relative, not "{path}".'
    parts = path.split("/")
    if ".." in parts:
        return f'A path must not hold "..", as "{path}" does.'
    if "\0" in path or "\n" in path:
        return "A path must be one line of text."
    # A character has four bytes at most.
    if len(path) > 255 // 4 and (
        len(os.fsencode(path)) > _LONGEST_PATH or len(max(map(os.fsencode, parts), key=len)) > 255
    ):
        return f"A path has at most {_LONGEST_PATH:,} bytes, and 255 between slashes."
    return ""


# What must be there before the run starts.
_UPLOADED = ("inputs", "tests")


def _check_inputs(spec: Spec, declared: list[_Declared], diagnostics: Diagnostics) -> None:
    """Check that the declared inputs exist, are of the declared kind and stay in the analysis."""
    root = os.path.realpath(spec.directory)  # a restart's is a link
    for each in declared:
        if each.section in _UPLOADED and not each.problem:
            _check_input(root, each.path, functools.partial(each.place, spec), each.name == "files", diagnostics)


def _check_definition(spec: Spec, diagnostics: Diagnostics) -> None:
    """Check the file that defines the workflow, as an input that need not be declared."""
    declared = spec.workflow_file.partition("#")[0]
    if declared and spec.type != "serial":
        place = spec.document.place(["workflow", "file"])
        problem = path_problem(declared)
        if problem:
            diagnostics.error("input-path", f"workflow.file: {problem}", place, _PATH_HINT)
        elif os.path.lexists(spec.directory / declared):
            _check_input(os.path.realpath(spec.directory), declared, place, True, diagnostics)
        else:
            hint = Later(declared, functools.partial(_hint_of_missing, spec.directory, declared, True))
            diagnostics.error("missing-file", f'"{declared}" does not exist.', place, hint)


def _check_input(root: str, declared: str, where: Where, is_file: bool, diagnostics: Diagnostics) -> None:
    path = os.path.join(root, declared)
    if not os.path.lexists(path):
        _report_missing(root, declared, where, is_file, diagnostics)
        return
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root):
        message = f'"{declared}" leads out of the analysis, to {target}.'
        diagnostics.error("input-symlink", message, where, "copy the data, or fetch it in a step.")
    elif not os.path.exists(path):
        message = f'"{declared}" is a link to "{os.readlink(path)}", which does not exist.'
        diagnostics.error("input-missing", message, where, _PATH_HINT)
    elif is_file and os.path.isdir(path):
        diagnostics.error("input-kind", f'"{declared}" is a directory.', where, "list it under directories.")
    elif is_file and not os.path.isfile(path):
        diagnostics.error("input-kind", f'"{declared}" is no ordinary file.', where, "write its content to a file.")
    elif not is_file and not os.path.isdir(path):
        diagnostics.error("input-kind", f'"{declared}" is not a directory.', where, "list it under files.")


def _report_missing(root: str, declared: str, where: Where, is_file: bool, diagnostics: Diagnostics) -> None:
    """Record an input that is not there; of a directory that is a warning, because git keeps no empty ones."""
    hint = Later((declared, is_file), functools.partial(_hint_of_missing, Path(root), declared, is_file))
    if is_file:
        diagnostics.error("input-missing", f'"{declared}" does not exist.', where, hint)
    else:
        message = f'The directory "{declared}" does not exist, and nothing of it is copied.'
        diagnostics.warning("input-missing", message, where, hint)


def _hint_of_missing(directory: Path, declared: str, is_file: bool) -> str:
    near = _near_path(directory, declared.replace("\\", "/"))
    if near:
        return f"did you mean {near}?"
    hint = _path_hint(declared)
    if hint == _PATH_HINT and not is_file:
        hint = "git keeps no empty directories; a command can make it with mkdir -p."
    if hint == _PATH_HINT and os.path.exists(declared):
        return f"paths are relative to {directory}, and it lies in the current directory: move reana.yaml there."
    return hint


def _near_path(directory: Path, declared: str) -> str | None:
    """Return the path of a file or directory that is there and looks like ``declared``, part by part."""
    found = PurePosixPath()
    for part in PurePosixPath(declared).parts:
        if os.path.lexists(directory / found / part):
            found /= part
            continue
        try:
            meant = closest(part, sorted(os.listdir(directory / found)))
        except OSError:
            return None
        if meant is None:
            return None
        found /= meant
    return str(found)
