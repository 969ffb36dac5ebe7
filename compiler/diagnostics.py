"""Faults and warnings: what they are, how they are collected and how they are shown.

Owns the one record for every message about a user's input. Knows nothing of YAML, workflows or
back ends; they hand in a place, a sentence and a hint.
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

# Every code the program can print, with the one sentence that the manual shows. A test demands a
# golden file for each.
CODES = {
    "yaml-syntax": "The file is not YAML.",
    "yaml-encoding": "The file is not UTF-8 text.",
    "empty-file": "The file holds no YAML value.",
    "too-large": "The analysis has more values, commands or faults than are read.",
    "duplicate-key": "A mapping has the same key twice; YAML readers keep the last one silently.",
    "not-json": "A YAML value that REANA cannot send to its server, such as a date.",
    "yaml-value": "YAML 1.1 reads a parameter as something else than what is written.",
    "missing-file": "A file named on the command line or in the analysis does not exist.",
    "spec-ambiguous": "Both reana.yaml and reana.yml exist.",
    "unknown-key": "A key that REANA does not know: mostly a typo, which REANA ignores.",
    "missing-key": "A key that must be there is not.",
    "bad-type": "A value has the wrong YAML type.",
    "bad-value": "A value is not among those allowed.",
    "bad-size": "A memory or disk size that cannot be read.",
    "bad-cpu": "A number of CPUs that cannot be read.",
    "bad-time": "A duration or job flavour that cannot be read.",
    "bad-data-reference": "A declared data reference that cannot be read.",
    "unknown-rucio": "The site knows no Rucio of the name that a data reference gives.",
    "bad-image": "A container image name that is not a legal reference.",
    "image-tag": "A container image without a fixed tag.",
    "input-path": "A declared path that is absolute, empty or leaves the analysis directory.",
    "input-missing": "A declared input does not exist.",
    "input-kind": "A directory declared as a file, or a file as a directory.",
    "input-duplicate": "The same input, or the same place for an output, is declared twice.",
    "input-kept": "A rule has less to do, because what it makes is a declared input.",
    "input-symlink": "A declared input is, or leads through, a symbolic link out of the analysis.",
    "placeholder": "A $ in a command that REANA cannot substitute.",
    "undefined-parameter": "A command uses a parameter that inputs.parameters does not define.",
    "unused-parameter": "A parameter that no command uses.",
    "unknown-parameter": "-p names a parameter that the analysis does not have.",
    "bad-parameter": "A -p that is not NAME=VALUE or does not fit the declared type.",
    "bad-option": "An operational option that does not exist or does not fit the workflow type.",
    "step-range": "FROM and TARGET select no steps, or steps that do not exist.",
    "dangerous": "A command with an operation that REANA calls dangerous.",
    "no-effect": "A command that only changes its own shell, such as cd or export.",
    "unmade-output": "A declared output that no job of the workflow makes.",
    "nul-byte": "A command with a NUL character, which no process can be given.",
    "snakefile": "A Snakefile that Snakemake cannot read, or can make no jobs of.",
    "missing-input": "A rule needs a file that no rule makes and that is no input.",
    "ambiguous-rules": "Two rules make the same file.",
    "unsupported-type": "A workflow type that this version cannot compile.",
    "unsupported": "Something that the chosen back end cannot do.",
    "default-runtime": "Steps that ask for no runtime, where the site gives such steps little.",
    "hint-ignored": "A resource hint that has no meaning on the chosen back end.",
    "image-ignored": "Steps that run without their container image, for their site or their kind.",
    "changed-directory": "A Snakemake rule that leaves the workspace before it uses absolute paths into it.",
    "backend-ignored": "A step asks for another back end than the one compiled for.",
    "mixed-backends": "Steps ask for different back ends, and the one that runs the workflow cannot hand jobs to the others.",
    "over-limit": "A step asks for more than the site allows.",
    "cycle": "Steps that wait for each other in a circle.",
    "missing-secret": "A secret that a step needs is not there, is empty, or is open to others.",
    "secret-exists": "A secret of this name is there already.",
    "credential": "A ticket or proxy cannot be made, or does not live as long as it is needed.",
    "usage": "An option or argument of the command line is unknown, missing or wrong; only JSON shows this code.",
    "no-site": "run was called without a site on a machine that submits to a batch system.",
    "unknown-site": "No site profile has this name.",
    "unknown-setting": "A setting that does not exist.",
    "bad-setting": "A setting with a value that does not fit.",
    "unknown-step": "No step has this name.",
    "unknown-sample": "No sample has this name.",
    "output-exists": "The directory to write to is not empty.",
    "cannot-write": "A file could not be written.",
    "file-access": "A file or directory cannot be read or written, or is a link, FIFO, socket or device.",
    "run-name": "A name that a run cannot have.",
    "unknown-run": "No run has this name.",
    "run-state": "The run is not in a state for this.",
    "scheduler": "A scheduler refused, or gave no answer.",
    "bad-feature": "A test file is not Gherkin.",
    "missing-tool": "A program that is needed is not installed.",
}


# What ends a line in YAML 1.1.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


# The longest line of a user's file that is shown whole, in characters, and the longest sentence.
_WIDEST = 200
_LONGEST = 1000

# Messages that are shown of each severity; the rest is counted.
MOST_SHOWN = 200

# Faults of one code that are kept, and those that are looked for; a file of 10 MB can hold millions.
_MOST_KEPT = 10_000
_MOST_FOUND = 50_000

# Words that are compared with a misspelt one at all, and those that are compared closely.
_MOST_WORDS = 5000
_MOST_NEAR = 100


class Severity(enum.Enum):
    """How bad a diagnostic is: an error stops the compilation, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Place(NamedTuple):
    """A stretch of one line in a user's file; line and column count from 1, in characters."""

    file: str
    line: int
    column: int = 1
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def short(self) -> str:
        """The place without the folder, which generated files must not depend on."""
        return f"{self.file.rpartition('/')[2]}:{self.line}"


