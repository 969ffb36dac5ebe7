"""The small languages inside values: placeholders, sizes, durations and data references.

Each reader returns a plain value or raises :class:`Unreadable`, which says in a sentence what was
expected and at which character it went wrong; the caller knows the place in the file.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark, Tree

# Job flavours of HTCondor at CERN, in seconds (reana-job-controller, and CERN's batch documentation).
FLAVOURS = {
    "espresso": 1200,
    "microcentury": 3600,
    "longlunch": 7200,
    "workday": 28800,
    "tomorrow": 86400,
    "testmatch": 259200,
    "nextweek": 604800,
}

_KUBERNETES_UNITS = {"": 1} | {
    f"{letter}{i}": (1024 if i else 1000) ** power for power, letter in enumerate("KMGTPE", start=1) for i in ("", "i")
}
_CONDOR_POWERS = {letter: power for power, letter in enumerate("KMGT", start=1)}


# The languages in which blanks mean nothing; in the others there are none.
_WITH_BLANKS = ("condor_size", "rucio", "url")
_LANGUAGES = ("kubernetes_cpu", "kubernetes_memory", "max_runtime", "slurm_time", *_WITH_BLANKS)


class Unreadable(ValueError):
    """A value is not in its language; ``column`` counts the characters before the fault."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


@functools.cache
def _lark() -> Lark:
    """Return the parser of all languages: to make one of them takes longer than to read a workflow."""
    from lark import Lark

    grammar = resources.files("reana_batch").joinpath("values.lark").read_text("utf-8")
    return Lark(grammar, start=list(_LANGUAGES), parser="lalr")


@functools.lru_cache(2**17)
def _parse(start: str, text: str, expected: str) -> Tree[Any]:
    """Return the tree of a value; steps share values, and each is read more than once, so that trees are kept."""
    from lark.exceptions import UnexpectedInput

    blank = re.search(r"\s+", text)
    if blank and start not in _WITH_BLANKS:
        raise Unreadable(f'{expected}, not "{text}"', blank.end())
    try:
        return _lark().parse(text, start=start)
    except UnexpectedInput as error:
        column = error.pos_in_stream if isinstance(error.pos_in_stream, int) else len(text)
        raise Unreadable(f'{expected}, not "{text}"', max(column, 0)) from None


# --- placeholders ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A ``$`` construct in a command: ``name`` is the parameter, or None where REANA finds no name."""

    start: int
    end: int
    name: str | None


# As Python's string.Template reads a command (REANA substitutes with that): names are ASCII, $$ is the only escape,
# every other $ is a fault.
_DOLLAR = re.compile(r"\$(?:(\$)|([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)\})?")


def split_placeholders(text: str) -> list[str | Placeholder]:
    """Return ``text`` as literal pieces (with ``$$`` already ``$``) and placeholders, in order."""
    pieces: list[str | Placeholder] = []
    end = 0
    for match in _DOLLAR.finditer(text):
        if match.start() > end:
            pieces.append(text[end : match.start()])
        end = match.end()
        pieces.append("$" if match[1] else Placeholder(match.start(), end, match[2] or match[3]))
    if end < len(text) or not text:
        pieces.append(text[end:])
    return pieces


def substitute(text: str, parameters: Mapping[str, object]) -> str:
    """Return ``text`` as ``string.Template(text).substitute(parameters)`` gives it.

    Raises as :func:`fill` does.
    """
    return fill(split_placeholders(text), parameters)


def fill(pieces: Iterable[str | Placeholder], parameters: Mapping[str, object]) -> str:
    """Return the pieces of a command with the parameters filled in, each as its ``str()``.

    Raises KeyError for an undefined parameter and ValueError for a ``$`` without a name, which the
    front end reports beforehand.
    """
    filled = []
    for piece in pieces:
        if isinstance(piece, str):
            filled.append(piece)
        elif piece.name is None:
            raise ValueError(f"no parameter name behind the $ at character {piece.start}")
        else:
            filled.append(str(parameters[piece.name]))
    return "".join(filled)


# --- sizes and durations -----------------------------------------------------------------------


def kubernetes_memory(text: str) -> int:
    """Return the bytes of a Kubernetes memory quantity such as ``8Gi``, ``256M`` or ``1000000``."""
    tree = _parse("kubernetes_memory", text, "Memory must be a size such as 8Gi")
    number, unit = (*map(str, tree.children), "")[:2]
    return int(Fraction(number) * _KUBERNETES_UNITS[unit])


def kubernetes_cpu(text: str) -> int:
    """Return whole CPUs, rounded up, of a Kubernetes quantity such as ``500m``, ``0.5`` or ``2``."""
    tree = _parse("kubernetes_cpu", text, "CPUs must be a number such as 2, 0.5 or 500m")
    quantity = str(tree.children[0])
    number = Fraction(quantity[:-1]) / 1000 if tree.data == "millicpus" else Fraction(quantity)
    if number <= 0:
        raise Unreadable(f'CPUs must be more than 0, not "{text}"')
    return math.ceil(number)


