"""Text for a terminal, without characters that control the terminal.

Logs, names and values from others may contain escape sequences that clear the screen, set the clipboard or hide text.
"""

from __future__ import annotations

import re

# Control characters except newline and tab, characters that change the direction of writing, and code points that are
# not characters.
_STEERING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# Colours and bold type: harmless and frequent in logs, so they are removed and not shown as escapes.
_COLOURS = re.compile("\x1b\\[[0-9;:]*m")


def printable(text: str) -> str:
    """Return ``text`` with each character that controls the terminal written as an escape."""
    return text if _is_plain(text) else _STEERING.sub(_escape, _COLOURS.sub("", text))


def file_name(path: str) -> str:
    """Return the name of a file for the eye. Names that are not UTF-8 cannot be printed as they are."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def printable_log(text: str) -> str:
    """Return the output of a job as :func:`printable` does. A carriage return starts a new line."""
    return printable(text.replace("\r\n", "\n").replace("\r", "\n"))


def printable_json(text: str) -> str:
    """Return equal JSON with each character that controls the terminal written as JSON's escape."""
    return text if _is_plain(text) else _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _is_plain(text: str) -> bool:
    return _STEERING.search(text) is None


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    if 0xDC80 <= number <= 0xDCFF:  # Python's form of a byte that is not UTF-8, in names and logs
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
