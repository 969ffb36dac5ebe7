"""Start the process that reads a Snakefile, and take its answer."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reana_batch.diagnostics import Diagnostics, Note, Place
from reana_batch.frontends import versions
from reana_batch.frontends.answers import Failed, ask
from reana_batch.frontends.mirror import undeclared
from reana_batch.frontends.snakemake.records import EndRecord, Fault, JobRecord, KeptRecord, Past, Request, RuleRecord
from reana_batch.frontends.versions import Wanted, between
from reana_batch.reading.spec import Spec

_READER = "reana_batch.frontends.snakemake.reader"
VERSIONS = {"snakemake": Wanted("Snakemake", "9.22 or newer, but not 10", between((9, 22), (10,)))}

_PROFILES = ("profile", "workflow-profile")  # options, under Snakemake's names

# A possible path in a message: words in quotes, or one word.
_WORD = re.compile(r"""'([^']+)'|"([^"]+)"|([^\s'"(),:;]+)""")

# The place that Snakemake adds to its messages. Ours show the place themselves.
_PLACE = re.compile(r" \(rule [^,()]*, line \d+, [^()]*\)")


_NO_END = EndRecord("", "", [], [])


@dataclass(slots=True)
class Reading:
    """What Snakemake knows about a workflow."""

    spec: Spec
    root: Path  # the directory in which it was read
    sources: dict[str, str]  # the texts that places point into
    lines: dict[str, list[str]] = field(default_factory=dict)  # the same, as lines
    rules: list[RuleRecord] = field(default_factory=list)
    jobs: list[JobRecord] = field(default_factory=list)
    kept: list[KeptRecord] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    end: EndRecord = _NO_END
    wishes: set[str] = field(default_factory=set)  # the resources that any rule sets to True
    options: list[str] = field(default_factory=list)  # a profile's settings, as words for Snakemake on the worker
    config: dict[str, Any] = field(default_factory=dict)  # includes a profile's settings
    open_target: bool = False  # does a target that no job makes wait for a checkpoint?

    def place(self, rule: RuleRecord | Fault) -> Place:
        """Return the place of a rule in the user's file."""
        file = self.file(rule.file)
        if file not in self.sources and os.path.isfile(rule.file):
            self.sources[file] = Path(rule.file).read_text("utf-8", "replace")
        if file not in self.lines:
            self.lines[file] = self.sources.get(file, "").splitlines()
        lines = self.lines[file]
        line = lines[rule.line - 1] if 0 < rule.line <= len(lines) else ""
        if isinstance(rule, Fault) and 0 < rule.column <= len(line):
            return Place(file, rule.line, rule.column)
        return Place(file, max(1, rule.line), len(line) - len(line.lstrip()) + 1, max(1, len(line.strip())))

    def directive(self, name: str, path: Path | None = None) -> Place:
        """Return the place of a directive or key in a file. The default is the Snakefile.

        If the file does not contain it, return the place of workflow.file in reana.yaml.
        """
        path = self.root / (path or self.spec.workflow_file)
        self.place(Fault("", "", str(path), 0, ""))  # keeps its text
        for number, line in enumerate(self.sources.get(self.file(str(path)), "").splitlines(), 1):
            if re.match(rf"\s*{name}\s*:", line):
                return self.place(Fault("", "", str(path), number, ""))
        return self.spec.document.place(["workflow", "file"])

    def file(self, path: str) -> str:
        """Return the user's name for a file that Snakemake has read."""
        relative = os.path.relpath(path, self.root)
        if relative.startswith(".."):
            return path
        return os.path.join(os.path.dirname(self.spec.document.file), relative)


def read(
    spec: Spec, root: Path, config: Mapping[str, Any], diagnostics: Diagnostics, past: Past | None = None
) -> Reading:
    """Return the jobs of the workflow, read in the directory ``root``. A faulty workflow raises Refused.

    With ``past`` they are the jobs that an expansion adds.
    """
    versions.check(spec, diagnostics, "Snakemake", VERSIONS)
    root = Path(os.path.realpath(root))  # as Python's getcwd() has it
    reading = Reading(spec, root, diagnostics.sources)
    profiles = {name: spec.options[name] for name in _PROFILES if name in spec.options}
    request = Request(str(root / spec.workflow_file), str(root), config, past, profiles)
    try:
        # Sets have the same order each time, and {resources.tmpdir} is that of the workers.
        ask(_READER, request, root, _environment(), lambda record: _take(reading, record, diagnostics))
    except Failed as error:
        diagnostics.error("snakefile", f"Snakemake {error}.", spec.document.place(["workflow", "file"]))
    diagnostics.stop_if_errors()
    return reading