def condor_memory(text: str) -> int:
    """Return the bytes of ``htcondor_request_memory``; a bare number counts MiB."""
    return _condor_size(text, bare_power=2)


def condor_disk(text: str) -> int:
    """Return the bytes of ``htcondor_request_disk``; a bare number counts KiB."""
    return _condor_size(text, bare_power=1)


def _condor_size(text: str, bare_power: int) -> int:
    tree = _parse("condor_size", text, "A size must be a whole number such as 2 GB or 512 M")
    number, unit = (*map(str, tree.children), "")[:2]
    if int(number) == 0:
        raise Unreadable(f'A size must be more than 0, not "{text}"')
    power = _CONDOR_POWERS[unit[0].upper()] if unit else bare_power
    size: int = int(number) * 1024**power
    return size


def positive_integer(text: str) -> int:
    """Return a whole number above 0."""
    if not (re.fullmatch(r"[0-9]{1,18}", text) and int(text) > 0):
        raise Unreadable(f'Expected a whole number above 0, not "{text}"')
    return int(text)


def max_runtime(text: str) -> int | str:
    """Return the seconds, or the name of the flavour, of ``htcondor_max_runtime``."""
    expected = "A runtime must be seconds or a job flavour"
    tree = _parse("max_runtime", text, expected)
    value = str(tree.children[0])
    if tree.data == "seconds":
        return positive_integer(value)
    if value not in FLAVOURS:
        raise Unreadable(f'{expected} ({", ".join(FLAVOURS)}), not "{value}"')
    return value


# Seconds of each number in the forms of sbatch --time.
_SLURM_FORMS = {
    "minutes": (60,),
    "minutes_seconds": (60, 1),
    "hours_minutes_seconds": (3600, 60, 1),
    "days_hours": (86400, 3600),
    "days_hours_minutes": (86400, 3600, 60),
    "days_hours_minutes_seconds": (86400, 3600, 60, 1),
}


def slurm_time(text: str) -> int:
    """Return the seconds of a Slurm time limit: minutes, or ``[D-]HH[:MM[:SS]]`` forms."""
    tree = _parse("slurm_time", text, "A Slurm time must be minutes or a form such as 1-12:00:00")
    seconds = sum(int(str(n)) * unit for n, unit in zip(tree.children, _SLURM_FORMS[tree.data], strict=True))
    if seconds == 0:
        raise Unreadable(f'A Slurm time must be more than 0, not "{text}"')
    return seconds


# --- declared data -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a data reference, and the characters in front of it."""

    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A data reference as it is written: the three words of ``rucio(...)``, or one URL, and the options."""

    words: tuple[Word, ...]
    options: Mapping[str, Word]


_URL_SCHEMES = ("root://", "https://", "davs://")


def is_data_reference(text: str) -> bool:
    """Return whether a declared file is data to be staged rather than a path."""
    return is_rucio(text) or text.lstrip().startswith(_URL_SCHEMES)


def is_rucio(text: str) -> bool:
    """Return whether a declared file is written as ``rucio(...)``."""
    return re.match(r"\s*rucio\s*\(", text) is not None


def data_reference(text: str) -> Reference:
    """Return the parts of a data reference: ``rucio(...)``, or a URL with options behind it."""
    return _rucio_reference(text) if is_rucio(text) else _url_reference(text)


def _rucio_reference(text: str) -> Reference:
    expected = "A data reference must be rucio(INSTANCE, SCOPE, NAME)"
    words: list[Word] = []
    options: dict[str, Word] = {}
    for argument in _parse("rucio", text, expected).children:
        key, token = argument.children
        word = _word(token)
        if key is not None:
            _add_option(options, key, word)
        elif options:
            raise Unreadable(f'{expected}; "{word.text}" stands behind an option', word.column)
        else:
            words.append(word)
    if len(words) != 3:
        raise Unreadable(f"{expected}, not {len(words)} words")
    return Reference(tuple(words), options)


def _url_reference(text: str) -> Reference:
    expected = "A data reference must be a URL, and NAME=VALUE options behind blanks"
    url, *pairs = _parse("url", text, expected).children
    options: dict[str, Word] = {}
    for pair in pairs:
        key, token = pair.children
        _add_option(options, key, _word(token))
    return Reference((_word(url),), options)


def _word(token: Any) -> Word:
    text = str(token)
    return Word(text[1:-1] if text[0] in "\"'" else text, token.start_pos or 0)


def _add_option(options: dict[str, Word], key: Any, word: Word) -> None:
    name = str(key).rstrip("= \t")
    if name in options:
        raise Unreadable(f"A data reference must have {name}= only once", key.start_pos or 0)
    options[name] = word


_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def lifetime(text: str) -> int:
    """Return the seconds of a lifetime such as ``3600``, ``12h`` or ``30d``."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw]?)", text)
    if not (match and int(match[1])):
        raise Unreadable(f'A lifetime must be seconds, or a duration such as 12h or 30d, not "{text}"')
    return int(match[1]) * _SECONDS[match[2]]
