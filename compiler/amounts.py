"""Amounts in words: counts, sizes and durations."""

from __future__ import annotations

from collections.abc import Sequence

_TIMES = (("d", 86400), ("h", 3600), ("min", 60))
_UNITS = ("Bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``2 jobs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def enumerated(words: Sequence[str]) -> str:
    """Return words as a sentence lists them.

    >>> enumerated(["a", "b", "c"]), enumerated(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def readable_size(size: int) -> str:
    """Return a number of bytes as REANA shows it to people, such as ``1.5 KiB``."""
    power = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{size / 1024**power:.2f}".rstrip("0").rstrip(".") + f" {_UNITS[power]}"


def duration(seconds: int) -> str:
    """Return a duration in its largest unit and the next one.

    >>> duration(5400), duration(86400), duration(59)
    ('1 h 30 min', '1 d', '59 s')
    """
    for (unit, size), (smaller, part) in zip(_TIMES, (*_TIMES[1:], ("s", 1)), strict=True):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"
