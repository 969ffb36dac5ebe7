"""Read reana.yaml, and check what is common to all workflow types.

Faults are recorded, not raised, so that the front end can add its own before the user sees them.
A malformed value is read as if it were absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from reana_batch.credentials import CREDENTIALS
from reana_batch.diagnostics import Diagnostics, Refused, refuse
from reana_batch.frontend import UNKNOWN, FrontEnd
from reana_batch.ir import DataFile
from reana_batch.reading import expressions, places, rules, schema
from reana_batch.reading.document import Document, as_text, entries, mapping_at, read_document, texts_at
from reana_batch.reading.inputs import check_definition, check_inputs, check_nested, check_paths, declared_paths
from reana_batch.reading.parameters import check_parameters, read_options, read_parameters, typed_parameters
from reana_batch.reading.references import read_references
from reana_batch.reading.spec import Spec, definition_path

SPEC_NAMES = ("reana.yaml", "reana.yml")


_HINTS = {
    "version": 'put it in quotes, such as version: "0.9.4".',
    "environment": "every step needs a container image.",
    "commands": "write a list: each item is one job.",
}


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
    front_ends: Mapping[str, FrontEnd],
    diagnostics: Diagnostics,
    parameters: Sequence[str] = (),
    options: Sequence[str] = (),
    *,
    strict: bool = False,
    definition: str = "",
    workspace: Path | None = None,
) -> Spec:
    """Return the analysis in ``path``, whose type is one of ``front_ends``.

    ``parameters`` and ``options`` are ``KEY=VALUE`` words. ``definition`` is as in :class:`Spec`.
    In a run, the directory of the analysis is its ``workspace``, where jobs may have removed inputs. Places are
    relative to the analysis there, as its author knows them.
    An unreadable file raises Refused. Other faults are recorded.
    """
    document = read_document(path, path.name if workspace else str(path), diagnostics)
    if document is None:
        raise Refused(diagnostics)
    workflow = mapping_at(document.data, "workflow")
    kind = as_text(workflow.get("type"))
    front_end = front_ends.get(kind, UNKNOWN)
    schema.check(document, rules.of_analysis(front_ends), diagnostics, _HINTS, places.adviser(front_end))
    given = read_parameters(parameters, document, front_end, diagnostics)
    chosen = read_options(options, document, front_end, diagnostics)
    data = read_references(document, _references(document.data), diagnostics)
    spec = Spec(
        path=path.resolve(),
        directory=workspace or path.resolve().parent,
        document=document,
        type=kind,
        front_end=front_end,
        parameters=mapping_at(document.data, "inputs", "parameters") | typed_parameters(given, document, diagnostics),
        given=given,
        options=chosen,
        input_files=() if definition else _input_files(document, front_end, chosen),
        input_directories=texts_at(document.data, "inputs", "directories"),
        output_files=_with_paths(_paths(document.data, "outputs"), data),
        output_directories=texts_at(document.data, "outputs", "directories"),
        data=data,
        tests=texts_at(document.data, "tests", "files"),
        resources=mapping_at(workflow, "resources"),
        strict=strict,
        definition=definition,
    )
    _check_form(spec, diagnostics)
    _check_without_meaning(spec, diagnostics)
    declared = list(declared_paths(document, diagnostics))
    check_paths(spec, declared, diagnostics)
    check_nested(spec, declared, diagnostics)
    if workspace is None:
        check_inputs(spec, declared, diagnostics)
    check_definition(spec, diagnostics)
    check_parameters(spec, diagnostics)
    _check_resources(spec, diagnostics)
    return spec


def _references(data: Any) -> Iterator[tuple[str, int, str]]:
    """Yield the data references: the place of each, and its text."""
    for section in ("inputs", "outputs"):
        for index, text in entries(data, section, "files"):
            if expressions.is_data_reference(text):
                yield section, index, text


def _paths(data: Any, section: str) -> tuple[str, ...]:
    """Return the declared files that are not data references."""
    return tuple(text for text in texts_at(data, section, "files") if not expressions.is_data_reference(text))


def _with_paths(paths: tuple[str, ...], data: Iterable[DataFile]) -> tuple[str, ...]:
    """Return the output files, including those that are uploaded from the workspace at the end."""
    return tuple(dict.fromkeys((*paths, *(file.path for file in data if file.is_output))))


def _input_files(document: Document, front_end: FrontEnd, options: Mapping[str, str]) -> tuple[str, ...]:
    """Return the declared input files. The definition of the workflow is always among them."""
    data = document.data
    files, path = _paths(data, "inputs"), definition_path(document, front_end, options)
    if not front_end.needs_file:
        return files
    definition = (*texts_at(data, "workflow", "files"), path.partition("#")[0])
    folders = [PurePosixPath(path) for path in texts_at(data, "inputs", "directories")]
    missing = (path for path in definition if path and not any(map(PurePosixPath(path).is_relative_to, folders)))
    return tuple(dict.fromkeys((*files, *missing)))


def _check_form(spec: Spec, diagnostics: Diagnostics) -> None:
    front_end, workflow = spec.front_end, mapping_at(spec.document.data, "workflow")
    if front_end is not UNKNOWN and workflow.keys().isdisjoint(front_end.defined_by):
        message = f'A {spec.type} workflow must have "{front_end.defined_by[0]}".'
        diagnostics.error("missing-key", message, spec.document.key_place(["workflow"]), front_end.form_hint)


def _check_without_meaning(spec: Spec, diagnostics: Diagnostics) -> None:
    """Warn about keys that only a REANA server can honour, and keys that REANA itself ignores."""
    data = spec.document.data
    ignored = [("workspace", name, "only a REANA server keeps workspaces") for name in mapping_at(data, "workspace")]
    if not spec.front_end.needs_file and "file" in mapping_at(data, "workflow"):
        usual = spec.front_end.defined_by[0]
        ignored.append(("workflow", "file", f"a {spec.type} workflow is defined by its {usual}"))
    for section, name, reason in ignored:
        place = spec.document.key_place([section, name])
        diagnostics.warning("hint-ignored", f"{section}.{name} has no effect: {reason}.", place)
    for name in spec.front_end.idle_options:
        if name in spec.options:
            written = name in mapping_at(data, "inputs", "options")
            where = spec.document.key_place(["inputs", "options", name]) if written else None
            diagnostics.warning("hint-ignored", f"{name} has no effect here, and none in REANA.", where)


def _check_resources(spec: Spec, diagnostics: Diagnostics) -> None:
    path = ["workflow", "resources"]
    if "dask" in spec.resources:
        diagnostics.error(
            "unsupported",
            "A Dask cluster needs a REANA server.",
            spec.document.key_place([*path, "dask"]),
            "start the cluster in a step.",
        )
    for name, credential in CREDENTIALS.items():
        if spec.resources.get(name) is True and not credential.for_all_steps:
            message = f"{name} here applies only to Dask pods in REANA, not to the steps of the workflow."
            place = spec.document.key_place([*path, name])
            diagnostics.warning("hint-ignored", message, place, f"write {name}: true at the steps that need it.")
