"""Faults and warnings: what they are, how they are collected and how they are shown.

This module has the record for each message about a user's input. It knows nothing about YAML, workflows or
back ends. Callers pass a place, a sentence and a hint.
"""

from __future__ import annotations

import enum
import heapq
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# Each code that the program can print, with its sentence in the manual. A test requires a golden file for each.
CODES = {
    "yaml-syntax": "The file is not YAML.",
    "yaml-encoding": "The file is not UTF-8 text.",
    "empty-file": "The file has no YAML value.",
    "too-large": "The analysis has more values, commands or faults than allowed.",
    "duplicate-key": "A mapping has the same key twice. YAML readers keep the last one silently.",
    "not-json": "A YAML value that REANA cannot send to its server, such as a date.",
    "yaml-value": "YAML 1.1 reads a parameter as another value than the one written.",
    "missing-file": "A file named on the command line or in the analysis does not exist.",
    "spec-ambiguous": "Both reana.yaml and reana.yml exist.",
    "unknown-key": "A key that REANA does not know, usually a typo. REANA ignores it.",
    "missing-key": "A required key is missing.",
    "bad-type": "A value has the wrong YAML type.",
    "bad-value": "A value is not among those allowed.",
    "bad-size": "A memory or disk size that cannot be read.",
    "bad-cpu": "A number of CPUs that cannot be read.",
    "bad-time": "A duration or job flavour that cannot be read.",
    "bad-data-reference": "A declared data reference that cannot be read.",
    "unknown-rucio": "A data reference names a Rucio that the site does not know.",
    "bad-image": "A container image name that is not a valid reference.",
    "image-tag": "A container image without a fixed tag.",
    "input-path": "A declared path that is absolute, empty or leaves the analysis directory.",
    "input-missing": "A declared input does not exist.",
    "input-kind": "A directory declared as a file, or a file as a directory.",
    "input-duplicate": "The same input, or the same place for an output, is declared twice.",
    "input-kept": "A rule runs fewer jobs, because files that it makes are declared inputs.",
    "input-symlink": "A declared input is, or leads through, a symbolic link out of the analysis.",
    "placeholder": "A $ or a brace in a text that REANA cannot substitute.",
    "undefined-parameter": "A command uses a parameter that inputs.parameters does not define.",
    "unused-parameter": "A parameter that no command uses.",
    "unknown-parameter": "-p names a parameter that the analysis does not have.",
    "bad-parameter": "A -p that is not NAME=VALUE or does not fit the declared type.",
    "bad-option": "An operational option that does not exist or does not fit the workflow type.",
    "step-range": "FROM and TARGET select no steps, or steps that do not exist.",
    "dangerous": "A command with an operation that REANA calls dangerous.",
    "no-effect": "A command that only changes its own shell, such as cd or export.",
    "unmade-output": "A declared output that no job of the workflow makes.",
    "nul-byte": "A command with a NUL character, which a command line cannot contain.",
    "snakefile": "A Snakefile that Snakemake cannot read, or cannot make jobs from.",
    "missing-input": "A rule needs a file that no rule makes and that is not an input.",
    "ambiguous-rules": "Two rules make the same file.",
    "bad-workflow": "A workflow that Yadage cannot read, or whose stages it would leave out.",
    "unknown-reference": "A stage, output, parameter or part of a file that a workflow names does not exist.",
    "unsupported": "Something that the chosen back end cannot do.",
    "default-runtime": "Steps that ask for no runtime, on a site with a short default.",
    "hint-ignored": "A resource hint that has no meaning on the chosen back end.",
    "image-ignored": "Steps that run without their container image, because of their site or their kind.",
    "changed-directory": "A Snakemake rule that leaves the workspace before it uses absolute paths into it.",
    "backend-ignored": "A step asks for another back end than the one that the workflow is compiled for.",
    "mixed-backends": "Steps ask for different back ends, and the one that runs the workflow cannot delegate them.",
    "over-limit": "A step asks for more than the site allows, or the run breaks one of its rules.",
    "over-budget": "The estimate of a run exceeds its budget, or is not known well enough to compare it.",
    "cycle": "Steps that wait for each other in a circle.",
    "missing-secret": "A secret that a step needs is missing, is empty, or is open to others.",
    "secret-exists": "A secret of this name exists already.",
    "credential": "A ticket or proxy cannot be made, or expires too early.",
    "usage": "An option or argument of the command line is unknown, missing or wrong. Only JSON shows this code.",
    "no-site": "run was called without a site on a machine that can submit to a batch system.",
    "unknown-site": "No site profile has this name.",
    "unknown-setting": "A setting that does not exist.",
    "bad-setting": "A setting with a value that does not fit.",
    "unknown-step": "No step has this name.",
    "unknown-sample": "No sample has this name.",
    "output-exists": "The directory to write to is not empty, or the file to write exists.",
    "cannot-write": "A file could not be written.",
    "file-access": "A file or directory cannot be read or written, or is a link, FIFO, socket or device.",
    "run-name": "A run cannot have this name.",
    "unknown-run": "No run has this name.",
    "run-state": "The state of the run does not allow this.",
    "scheduler": "A scheduler refused, or did not answer.",
    "bad-feature": "A test file is not Gherkin.",
    "missing-tool": "A program that is needed is not installed.",
}


