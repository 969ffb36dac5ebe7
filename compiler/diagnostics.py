"""Faults and warnings: what they are, how they are collected and how they are shown.

Owns the one record for every message about a user's input. Knows nothing of YAML, workflows or
back ends; they hand in a place, a sentence and a hint.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

# Every code the program can print, with the one sentence that the manual shows. A test demands a
# golden file for each.
CODES = {
    "yaml-syntax": "The file is not YAML.",
    "yaml-encoding": "The file is not UTF-8 text.",
    "empty-file": "The file holds no YAML value.",
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


# The longest line of a user's file that is shown whole, in characters.
_WIDEST = 200


class Severity(enum.Enum):
    """How bad a diagnostic is: an error stops the compilation, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True, slots=True)
class Place:
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


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message: where, what, and what to do about it."""

    severity: Severity
    code: str
    message: str
    place: Place | None = None
    hint: str = ""

    def __post_init__(self) -> None:
        assert self.code in CODES, f"undeclared code {self.code}"

    def as_json(self) -> dict[str, object]:
        """Return the record for ``--json``; ``file``, ``line`` and ``column`` are null without a place."""
        place = self.place
        return {
            "severity": self.severity.value,
            "code": self.code,
            "message": self.message,
            "hint": self.hint or None,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
        }


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

    def error(self, code: str, message: str, place: Place | None = None, hint: str = "") -> None:
        """Record an error, or a warning if the user chose to go on in spite of this code."""
        severity = Severity.WARNING if code in self.ignored_codes else Severity.ERROR
        self._found[Diagnostic(severity, code, message, place, hint)] = None

    def warning(self, code: str, message: str, place: Place | None = None, hint: str = "") -> None:
        """Record a warning."""
        self._found[Diagnostic(Severity.WARNING, code, message, place, hint)] = None

    def add(self, others: Diagnostics) -> None:
        """Record the diagnostics of another collector, with the sources that they point into."""
        self._found |= others._found
        self.sources |= others.sources

    def __iter__(self) -> Iterator[Diagnostic]:
        """Yield the diagnostics in file order; those without a place come first."""
        nowhere = Place("", 0, 0)
        yield from sorted(self._found, key=lambda d: d.place or nowhere)

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self if d.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [d for d in self if d.severity is Severity.WARNING]

    def stop_if_errors(self) -> None:
        """Raise :class:`Refused` if an error was recorded."""
        if any(d.severity is Severity.ERROR for d in self._found):
            raise Refused(self)


def refuse(code: str, message: str, place: Place | None = None, hint: str = "") -> Refused:
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

    words = {candidate.lower(): candidate for candidate in allowed}
    letters = word.replace("_", "").lower()
    parts = {part.removesuffix("s") for part in re.split(r"[_.-]", word.lower())}
    for lower, candidate in words.items():
        own = lower.split("_")
        if len(letters) > 1 and letters == "".join(part[0] for part in own if part):
            return candidate
        if len(parts) > 1 and parts <= {part.removesuffix("s") for part in own}:
            return candidate
    near = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return words[near[0]] if near else None


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> str:
    """Return the text for a reader: place, sentence, source line with carets, hint.

    The same message at many places is shown once, with the other places counted.
    """
    groups: dict[tuple[object, ...], list[Diagnostic]] = {}
    for diagnostic in diagnostics:
        key = (diagnostic.severity, diagnostic.code, diagnostic.message, diagnostic.hint)
        groups.setdefault(key, []).append(diagnostic)
    return "".join(_render_group(group, sources) for group in groups.values())


def _render_group(group: list[Diagnostic], sources: Mapping[str, str]) -> str:
    first = group[0]
    where = f"{first.place}:{first.place.column}: " if first.place else ""
    lines = [f"{where}{first.severity.value}: {first.message} [{first.code}]"]
    if first.place:
        lines += _excerpt(first.place, sources)
    if len(group) > 1:
        lines.append(_other_places(group[1:]))
    lines += [f"hint: {first.hint}"] if first.hint else []
    return "\n".join(lines) + "\n"


def _other_places(group: list[Diagnostic]) -> str:
    shown = ", ".join(f"{d.place}:{d.place.column}" for d in group[:3] if d.place)
    rest = len(group) - 3
    more = f" and {rest:,} more place{'' if rest == 1 else 's'}" if rest > 0 else ""
    return f"also at: {shown}{more}"


def _excerpt(place: Place, sources: Mapping[str, str]) -> list[str]:
    lines = LINE_BREAK.split(sources[place.file]) if place.file in sources else []
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
