"""The parameters and operational options of an analysis: those declared, given and read from files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from reana_batch.diagnostics import Diagnostics, Place, closest, suggestion
from reana_batch.frontend import UNKNOWN, FrontEnd
from reana_batch.reading import schema
from reana_batch.reading.document import Document, as_text, mapping_at, read_document
from reana_batch.reading.inputs import PATH_HINT
from reana_batch.reading.spec import Spec

_PARAMETERS = ("inputs", "parameters")


def _pairs(words: Sequence[str], option: str, diagnostics: Diagnostics) -> Iterator[tuple[str, str]]:
    code = "bad-parameter" if option == "-p" else "bad-option"
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name:
            yield name, value
        else:
            diagnostics.error(code, f'{option} must be NAME=VALUE, not "{word}".')


def read_parameters(
    words: Sequence[str], document: Document, front_end: FrontEnd, diagnostics: Diagnostics
) -> dict[str, str]:
    declared = mapping_at(document.data, "inputs", "parameters")
    given: dict[str, str] = {}
    if parameter_file(document, front_end) is not None:
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


def parameter_file(document: Document, front_end: FrontEnd) -> tuple[str, ...] | None:
    """Return the key under which the analysis names its parameter file, or None."""
    if front_end.parameters_by_file:
        for path in (("workflow", "parameters", "file"), ("inputs", "parameters", "input")):
            if isinstance(mapping_at(document.data, *path[:-1]).get(path[-1]), str):
                return path
    return None


def file_parameters(spec: Spec, diagnostics: Diagnostics, *, typed: bool = False) -> dict[str, Any]:
    """Return the parameters that the workflow gets.

    They are from the parameter file if the analysis names one. The values of -p are texts, or ``typed`` as the
    parameters that they replace.
    """
    path = parameter_file(spec.document, spec.front_end)
    if path is None:
        return dict(spec.parameters if typed else spec.values)
    document = _parameter_document(spec, path, diagnostics)
    if document is None:
        return dict(spec.given)
    declared = mapping_at(document.data)
    for parameter in spec.given:
        if parameter not in declared:
            _report_unknown(parameter, declared, diagnostics)
    return {**declared, **(typed_parameters(spec.given, document, diagnostics, ()) if typed else spec.given)}


def _parameter_document(spec: Spec, path: tuple[str, ...], diagnostics: Diagnostics) -> Document | None:
    """Return the parameter file that the analysis names under this key, or None after recording why not."""
    place = spec.document.place(path)
    workflow = mapping_at(spec.document.data, "workflow", "parameters")
    if "file" in workflow and "input" in mapping_at(spec.document.data, "inputs", "parameters"):
        message = "Both workflow.parameters.file and inputs.parameters.input are given."
        diagnostics.error("bad-value", message, place, "keep one of the two.")
    name = mapping_at(spec.document.data, *path[:-1])[path[-1]]
    file = spec.directory / name
    if not os.path.exists(file) or os.path.isdir(file):
        diagnostics.error("missing-file", f'The parameter file "{name}" does not exist.', place, PATH_HINT)
        return None
    document = _read_next_to(spec, name, diagnostics)
    if document is not None and not isinstance(document.data, dict):
        message = "A parameter file must be a mapping."
        diagnostics.error("bad-type", message, document.place([]))
    return document


def _read_next_to(spec: Spec, name: str, diagnostics: Diagnostics) -> Document | None:
    return read_document(spec.directory / name, os.path.join(os.path.dirname(spec.document.file), name), diagnostics)


def parameter_places(spec: Spec) -> Callable[[str], Place]:
    """Return the function for the place of a parameter, in reana.yaml or in the parameter file that it names."""
    path = parameter_file(spec.document, spec.front_end)
    if path is None:
        return lambda name: spec.document.place([*_PARAMETERS, name])
    document = _read_next_to(spec, mapping_at(spec.document.data, *path[:-1])[path[-1]], Diagnostics())
    return lambda name: document.place([name]) if document else spec.document.place(path)


_PLAIN_NUMBERS = {
    int: (re.compile(r"[-+]?[0-9]+"), "a whole number"),
    float: (re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"), "a number"),
}


def typed_parameters(
    given: Mapping[str, str], document: Document, diagnostics: Diagnostics, path: Sequence[str] = _PARAMETERS
) -> dict[str, Any]:
    """Return the values of -p, each in the type that the mapping at ``path`` of the document declares."""
    typed: dict[str, Any] = {}
    declared = mapping_at(document.data, *path)
    for name, text in given.items():
        if name not in declared:
            continue
        kind = type(declared[name])
        try:
            typed[name] = _convert(text, kind)
        except ValueError as error:
            place = document.place([*path, name])
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


def read_options(
    words: Sequence[str], document: Document, front_end: FrontEnd, diagnostics: Diagnostics
) -> dict[str, str]:
    kind = as_text(mapping_at(document.data, "workflow").get("type"))
    written = mapping_at(document.data, "inputs", "options")
    options = {name: str(value) for name, value in written.items()}
    options |= dict(_pairs(words, "--option", diagnostics))
    for name in options:
        if front_end is not UNKNOWN and name not in front_end.options:
            place = document.key_place(["inputs", "options", name]) if name in written else None
            hint = suggestion(name.upper(), front_end.options, f"known: {', '.join(front_end.options)}.")
            message = f'Operational option "{name}" does not exist for {kind} workflows.'
            diagnostics.error("bad-option", message, place, hint)
    return options


def check_parameters(spec: Spec, diagnostics: Diagnostics) -> None:
    """Warn about parameters that YAML 1.1 reads as another value than the one written.

    ``010`` is 8, ``off`` is False, ``12:30:00`` is 45000. In serial workflows, REANA puts str() of the value into
    commands. Other engines get the value in its type, so quotes would change what the workflow does with it.
    """
    path = ["inputs", "parameters"]
    parameters = mapping_at(spec.document.data, *path)
    written_as = spec.document.sources(path) if parameters else {}
    for name, value in parameters.items():
        if isinstance(value, str | list | dict):
            continue
        written = written_as[name]
        if not spec.front_end.fills_in_text and _is_as_written(value, written):
            continue
        if str(value) != written and not written.startswith(("&", "*", "!")):
            consequence = ", and commands get that text" if spec.front_end.fills_in_text else ""
            message = f"REANA reads {written or 'an empty value'} as {value!r}{consequence}."
            hint = f'write "{written}", in quotes, to keep the text.'
            diagnostics.warning("yaml-value", message, spec.document.place([*path, name]), hint)


def _is_as_written(value: Any, written: str) -> bool:
    """Return whether a value is what a person expects from the text.

    These are true, null and plain decimal or hexadecimal numbers.
    """
    if isinstance(value, bool) or value is None:
        return True
    try:
        return bool(float(int(written, 16) if written.lower().startswith("0x") else float(written)) == value)
    except (ValueError, OverflowError):
        return False
