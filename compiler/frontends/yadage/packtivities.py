"""Check the steps of a Yadage workflow: process, environment and publisher."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reana_batch.diagnostics import Diagnostics, suggestion
from reana_batch.frontends.yadage import environments, formats
from reana_batch.frontends.yadage.definition import Definition
from reana_batch.frontends.yadage.records import PROCESSES
from reana_batch.reading import hints

_Path = tuple[str | int, ...]

_PERSONAL = {
    "process": ("manual-instructions-proc", "write a process of type string-interpolated-cmd."),
    "environment": ("manual-instructions-env", "write an environment of type docker-encapsulated."),
    "publisher": ("manual-instructions-pub", "write a publisher such as fromglob-pub, which finds the files itself."),
}


def leaves(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    """Yield the values in lists and mappings that are neither, with their paths."""
    if not isinstance(value, dict | list):
        yield path, value
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(inner, (*path, key))


def outputs(step: Mapping[str, Any]) -> set[str] | None:
    """Return the names of the outputs of a step, or None if only the run can know them."""
    publisher = step["publisher"]
    kind = publisher.get("publisher_type")
    if kind == "fromglob-pub":
        return {publisher["outputkey"]}
    named = publisher.get({"frompar-pub": "outputmap"}.get(kind, "publish"))
    return set(named) if isinstance(named, dict) else None


@functools.lru_cache(10_000)
def _fields(text: str) -> tuple[tuple[formats.Field, ...], int | None]:
    """Return the fields of a text, and the position of the first brace that is refused."""
    found: list[formats.Field] = []
    try:
        found.extend(formats.fields(text))
    except formats.BraceError as error:
        return tuple(found), error.offset
    return tuple(found), None


def jq_fault(program: str) -> str:
    """Return what jq says about a program that it cannot compile, or an empty text."""
    try:
        from reana_batch.frontends.yadage.values import JqError, compiled
    except ImportError:  # the front end says which package is missing
        return ""
    try:
        compiled(program)
    except JqError as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class Texts:
    """Checks texts of one stage."""

    definition: Definition
    diagnostics: Diagnostics
    stage: str
    parameters: frozenset[str] | None  # of the stage; None if only the run can know them

    def check_jq(self, path: _Path, program: str) -> None:
        """Record a jq program that jq cannot compile."""
        if fault := jq_fault(program):
            self.diagnostics.error("bad-workflow", f"jq cannot read this: {fault}.", self.definition.place(path))

    def check(self, path: _Path, text: str, further: Iterable[str] = ()) -> None:
        """Record the fields of a text that name no parameter, and the braces that str.format refuses."""
        found, brace = _fields(text)
        for field in found:
            if self.parameters is not None and field.name not in self.parameters and field.name not in further:
                self._refuse(path, text, field)
        if brace is not None:
            self._refuse_brace(path, text, brace)

    def check_parameter(self, path: _Path, text: str, known: re.Pattern[str]) -> None:
        """Record fields in a parameter's value that Yadage does not know, and the braces that str.format refuses."""
        found, brace = _fields(text)
        if any(not field.name or field.name.isdecimal() for field in found):
            return  # Yadage keeps a text with such a field as it is
        for field in found:
            if not known.fullmatch(field.name):
                place = functools.partial(self.definition.place_in, path, field.offset, len(field.text))
                message = f"{field.text} cannot be filled in here. REANA fails here."
                cure = "in the value of a parameter, only {workdir} can be filled in, and only for a step."
                self.diagnostics.error("placeholder", message, place, cure)
        if brace is not None:
            self._refuse_brace(path, text, brace)

    def _refuse_brace(self, path: _Path, text: str, brace: int) -> None:
        message = "Yadage reads braces as fields. This one has no partner, or something else than a field in it."
        place = functools.partial(self.definition.place_in, path, brace, 1)
        self.diagnostics.error("placeholder", message, place, f"write {text[brace] * 2} for a brace.")

    def _refuse(self, path: _Path, text: str, field: formats.Field) -> None:
        place = functools.partial(self.definition.place_in, path, field.offset, len(field.text))
        doubled = f"write {{{field.text}}} for braces."
        if field.name == "workdir":
            message = "{workdir} is known in the parameters of a stage, not in its command."
            hint = "add a parameter to the stage, such as workdir: '{workdir}'."
            self.diagnostics.error("unknown-reference", message, place, hint)
        elif re.fullmatch(r"[A-Za-z_][\w-]*", field.name) and text[field.offset - 1 : field.offset] != "$":
            message = f'The stage "{self.stage}" has no parameter "{field.name}".'
            near = suggestion(field.name, self.parameters or (), doubled)
            self.diagnostics.error("unknown-reference", message, place, near)
        else:
            message = "Yadage reads text in braces as the name of a parameter."
            self.diagnostics.error("placeholder", message, place, doubled)