# A place, or what looks it up where the message is kept.
Where = Place | Callable[[], Place] | None


def look_up(where: Where) -> Place | None:
    """Return the place that is meant."""
    return where() if callable(where) else where


@dataclass(frozen=True, slots=True)
class Later:
    """A hint that is made only if it is shown, because that takes time; hints of one ``key`` are equal."""

    key: object
    make: Callable[[], str] = field(compare=False)

    def __str__(self) -> str:
        return self.make()


Hint = str | Later


def suggestion(word: str, allowed: Iterable[str], otherwise: str = "") -> Later:
    """Return the hint that names the allowed word nearest to ``word``, or the hint ``otherwise``."""

    def make() -> str:
        meant = closest(word, allowed)
        return f"did you mean {meant}?" if meant else otherwise

    return Later((word, otherwise), make)


class Note(NamedTuple):
    """A further place that a message is about, and the sentence about that place."""

    message: str
    place: Place

    def as_json(self) -> dict[str, object]:
        """Return the record for ``--json``."""
        return {"message": self.message, **_place_record(self.place)}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message: where, what, the further places, and what to do about it."""

    severity: Severity
    code: str
    message: str
    place: Place | None = None
    hint: Hint = ""
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        assert self.code in CODES, f"undeclared code {self.code}"

    def as_json(self) -> dict[str, object]:
        """Return the record for ``--json``; ``file``, ``line`` and ``column`` are null without a place."""
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
    """The input cannot be compiled; carries every diagnostic found up to then."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__("\n".join(d.message for d in diagnostics.errors))
        self.diagnostics = diagnostics