# The line breaks of YAML 1.1.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


# The most characters of a user's line, and of a sentence, that are shown.
_WIDEST = 200
_LONGEST = 1000

# The most messages of each severity that are shown. The others are counted.
MOST_SHOWN = 200

# The most faults of one code that are kept, and the most that are searched for. A file of 10 MB can have millions.
_MOST_KEPT = 10_000
_MOST_FOUND = 50_000

# The most words that are compared with a misspelt one, and the most that are compared closely.
_MOST_WORDS = 5000
_MOST_NEAR = 100


class Severity(enum.Enum):
    """The severity of a diagnostic. An error stops the compilation, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Place(NamedTuple):
    """A part of one line in a user's file. Line and column count from 1, in characters."""

    file: str
    line: int
    column: int = 1
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def short(self) -> str:
        """The place without the folder, because generated files must not depend on that."""
        return f"{self.file.rpartition('/')[2]}:{self.line}"


# A place, or a function that looks it up. It is called only if the message is kept.
Where = Place | Callable[[], Place] | None


def look_up(where: Where) -> Place | None:
    """Return the place, looked up if ``where`` is a function."""
    return where() if callable(where) else where


@dataclass(frozen=True, slots=True)
class Later:
    """A hint that is made only when it is shown, because that takes time. Hints with the same ``key`` are equal."""

    key: object
    make: Callable[[], str] = field(compare=False)

    def __str__(self) -> str:
        return self.make()


Hint = str | Later


def suggestion(word: str, allowed: Iterable[str], otherwise: str = "") -> Later:
    """Return a hint that names the allowed word nearest to ``word``, or the hint ``otherwise``."""

    def make() -> str:
        meant = closest(word, allowed)
        return f"did you mean {meant}?" if meant else otherwise

    return Later((word, otherwise), make)


class Note(NamedTuple):
    """A further place of a message, and a sentence about it."""

    message: str
    place: Place

    def as_json(self) -> dict[str, object]:
        """Return the record for ``--json``."""
        return {"message": self.message, **_place_record(self.place)}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A message: the place, the fault, further places, and the advice."""

    severity: Severity
    code: str
    message: str
    place: Place | None = None
    hint: Hint = ""
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        assert self.code in CODES, f"undeclared code {self.code}"

    def as_json(self) -> dict[str, object]:
        """Return the record for ``--json``. Without a place, ``file``, ``line`` and ``column`` are null."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "message": self.message,
            "hint": str(self.hint) or None,
            **_place_record(self.place),
            "notes": [note.as_json() for note in self.notes],
        }


def _place_record(place: Place | None) -> dict[str, object]:
    file, line, column = (place.file, place.line, place.column) if place else (None, None, None)
    return {"file": file, "line": line, "column": column}


