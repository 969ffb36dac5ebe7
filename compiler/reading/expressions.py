"""The small languages inside values: placeholders, sizes, durations and data references.

Each reader returns a plain value or raises :class:`Unreadable`, which says in a sentence what was expected. In a
data reference it also has the character of the fault. The caller knows the place in the file. A grammar reads data
references. Patterns read all other values, because an analysis can have 100,000 hints.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
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


class Unreadable(ValueError):
    """A value is not in its language. ``column`` is the number of characters before the fault, if known."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


# --- placeholders ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A ``$`` construct in a command. ``name`` is the parameter, or None if REANA finds no name."""

    start: int
    end: int
    name: str | None


# The syntax of Python's string.Template, with which REANA fills in parameters: names are ASCII, $$ is the only escape,
# every other $ is a fault.
_DOLLAR = re.compile(r"\$(?:(\$)|([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)\})?")


def split_placeholders(text: str) -> Iterator[str | Placeholder]:
    """Yield the literal pieces and the placeholders of ``text`` in order. In a literal piece, ``$$`` is ``$``."""
    end = 0
    for match in _DOLLAR.finditer(text):
        start, before = match.start(), end
        end = match.end()
        if start > before:
            yield text[before:start]
        yield "$" if match[1] else Placeholder(start, end, match[2] or match[3])
    if end < len(text) or not text:
        yield text[end:]


def names_in(text: str) -> set[str]:
    """Return the parameters that a command names."""
    return {bare or braced for _, bare, braced in _DOLLAR.findall(text)} - {""}


def fill(pieces: Iterable[str | Placeholder], parameters: Mapping[str, object]) -> str:
    """Return the pieces of a command joined, with each parameter filled in as its ``str()``.

    The result is that of ``string.Template(text).substitute(parameters)``. An undefined parameter raises KeyError.
    A ``$`` without a name raises ValueError. The front end reports both beforehand.
    """
    filled = []
    for piece in pieces:
        if isinstance(piece, str):
            filled.append(piece)
        elif piece.name is None:
            raise ValueError(f"no parameter name after the $ at character {piece.start}")
        else:
            filled.append(str(parameters[piece.name]))
    return "".join(filled)


# --- sizes and durations -----------------------------------------------------------------------

# No machine has so many bytes that their number needs 18 digits.
_WHOLE = "[0-9]{1,18}"
_NUMBER = rf"{_WHOLE}(?:\.{_WHOLE})?"

# Kubernetes quantities that REANA accepts: 500m, 0.5, 2 and 256Mi, 8Gi, 1000000
_KUBERNETES_CPU = re.compile(rf"({_WHOLE})m|({_NUMBER})")
_KUBERNETES_MEMORY = re.compile(rf"({_NUMBER})([EPTGMK]i?)?")
# HTCondor sizes, with binary units in every spelling: 2 GB, 512M, 100
_CONDOR_SIZE = re.compile(rf"[ \t]*({_WHOLE})[ \t]*(?:([KMGT])B?)?[ \t]*", re.IGNORECASE | re.ASCII)
# HTCondor at CERN: seconds, or a job flavour
_MAX_RUNTIME = re.compile(rf"({_WHOLE})|[A-Za-z_][A-Za-z0-9_]*")
# Slurm: minutes, or another form of sbatch --time
_SLURM_TIME = re.compile(rf"(?:({_WHOLE})-)?({_WHOLE})(?::({_WHOLE}))?(?::({_WHOLE}))?")


