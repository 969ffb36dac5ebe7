"""Serial workflows: a list of steps, each a list of commands that run one after the other.

Semantics: reana-workflow-engine-serial 0.9.4. Each command is a job of its own. Python's
``string.Template`` fills in the parameters, in commands only. FROM and TARGET select steps by name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reana_batch import diagnostics as messages
from reana_batch import names
from reana_batch.diagnostics import Diagnostics, Refused, closest, suggestion
from reana_batch.ir import Asked, Command, Hint, Need, Script, Step, Workflow, literal
from reana_batch.reading import expressions, hints, images, places, rules, schema
from reana_batch.reading.spec import Spec

# Longer names are cut, because file names are made from them, and these have at most 255 bytes.
_LONGEST_NAME = 120

# The substrings that reana-client warns about (reana_commons.validation).
_DANGEROUS = ("sudo ", "cd /")


# Commands that only change their own shell.
_SETTING = re.compile(
    r"(?:cd|pushd|popd|export|declare|typeset|source|\.|alias|unalias|unset|umask|ulimit|set|shopt|module|ml|lsetup"
    r"|asetup|cmsenv|deactivate|(?:conda|mamba|micromamba)\s+(?:de)?activate)(?:\s[^|<>&]*)?"
    r"|[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s|<>&\"']*)"
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """The well-formed parts of one of the user's steps."""

    index: int
    data: Mapping[str, Any]
    hints: Mapping[str, Hint]
    commands: tuple[tuple[int, str], ...]  # the commands that are texts, with their places in the list

    @property
    def path(self) -> tuple[str | int, ...]:
        return ("workflow", "specification", "steps", self.index)

    @property
    def label(self) -> str:
        name = self.data.get("name")
        return name if isinstance(name, str) else ""


def load(spec: Spec, diagnostics: Diagnostics, _results: Mapping[str, Any]) -> Workflow:
    """Return the workflow: one step of one row per command, each waiting for the one before.

    ``_results`` has no effect, because a serial workflow has no expansions.
    """
    specification = spec.document.data["workflow"].get("specification")
    if specification is not None:
        form = rules.of_specification()
        path: list[str | int] = ["workflow", "specification"]
        advise = places.adviser(spec.front_end)
        schema.check_value(spec.document, path, specification, form, diagnostics, _HINTS, advise)
    entries = _entries(spec, specification)
    _check_count(spec, entries, diagnostics)
    _check_parameters_used(spec, entries, diagnostics)
    for entry in entries:
        _check_image(spec, entry, diagnostics)
        hints.check(entry.hints, diagnostics)
    selected = _select(spec, entries, diagnostics)
    return Workflow(name=spec.directory.name, type="serial", steps=_chain(spec, selected, diagnostics))


_HINTS = {
    "environment": "name a container image, such as docker.io/library/python:3.11.",
    "commands": "write a list: each item is one job.",
    **{name: hints.cure(name) for name, row in hints.READERS.items() if row.code in ("bad-size", "bad-time")},
}


def _entries(spec: Spec, specification: Any) -> list[_Entry]:
    steps = specification.get("steps") if isinstance(specification, dict) else None
    listed = steps if isinstance(steps, list) else []
    default = spec.default_hints
    return [
        _Entry(index, step, default | _hints(spec, index, step), _commands(step))
        for index, step in enumerate(listed)
        if isinstance(step, dict)
    ]