def _environment() -> dict[str, str]:
    ours = {"PYTHONHASHSEED": "0", "TMPDIR": "/tmp"}  # noqa: S108  # a name, not a file
    return {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"} | ours


# Records that hold a single fact about the workflow.
_LISTS = {"job": ("jobs", JobRecord), "kept": ("kept", KeptRecord)}
_ATTRIBUTES = {"open": "open_target", "options": "options", "config": "config"}


def _take(reading: Reading, record: list[Any], diagnostics: Diagnostics) -> None:
    kind, content = record
    if kind == "rule":
        reading.rules.append(RuleRecord(*content))
        reading.place(reading.rules[-1])  # keeps its text, because the files may be gone when a fault is shown
    elif kind in _LISTS:
        name, record_type = _LISTS[kind]
        getattr(reading, name).append(record_type(*content))
    elif kind == "handler":
        reading.handlers.append(content)
    elif kind in _ATTRIBUTES:
        setattr(reading, _ATTRIBUTES[kind], content)
    elif kind == "profile":
        path, keys = content
        for key in keys:
            what = "An expression in default-resources" if key == "default-resources" else key
            message = f"{what} has no effect."
            diagnostics.warning("hint-ignored", message, reading.directive(key, Path(path)))
    elif kind == "envvars":
        message = f"Jobs have {', '.join(content)} only if the site copies the user's environment to them."
        place = reading.directive("envvars")
        diagnostics.warning("hint-ignored", message, place, "--set inherit_environment=true")
    elif kind == "wish":
        reading.wishes.add(content)
    elif kind == "end":
        reading.end = EndRecord(*content)
    else:
        _report(reading, Fault(*content), diagnostics)


# --- faults --------------------------------------------------------------------------------------

_CODES = {
    "MissingInputException": "missing-input",
    "AmbiguousRuleException": "ambiguous-rules",
    "CyclicGraphException": "cycle",
}


def _report(reading: Reading, fault: Fault, diagnostics: Diagnostics) -> None:
    place = reading.place(fault) if fault.file else reading.spec.document.place(["workflow", "file"])
    message, hint = _sentence(fault, str(reading.root))
    hint = _undeclared(reading, message) or hint
    further = fault._replace(line=fault.note_line, column=fault.note_column)
    notes = (Note(fault.note, reading.place(further)),) if fault.note else ()
    diagnostics.error(_CODES.get(fault.kind, "snakefile"), message, place, hint, notes)


def _undeclared(reading: Reading, message: str) -> str:
    """Return the advice if the message names an undeclared file of the analysis."""
    for words in _WORD.findall(message):
        path = os.path.normpath("".join(words).rstrip("."))
        advice = "" if path.startswith(("..", "/")) else undeclared(reading.spec, reading.root, path)
        if advice:
            return advice
    return ""


def _sentence(fault: Fault, root: str) -> tuple[str, str]:
    text = _PLACE.sub("", fault.message).replace(f"{root}/", "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if fault.kind == "MissingInputException":
        files = lines[lines.index("affected files:") + 1 :] if "affected files:" in lines else lines
        message = f'"{fault.rule}" needs files that no rule makes and that are not inputs: {", ".join(files)}.'
        return message, "declare the file under inputs in reana.yaml, or correct its path."
    if fault.kind == "AmbiguousRuleException":
        return lines[0], "constrain the wildcards, or say which rule comes first with ruleorder."
    message = " ".join(lines).removeprefix("Error: ").partition(" Wildcards:")[0]
    if fault.kind in _CURES:
        return message, _CURES[fault.kind]
    if message.startswith("KeyError: "):
        return f"The Snakefile looks for {message.removeprefix('KeyError: ')}, which does not exist.", _CONFIG_HINT
    return message if message.endswith((".", "!", "?")) else f"{message}.", ""


# For each of the reader's own exceptions and kinds of fault.
_CURES = {
    "Unclosed": "close it.",
    "Unopened": "remove it, or open it.",
    "UnknownCores": "write a number: threads: 8, or min(8, workflow.cores).",
    "QueueInput": "make the files in a checkpoint, and have an input function list them.",
    "RemoteSource": "copy the file into the analysis.",
}

_CONFIG_HINT = "config holds the values of the Snakefile's configfile; the parameters in reana.yaml override them."