def check(texts: Texts, path: _Path, step: Mapping[str, Any]) -> None:
    """Record what is wrong in a step at ``path``. The schema holds for it."""
    for part, (kind, cure) in _PERSONAL.items():
        found = (step[part] or {}).get(f"{part}_type")
        if found == kind:
            message = f"{kind} asks a person, which no batch system does. REANA refuses it too."
            texts.diagnostics.error(
                "bad-workflow", message, texts.definition.place((*path, part, f"{part}_type")), cure
            )
    _check_process(texts, path, step)
    _check_publisher(texts, (*path, "publisher"), step["publisher"])
    if step["environment"]:
        _check_environment(texts, (*path, "environment"), step["environment"])


def _check_process(texts: Texts, path: _Path, step: Mapping[str, Any]) -> None:
    process = step["process"] or {}
    if process and not step["environment"]:
        message = "Without an environment, Yadage does not run this process."
        place = texts.definition.key_place((*path, "process"))
        texts.diagnostics.warning("hint-ignored", message, place, "add an environment, or write process: null.")
    kind = process.get("process_type", "")
    if kind not in PROCESSES:
        return
    key = PROCESSES[kind].key
    where, text = (*path, "process", key), process[key]
    if "\0" in text:
        message = "A command must not contain a NUL character."
        texts.diagnostics.error("nul-byte", message, texts.definition.place(where), "remove it.")
    texts.check(where, text)


def _check_publisher(texts: Texts, path: _Path, publisher: Mapping[str, Any]) -> None:
    kind = publisher["publisher_type"]
    if kind == "fromparjq-pub":
        texts.check_jq((*path, "script"), publisher.get("script", "."))
    elif kind == "frompar-pub":
        for where, name in leaves(publisher["outputmap"], (*path, "outputmap")):
            if texts.parameters is not None and name not in texts.parameters:
                message = f'The stage "{texts.stage}" has no parameter "{name}".'
                hint = suggestion(str(name), texts.parameters, f"known: {', '.join(sorted(texts.parameters))}.")
                texts.diagnostics.error("unknown-reference", message, texts.definition.place(where), hint)
    elif kind == "interpolated-pub":
        for where, text in leaves(publisher["publish"], (*path, "publish")):
            if isinstance(text, str):
                texts.check(where, text, ("workdir",))


def _check_environment(texts: Texts, path: _Path, environment: Mapping[str, Any]) -> None:
    for index, item in enumerate(environment.get("resources", ())):
        where = (*path, "resources", index)
        if isinstance(item, dict):
            _check_hints(texts, where, item)
        elif item not in environments.WORDS:
            hint = suggestion(
                item, environments.WORDS, f"known: {', '.join(environments.WORDS)}, and mappings with REANA's hints."
            )
            message = f'The resource "{item}" has no effect.'
            texts.diagnostics.warning("hint-ignored", message, texts.definition.place(where), hint)
    if environment.get("par_mounts"):
        message = "par_mounts has no effect here, and none in REANA."
        place = texts.definition.key_place((*path, "par_mounts"))
        texts.diagnostics.warning("hint-ignored", message, place, "write the file in the command.")


def _check_hints(texts: Texts, path: _Path, item: Mapping[str, Any]) -> None:
    for name in item:
        if not hints.is_known(name):
            known = (*hints.READERS, *sorted(hints.steering()))
            place = functools.partial(texts.definition.key_place, (*path, name))
            message = f'"{name}" is not known here.'
            texts.diagnostics.error("unknown-key", message, place, suggestion(name, known, "see REANA's hints."))