def _commands(step: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    commands = step.get("commands")
    listed = commands if isinstance(commands, list) else ()
    return tuple((index, command) for index, command in enumerate(listed) if isinstance(command, str))


def _hints(spec: Spec, index: int, step: Mapping[str, Any]) -> dict[str, Hint]:
    place = spec.document.place
    return {
        name: Hint(value, place(["workflow", "specification", "steps", index, name]))
        for name, value in step.items()
        if hints.is_known(name) and isinstance(value, str | int)
    }


# The most jobs of one user in a schedd (MAX_JOBS_PER_OWNER). A slurmctld holds even fewer (MaxJobCount).
_MOST_COMMANDS = 100_000


def _check_count(spec: Spec, entries: list[_Entry], diagnostics: Diagnostics) -> None:
    """Raise Refused if there are too many commands for one job each."""
    count = 0
    for entry in entries:
        count += len(entry.commands)
        if count > _MOST_COMMANDS:
            message = f"A serial workflow may have at most {_MOST_COMMANDS:,} commands. Up to here it has {count:,}."
            cure = "loop over them in a script, or write a Snakefile."
            diagnostics.error("too-large", message, spec.document.place(entry.path), cure)
            raise Refused(diagnostics)


# --- commands ------------------------------------------------------------------------------------


def _chain(spec: Spec, entries: list[_Entry], diagnostics: Diagnostics) -> tuple[Step, ...]:
    # Commands under the same label are numbered.
    stems = [stem for entry in entries for stem in [names.encode(_short_label(entry))] * len(entry.commands)]
    step_names = iter(names.numbered(stems))
    values, cvmfs = spec.values, spec.cvmfs
    needs: tuple[Need, ...] = ()
    steps: list[Step] = []
    for entry in entries:
        label = entry.label or f"step-{entry.index + 1}"
        asked = Asked(
            environment=str(entry.data.get("environment", "")).strip(),
            hints=entry.hints,
            credentials=hints.credentials(entry.hints),
            cvmfs=cvmfs,
        )
        for index, text in entry.commands:
            name = next(step_names)
            command = _command(spec, entry, index, text, values, diagnostics)
            script = Script((command,))
            steps.append(Step(name, label, command.origin, script, needs=needs, asked=asked, group=entry.index))
            needs = (Need(name),)
    return tuple(steps)


def _short_label(entry: _Entry) -> str:
    label = (entry.label or f"step-{entry.index + 1}")[:_LONGEST_NAME]  # each character is one byte at least
    while len(names.encode(label)) > _LONGEST_NAME:
        label = label[:-1]
    return label


def _command(
    spec: Spec, entry: _Entry, index: int, text: str, values: Mapping[str, Any], diagnostics: Diagnostics
) -> Command:
    path = [*entry.path, "commands", index]
    place = spec.document.place(path)
    if not text.strip():
        diagnostics.error("bad-value", "A command must not be empty.", place)
    for operation in _DANGEROUS:
        if operation in text:
            message = f'Operation "{operation.strip()}" might be dangerous.'
            diagnostics.warning("dangerous", message, place, "jobs run without root and in the workspace.")
    if _only_sets(text):
        message = "This command changes only its own shell, and each command has a shell of its own."
        diagnostics.warning("no-effect", message, place, "join it with the command that needs it, using &&.")
    script = _filled(spec, path, text, values, diagnostics) if "$" in text else text
    if "\0" in script:
        diagnostics.error("nul-byte", "A command cannot hold a NUL character.", place, "write \\0 for the shell.")
    return literal(script, place)


def _filled(spec: Spec, path: list[str | int], text: str, values: Mapping[str, Any], diagnostics: Diagnostics) -> str:
    """Return a command with its parameters filled in. Placeholders without a parameter are recorded and left out."""

    def sound() -> Iterator[str | expressions.Placeholder]:
        for piece in expressions.split_placeholders(text):
            if isinstance(piece, str) or piece.name in values:
                yield piece
            else:
                _report_placeholder(spec, path, text, piece, diagnostics)

    return expressions.fill(sound(), values)


def _report_placeholder(
    spec: Spec,
    path: list[str | int],
    text: str,
    placeholder: expressions.Placeholder,
    diagnostics: Diagnostics,
) -> None:
    """Record a placeholder that would make the run fail on REANA when it starts."""
    name = placeholder.name
    width = placeholder.end - placeholder.start
    place = spec.document.place_in(path, placeholder.start, width)
    known = _dotted(text, placeholder.start, spec.parameters)
    if name is None and known:
        message = "No parameter name follows this $."
        diagnostics.error("placeholder", message, place, f"write ${{{known}}}: parameters go by their names alone.")
        return
    if name is None:
        shown = text[placeholder.start : placeholder.start + 2].rstrip()
        hint = f"write $${shown[1:]} for the shell's own {shown}." if shown != "$" else "write $$ for a dollar sign."
        diagnostics.error("placeholder", "No parameter name follows this $.", place, hint)
        return
    written = text[placeholder.start : placeholder.end]
    cure: messages.Hint = suggestion(name, spec.parameters, f"write ${written} for the shell's own variable.")
    if known:
        cure = f"write ${{{known}}}: parameters go by their names alone."
    diagnostics.error("undefined-parameter", f'inputs.parameters has no "{name}".', place, cure)


def _only_sets(command: str) -> bool:
    """Return whether a command only changes its own shell, such as cd code."""
    if not _SETTING.match(command, _BEFORE.match(command).end()):  # type: ignore[union-attr]  # matches "" too
        return False  # a fast answer for most commands
    parts = [part.strip() for part in re.split(r"&&|;|\n", command)]
    return any(parts) and all(_SETTING.fullmatch(part) for part in parts if part)


# What can come before the first part of a command.
_BEFORE = re.compile(r"[\s&;]*")

# A parameter as other tools write it: ${inputs.parameters.x}, ${{x}}, $(inputs.x), $inputs.parameters.x
_DOTTED = re.compile(r"\$(?:\{+\s*(?:\w+\.)*(\w+)\s*\}|\((?:\w+\.)+(\w+)\)|(?:\w+\.)+(\w+))")
# The same without a dollar sign.
_BRACED = re.compile(r"\{\s*(?:\w+\.)*(\w+)\s*\}|%\((\w+)\)s")


def _dotted(text: str, start: int, parameters: Mapping[str, Any]) -> str:
    """Return the parameter at ``start`` that is written as in other tools, or an empty text."""
    found = _DOTTED.match(text, start)
    name = found[found.lastindex] if found and found.lastindex else ""
    return name if name in parameters else ""


def _check_parameters_used(spec: Spec, entries: list[_Entry], diagnostics: Diagnostics) -> None:
    commands = (text for entry in entries for _, text in entry.commands if "$" in text)
    used: set[str] = set().union(*map(expressions.names_in, commands)) if spec.parameters else set()
    unused = [name for name in spec.parameters if name not in used]
    braced = _braced(entries) if unused else frozenset()
    for name in unused:
        place = functools.partial(spec.document.key_place, ["inputs", "parameters", name])
        hint = f"write ${{{name}}} in the command." if name in braced else ""
        diagnostics.warning("unused-parameter", f'No command uses the parameter "{name}".', place, hint)


def _braced(entries: list[_Entry]) -> frozenset[str]:
    """Return the names that commands contain in other tools' notation for parameters, such as {x}."""
    commands = (text for entry in entries for _, text in entry.commands)
    found = (match[1] or match[2] for text in commands for match in _BRACED.finditer(text))
    return frozenset(name for name in found if name.isidentifier())


# --- images --------------------------------------------------------------------------------------


def _check_image(spec: Spec, entry: _Entry, diagnostics: Diagnostics) -> None:
    written = entry.data.get("environment")
    if not isinstance(written, str):
        return
    place = functools.partial(spec.document.place, (*entry.path, "environment"))
    images.check(written.strip(), place, diagnostics)


# --- FROM and TARGET -----------------------------------------------------------------------------


def _select(spec: Spec, entries: list[_Entry], diagnostics: Diagnostics) -> list[_Entry]:
    """Return the steps from FROM to TARGET, both included.

    Upper and lower case are the same. If several steps match, the first counts.
    """
    first, last = 0, len(entries) - 1
    for option in ("FROM", "TARGET"):
        if option in spec.options:
            found = _find(spec, option, entries, diagnostics)
            if option == "FROM":
                first = found if found is not None else first
            else:
                last = found if found is not None else last
    if entries and first > last:
        message = f'FROM "{spec.options["FROM"]}" comes after TARGET "{spec.options["TARGET"]}".'
        diagnostics.error("step-range", message, hint="REANA would run all steps; --lenient does so too.")
        return entries
    return entries[first : last + 1]


def _find(spec: Spec, option: str, entries: list[_Entry], diagnostics: Diagnostics) -> int | None:
    wanted = spec.options[option]
    labels = [entry.label.lower() for entry in entries]
    if wanted.lower() in labels:
        return labels.index(wanted.lower())
    meant = closest(wanted, [entry.label for entry in entries if entry.label])
    hint = f"did you mean {meant}?" if meant else "REANA would run all steps; --lenient does so too."
    diagnostics.error("step-range", f'{option}: no step is named "{wanted}".', hint=hint)
    return None