class Refused(Exception):
    """The input cannot be compiled. The exception has all diagnostics that were found before."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__("\n".join(d.message for d in diagnostics.errors))
        self.diagnostics = diagnostics


@dataclass
class Diagnostics:
    """A collector of diagnostics, and of the source texts with their places."""

    ignored_codes: frozenset[str] = frozenset()
    sources: dict[str, str] = field(default_factory=dict)
    _found: dict[Diagnostic, None] = field(default_factory=dict)
    _counts: Counter[tuple[Severity, str]] = field(default_factory=Counter)

    def error(
        self, code: str, message: str, place: Where = None, hint: Hint = "", notes: tuple[Note, ...] = ()
    ) -> None:
        """Record an error, or a warning if the user chose to ignore this code.

        Raises :class:`Refused` when there are so many of this code that a search for more is useless.
        """
        severity = Severity.WARNING if code in self.ignored_codes else Severity.ERROR
        self._record(severity, code, message, place, hint, notes)

    def warning(
        self, code: str, message: str, place: Where = None, hint: Hint = "", notes: tuple[Note, ...] = ()
    ) -> None:
        """Record a warning."""
        self._record(Severity.WARNING, code, message, place, hint, notes)

    def _record(
        self, severity: Severity, code: str, message: str, place: Where, hint: Hint, notes: tuple[Note, ...]
    ) -> None:
        """Keep a diagnostic once. After ``_MOST_KEPT`` of its code, only count it and do not look up its place."""
        kind = severity, code
        if self._counts[kind] < _MOST_KEPT:
            self._keep(Diagnostic(severity, code, message, look_up(place), hint, notes))
            return
        self._counts[kind] += 1
        if severity is Severity.ERROR and self._counts[kind] == _MOST_FOUND:
            message = f"There are {_MOST_FOUND:,} faults [{code}] or more. The search for others was stopped."
            self._keep(Diagnostic(severity, "too-large", message))
            raise Refused(self)

    def _keep(self, diagnostic: Diagnostic) -> None:
        if diagnostic not in self._found:
            self._counts[diagnostic.severity, diagnostic.code] += 1
            self._found[diagnostic] = None

    def count(self, severity: Severity) -> int:
        """Return the number of diagnostics of ``severity`` that were recorded, kept or not."""
        return sum(count for (each, _), count in self._counts.items() if each is severity)

    def add(self, others: Diagnostics) -> None:
        """Record the diagnostics and sources of another collector."""
        for each in others._found:
            self._record(each.severity, each.code, each.message, each.place, each.hint, each.notes)
        self._counts.update({kind: count - _MOST_KEPT for kind, count in others._counts.items() if count > _MOST_KEPT})
        self.sources |= others.sources

    def __iter__(self) -> Iterator[Diagnostic]:
        """Yield the diagnostics in file order. Those without a place come first."""
        yield from sorted(self._found, key=_position)

    def as_json(self) -> dict[str, object]:
        """Return what ``--json`` shows: at most ``MOST_SHOWN`` records of each severity, and how many others."""
        shown: dict[Severity, list[Diagnostic]] = {severity: [] for severity in Severity}
        for diagnostic in self:
            if len(shown[diagnostic.severity]) < MOST_SHOWN:
                shown[diagnostic.severity].append(diagnostic)
        records = sorted(itertools.chain(*shown.values()), key=_position)
        rest = sum(self._counts.values()) - len(records)
        return {"diagnostics": [each.as_json() for each in records], "more_diagnostics": rest}

    def text(self, severity: Severity) -> str:
        """Return what the command line shows for one severity."""
        found = (each for each in self if each.severity is severity)
        return render(found, self.sources, self.count(severity))

    def __str__(self) -> str:
        return "".join(self.text(severity) for severity in (Severity.WARNING, Severity.ERROR)).rstrip("\n")

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self if d.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [d for d in self if d.severity is Severity.WARNING]

    def stop_if_errors(self) -> None:
        """Raise :class:`Refused` if an error was recorded."""
        if self.count(Severity.ERROR):
            raise Refused(self)


def _position(diagnostic: Diagnostic) -> tuple[str, int, int, int]:
    place = diagnostic.place or Place("", 0, 0)
    return place.file, place.line, place.column, place.width


def refuse(code: str, message: str, place: Place | None = None, hint: Hint = "") -> Refused:
    """Return the exception for a fault after which nothing else can be checked."""
    diagnostics = Diagnostics()
    diagnostics.error(code, message, place, hint)
    return Refused(diagnostics)


def no_access(error: OSError) -> Refused:
    """Return the exception for a file or directory that cannot be read or written."""
    return refuse("file-access", f"{error.filename}: {error.strerror or error}.")


def closest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that the user probably meant with ``word``, or None.

    It knows small slips, initials and missing parts: ``c_b`` is ``compute_backend``, and ``kubernetes_cpus`` is
    ``kubernetes_cpu_limit``.
    """
    import difflib

    words = {candidate.lower(): candidate for candidate in itertools.islice(allowed, _MOST_WORDS + 1)}
    if len(word) > _WIDEST or len(words) > _MOST_WORDS:
        return None
    letters = word.replace("_", "").lower()
    parts = {part.removesuffix("s") for part in re.split(r"[_.-]", word.lower())}
    for lower, candidate in words.items():
        own = lower.split("_")
        if len(letters) > 1 and letters == "".join(part[0] for part in own if part):
            return candidate
        if len(parts) > 1 and parts <= {part.removesuffix("s") for part in own}:
            return candidate
    near: Iterable[str] = words
    if len(words) > _MOST_NEAR:
        near = heapq.nlargest(_MOST_NEAR, words, key=lambda each: _in_common(word.lower(), each))
    found = difflib.get_close_matches(word.lower(), near, n=1, cutoff=0.6)
    return words[found[0]] if found else None