def _read(pattern: re.Pattern[str], text: str, expected: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise Unreadable(f'{expected}, not "{text}"')
    return match


def kubernetes_memory(text: str) -> int:
    """Return the bytes of a Kubernetes memory quantity such as ``8Gi``, ``256M`` or ``1000000``."""
    number, unit = _read(_KUBERNETES_MEMORY, text, "Memory must be a size such as 8Gi").groups("")
    return int(_exact(number) * _KUBERNETES_UNITS[unit])


def _exact(number: str) -> int | Fraction:
    return int(number) if number.isdecimal() else Fraction(number)  # Fraction takes ten times as long


def kubernetes_cpu(text: str) -> int:
    """Return the CPUs of a Kubernetes quantity such as ``500m``, ``0.5`` or ``2``, rounded up."""
    thousandths, whole = _read(_KUBERNETES_CPU, text, "CPUs must be a number such as 2, 0.5 or 500m").groups()
    number = Fraction(int(thousandths), 1000) if thousandths else _exact(whole)
    if number <= 0:
        raise Unreadable(f'CPUs must be more than 0, not "{text}"')
    return math.ceil(number)


def condor_memory(text: str) -> int:
    """Return the bytes of ``htcondor_request_memory``. A number without a unit is in MiB."""
    return _condor_size(text, bare_power=2)


def condor_disk(text: str) -> int:
    """Return the bytes of ``htcondor_request_disk``. A number without a unit is in KiB."""
    return _condor_size(text, bare_power=1)


def _condor_size(text: str, bare_power: int) -> int:
    number, unit = _read(_CONDOR_SIZE, text, "A size must be a whole number such as 2 GB or 512 M").groups()
    if int(number) == 0:
        raise Unreadable(f'A size must be more than 0, not "{text}"')
    size: int = int(number) * 1024 ** (_CONDOR_POWERS[unit.upper()] if unit else bare_power)
    return size


def positive_integer(text: str) -> int:
    """Return a whole number above 0."""
    if not (re.fullmatch(r"[0-9]{1,18}", text) and int(text) > 0):
        raise Unreadable(f'Expected a whole number above 0, not "{text}"')
    return int(text)


def max_runtime(text: str) -> int | str:
    """Return the seconds or the job flavour of ``htcondor_max_runtime``."""
    expected = "A runtime must be seconds or a job flavour"
    value = _read(_MAX_RUNTIME, text, expected)
    if value[1]:
        return positive_integer(text)
    if text not in FLAVOURS:
        raise Unreadable(f'{expected} ({", ".join(FLAVOURS)}), not "{text}"')
    return text


def slurm_time(text: str) -> int:
    """Return the seconds of a Slurm time limit.

    Its forms are minutes, ``M:SS``, ``H:MM:SS``, ``D-H``, ``D-H:MM`` and ``D-H:MM:SS``.
    """
    found = _read(_SLURM_TIME, text, "A Slurm time must be minutes or a form such as 1-12:00:00")
    days, *clock = found.groups()
    numbers = [int(number) for number in clock if number]
    units = (3600, 60, 1) if days or len(numbers) == 3 else (60, 1)
    seconds = 86400 * int(days or 0) + sum(number * unit for number, unit in zip(numbers, units, strict=False))
    if seconds == 0:
        raise Unreadable(f'A Slurm time must be more than 0, not "{text}"')
    return seconds


# --- declared data -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a data reference, and the number of characters before it."""

    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A data reference as written: the three words of ``rucio(...)`` or one URL, and the options."""

    words: tuple[Word, ...]
    options: Mapping[str, Word]


@functools.cache
def _lark() -> Lark:
    """Return the parser of data references."""
    from lark import Lark

    grammar = resources.files("reana_batch.reading").joinpath("references.lark").read_text("utf-8")
    return Lark(grammar, start=["rucio", "url"], parser="lalr")


def _parse(start: str, text: str, expected: str) -> Tree[Any]:
    from lark.exceptions import UnexpectedInput

    try:
        return _lark().parse(text, start=start)
    except UnexpectedInput as error:
        column = error.pos_in_stream if isinstance(error.pos_in_stream, int) else len(text)
        raise Unreadable(f'{expected}, not "{text}"', max(column, 0)) from None


REFERENCE_FORMS = "begin with root://, https:// or davs://, or are rucio(...)"
_REFERENCE = re.compile(r"\s*(?:(rucio\s*\()|root://|https://|davs://)")


def is_data_reference(text: str) -> bool:
    """Return whether a declared file is a data reference and not a path."""
    return _REFERENCE.match(text) is not None


def is_rucio(text: str) -> bool:
    """Return whether a declared file is written as ``rucio(...)``."""
    found = _REFERENCE.match(text)
    return found is not None and found[1] is not None


def data_reference(text: str) -> Reference:
    """Return the parts of a data reference: ``rucio(...)``, or a URL followed by options."""
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
            raise Unreadable(f'{expected}, but "{word.text}" comes after an option', word.column)
        else:
            words.append(word)
    if len(words) != 3:
        raise Unreadable(f"{expected}, not {len(words)} words")
    return Reference(tuple(words), options)


def _url_reference(text: str) -> Reference:
    expected = "A data reference must be a URL, followed by NAME=VALUE options separated by spaces"
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
