"""Which lines and functions of the bash parts in ``templates`` the unit tests run.

``make pytest`` sets ``TRACE_BASH`` to a folder. Each bash that a unit test starts then writes the lines that it runs to
a file there. BASH_ENV makes it read a few lines first, which turn on its own trace on its own descriptor. The shell's
output, its children and its variables stay the same. No other tool is needed: pip cannot install kcov, which does not
know the parts of a library, and bashcov needs Ruby.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reana_batch.writing.libraries import HEAD, LIBRARIES, text

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
# The share of lines, in percent, that the unit tests have to run. They have to run every function.
FLOOR = 96
_VARIABLE = "TRACE_BASH"
_START = """unset BASH_ENV
exec {BASH_XTRACEFD}>>"$TRACE_BASH/$$.$RANDOM$RANDOM.trace"
unset TRACE_BASH
PS4=$'+\\x1f${BASH_SOURCE[0]-}\\x1f$LINENO\\x1f'
set -x
"""
_TRACED = re.compile("\x1f([^\x1f\n]*)\x1f([0-9]+)\x1f")


def folder() -> Path | None:
    """Return the folder of traces, or None if they are not wanted."""
    return Path(os.environ[_VARIABLE]) if _VARIABLE in os.environ else None


def begin() -> None:
    """Make the folder, and delete old traces."""
    if kept := folder():
        kept.mkdir(parents=True, exist_ok=True)
        for trace in kept.glob("*.trace"):
            trace.unlink()
        (kept / "start.sh").write_text(_START, "utf-8")


def traced() -> dict[str, str]:
    """Return the variables of a bash whose lines are counted."""
    kept = folder()
    return {"BASH_ENV": str(kept / "start.sh"), _VARIABLE: str(kept)} if kept else {}


@dataclass(frozen=True)
class Part:
    """A bash file of ``templates``: its functions and its commands, each as the range of its lines."""

    functions: Mapping[str, range]
    commands: tuple[range, ...]


def read_part(name: str) -> Part:
    """Return the functions and commands of a part."""
    lines = (TEMPLATES / f"{name}.sh").read_text("utf-8").splitlines()
    return Part(dict(_functions(lines)), tuple(_commands(lines)))


def part_names() -> list[str]:
    """Return the names of all parts, as ``LIBRARIES`` has them."""
    return sorted(str(path.relative_to(TEMPLATES).with_suffix("")) for path in TEMPLATES.glob("*/*.sh"))


_HEADER = re.compile(r"(\w+)\(\) [({]")
_CLOSED = re.compile(r"[;)] [})](?: #.*)?$")


def _functions(lines: list[str]) -> Iterator[tuple[str, range]]:
    for start, line in enumerate(lines, start=1):
        if found := _HEADER.match(line):
            end = start
            if not _CLOSED.search(line):
                end = next(at for at, each in enumerate(lines, start=1) if at > start and each in ("}", ")"))
            yield found[1], range(start, end + 1)


# Lines without a command of their own: words that only give structure, and patterns of case.
_STRUCTURE = re.compile(
    r"(?:fi|done|esac|\}|\)|;;)(?:\W.*)?|(?:then|do|else|\{|\() *(?:#.*)?|\w+\(\) [({](?: #.*)?|case .* in"
    r"|[^()$]+\)(?: *;;)? *(?:#.*)?"
)


def _commands(lines: list[str]) -> Iterator[range]:
    """Yield the lines of each command. A quote, an operator or a backslash at the end joins lines to one command."""
    start, quote, heredoc = 0, "", ""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if heredoc:
            heredoc = "" if line == heredoc else heredoc
            continue
        if not start and (not text or text.startswith("#")):
            continue
        start = start or number
        quote, code = _scan(text, quote)
        if found := re.search(r"<<'(\w+)'$", text):
            heredoc = found[1]
        if quote or code.rstrip().endswith(("\\", "||", "&&", "|")):
            continue
        if not _STRUCTURE.fullmatch(lines[start - 1].strip()):
            yield range(start, number + 1)
        start = 0


def _scan(text: str, quote: str) -> tuple[str, str]:
    """Return the quote that is open after a line, and the line without its comment."""
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and (at == 0 or text[at - 1] == " "):
            return "", text[:at]
        at += 1
    return quote, text


def lines_run(kept: Path) -> dict[str, set[int]]:
    """Return the lines of each part that the traces name."""
    found: dict[str, set[int]] = {name: set() for name in part_names()}
    places = {f"batch/{name}": _places(name) for name in LIBRARIES}
    seen: set[tuple[str, str]] = set()
    for trace in kept.glob("*.trace"):
        seen.update(_TRACED.findall(trace.read_text("utf-8", "replace")))
    for source, number in seen:
        for part, line in _place(source, int(number), places):
            found[part].add(line)
    return found


def _place(source: str, line: int, places: Mapping[str, list[tuple[str, int]]]) -> Iterator[tuple[str, int]]:
    """Yield part and number of a line that bash names: in a part, in a library of a run, or in a script of HTCondor."""
    path = Path(source)
    if path.is_relative_to(TEMPLATES):
        yield str(path.relative_to(TEMPLATES).with_suffix("")), line
    elif library := next((name for name in places if f"/{source}".endswith(f"/{name}")), None):
        yield from places[library][line - 1 : line]
    elif (TEMPLATES / "htcondor" / path.name).is_file():
        yield f"htcondor/{path.stem}", line


def _places(library: str) -> list[tuple[str, int]]:
    """Return for each line of a library its part and its line in that part."""
    found: list[tuple[str, int]] = []
    part, line = LIBRARIES[library][0], 0
    for each in text(library).splitlines():
        if header := re.fullmatch("# --- ([a-z_/-]+) ---", each):
            part, line = header[1], len(HEAD.splitlines())
        else:
            line += 1
        found.append((part, line))
    return found


@dataclass(frozen=True)
class Share:
    """How much of the parts the tests ran."""

    functions: int
    lines: int
    functions_left: tuple[str, ...]
    lines_left: tuple[str, ...]

    @property
    def percent(self) -> float:
        return 100 * (1 - len(self.lines_left) / self.lines)

    @property
    def is_enough(self) -> bool:
        return not self.functions_left and self.percent >= FLOOR

    def __str__(self) -> str:
        told = "" if self.is_enough else "FAILED "  # tests/all.py looks for this form
        told += f"{self.functions - len(self.functions_left)} of {self.functions} functions of bash and"
        told += f" {self.percent:.1f} % of {self.lines} commands are run by the unit tests (floor: all, and {FLOOR} %)"
        return told + "".join(f"\nno unit test runs {each}" for each in self.functions_left)


def share(kept: Path) -> Share:
    """Return the share of the parts that ran, from the traces in a folder."""
    run = lines_run(kept)
    parts = {name: read_part(name) for name in part_names()}
    functions = [
        (f"{name}.sh {each}", run[name], at) for name, part in parts.items() for each, at in part.functions.items()
    ]
    commands = [(f"{name}.sh:{at.start}", run[name], at) for name, part in parts.items() for at in part.commands]
    return Share(
        len(functions),
        len(commands),
        tuple(said for said, lines, at in functions if lines.isdisjoint(at)),
        tuple(said for said, lines, at in commands if lines.isdisjoint(at)),
    )