def _in_common(one: str, other: str) -> int:
    """Return how many characters at both ends of two words are the same. After a small slip, all but one are."""
    return _prefix(one, other) + _prefix(one[::-1], other[::-1])


def _prefix(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], total: int = 0) -> str:
    """Return the text for a reader: place, sentence, source line with carets, notes, hint.

    The same message at many places is shown once, and the other places are counted. Messages after the first
    ``MOST_SHOWN`` are counted. ``total`` is the number of messages, including those that were not kept.
    """
    groups: dict[tuple[object, ...], list[Diagnostic]] = {}
    for each in diagnostics:
        groups.setdefault((each.severity, each.code, each.message, each.hint, each.notes), []).append(each)
    shown = _merged(itertools.islice(groups.values(), MOST_SHOWN))
    files = {place.file for group, _ in shown for place in _places(group[0])} & sources.keys()
    lines = {file: LINE_BREAK.split(sources[file]) for file in files}
    text = "".join(_render_group(group, hint, lines) for group, hint in shown)
    rest = max(total, sum(map(len, groups.values()))) - sum(len(group) for group, _ in shown)
    kind = next((group[0].severity.value for group, _ in shown), "")
    return text + (f"{rest:,} more {kind}{'' if rest == 1 else 's'} not shown.\n" if rest else "")


def _merged(groups: Iterable[list[Diagnostic]]) -> list[tuple[list[Diagnostic], str]]:
    """Return the groups with their hints. Groups with the same hint, which is made only now, are joined."""
    merged: dict[tuple[object, ...], tuple[list[Diagnostic], str]] = {}
    for group in groups:
        first, hint = group[0], str(group[0].hint)
        merged.setdefault((first.severity, first.code, first.message, hint, first.notes), ([], hint))[0].extend(group)
    return list(merged.values())


def _places(diagnostic: Diagnostic) -> list[Place]:
    own = [diagnostic.place] if diagnostic.place else []
    return own + [note.place for note in diagnostic.notes]


def _render_group(group: list[Diagnostic], hint: str, lines: Mapping[str, list[str]]) -> str:
    first = group[0]
    where = f"{first.place}:{first.place.column}: " if first.place else ""
    text = [f"{where}{first.severity.value}: {_shortened(first.message)} [{first.code}]"]
    if first.place:
        text += _excerpt(first.place, lines)
    if len(group) > 1:
        text.append(_other_places(group[1:]))
    for note in first.notes:
        text += [f"{note.place}:{note.place.column}: note: {_shortened(note.message)}", *_excerpt(note.place, lines)]
    text += [f"hint: {_shortened(hint)}"] if hint else []
    return "\n".join(text) + "\n"


def _shortened(sentence: str) -> str:
    """Return a sentence as one line. The middle of a long quoted value is left out."""
    sentence = sentence.replace("\n", "\\n")
    if len(sentence) <= _LONGEST:
        return sentence
    return f"{sentence[: _LONGEST // 2]}[...]{sentence[-_LONGEST // 4 :]}"


def _other_places(group: list[Diagnostic]) -> str:
    shown = ", ".join(f"{d.place}:{d.place.column}" for d in group[:3] if d.place)
    rest = len(group) - 3
    more = f" and {rest:,} more place{'' if rest == 1 else 's'}" if rest > 0 else ""
    return f"also at: {shown}{more}"


def _excerpt(place: Place, lines_of: Mapping[str, list[str]]) -> list[str]:
    lines = lines_of.get(place.file, [])
    if not (0 < place.line <= len(lines) and lines[place.line - 1].strip()):
        return []
    line, column = lines[place.line - 1], place.column
    if len(line) > _WIDEST:  # show only the text around the place
        start = max(0, column - _WIDEST // 2)
        line, column = line[start : start + _WIDEST], column - start
    line = "".join(c if c.isprintable() or c == "\t" else "?" for c in line)
    # Keep tabs in the line below, so that the carets line up in every terminal.
    pad = "".join("\t" if c == "\t" else " " for c in line[: column - 1])
    width = max(1, min(place.width, len(line) - column + 1))
    return [f"  {line}", f"  {pad}{'^' * width}"]