@dataclass
class Diagnostics:
    """A collector of diagnostics, and the source texts that they point into."""

    ignored_codes: frozenset[str] = frozenset()
    sources: dict[str, str] = field(default_factory=dict)
    _found: dict[Diagnostic, None] = field(default_factory=dict)
    _counts: Counter[tuple[Severity, str]] = field(default_factory=Counter)

    def error(
        self, code: str, message: str, place: Where = None, hint: Hint = "", notes: tuple[Note, ...] = ()
    ) -> None:
        """Record an error, or a warning if the user chose to go on in spite of this code.

        Raises :class:`Refused` when there are so many of this code that looking for more is of no use.
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
        """Keep a diagnostic once; beyond ``_MOST_KEPT`` of its code it is only counted, and not looked for."""
        kind = severity, code
        if self._counts[kind] < _MOST_KEPT:
            self._keep(Diagnostic(severity, code, message, look_up(place), hint, notes))
            return
        self._counts[kind] += 1
        if severity is Severity.ERROR and self._counts[kind] == _MOST_FOUND:
            message = f"There are {_MOST_FOUND:,} faults [{code}] or more; what else is wrong was not looked for."
            self._keep(Diagnostic(severity, "too-large", message))
            raise Refused(self)

    def _keep(self, diagnostic: Diagnostic) -> None:
        if diagnostic not in self._found:
            self._counts[diagnostic.severity, diagnostic.code] += 1
            self._found[diagnostic] = None

    def count(self, severity: Severity) -> int:
        """Return how many diagnostics of ``severity`` were recorded, kept or not."""
        return sum(count for (each, _), count in self._counts.items() if each is severity)

    def add(self, others: Diagnostics) -> None:
        """Record the diagnostics of another collector, with the sources that they point into."""
        for each in others._found:
            self._record(each.severity, each.code, each.message, each.place, each.hint, each.notes)
        self._counts.update({kind: count - _MOST_KEPT for kind, count in others._counts.items() if count > _MOST_KEPT})
        self.sources |= others.sources

    def __iter__(self) -> Iterator[Diagnostic]:
        """Yield the diagnostics in file order; those without a place come first."""
        yield from sorted(self._found, key=_position)

    def as_json(self) -> dict[str, object]:
        """Return what ``--json`` shows: ``MOST_SHOWN`` records of each severity, and the number of the others."""
        shown: dict[Severity, list[Diagnostic]] = {severity: [] for severity in Severity}
        for diagnostic in self:
            if len(shown[diagnostic.severity]) < MOST_SHOWN:
                shown[diagnostic.severity].append(diagnostic)
        records = sorted(itertools.chain(*shown.values()), key=_position)
        rest = sum(self._counts.values()) - len(records)
        return {"diagnostics": [each.as_json() for each in records], "more_diagnostics": rest}

    def text(self, severity: Severity) -> str:
        """Return what the command line shows of one severity."""
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
    """Return the exception for a fault that leaves nothing else to look at."""
    diagnostics = Diagnostics()
    diagnostics.error(code, message, place, hint)
    return Refused(diagnostics)


def no_access(error: OSError) -> Refused:
    """Return the exception for a file or directory that the system does not let us read or write."""
    return refuse("file-access", f"{error.filename}: {error.strerror or error}.")


def closest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that ``word`` was probably meant to be, or None.

    As well as small slips it knows initials, and parts left out: ``c_b`` is ``compute_backend``, and
    ``kubernetes_cpus`` is ``kubernetes_cpu_limit``.
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
    """Return how many characters two words begin and end with together: all but one after a small slip."""
    return _prefix(one, other) + _prefix(one[::-1], other[::-1])


def _prefix(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], total: int = 0) -> str:
    """Return the text for a reader: place, sentence, source line with carets, notes, hint.

    The same message at many places is shown once, with the other places counted. Of more than
    ``MOST_SHOWN`` messages the rest is counted; ``total`` counts what the collector has not kept as well.
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
    """Return the groups with their hints; those are together whose hints, made only now, turn out to be the same."""
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
    """Return a sentence as one line, without the middle of the long value that it quotes."""
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
    if len(line) > _WIDEST:  # a window around the place will do
        start = max(0, column - _WIDEST // 2)
        line, column = line[start : start + _WIDEST], column - start
    line = "".join(c if c.isprintable() or c == "\t" else "?" for c in line)
    # Tabs stay tabs below as above, so that the carets line up in every terminal.
    pad = "".join("\t" if c == "\t" else " " for c in line[: column - 1])
    width = max(1, min(place.width, len(line) - column + 1))
    return [f"  {line}", f"  {pad}{'^' * width}"]
