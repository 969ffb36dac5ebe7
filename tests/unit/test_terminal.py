"""The text that reaches a terminal."""

from __future__ import annotations

import json

import pytest

from reana_batch.printable import printable, printable_json, printable_log

SHOWN = {
    "plain": ("größe\t日本 😀\n", "größe\t日本 😀\n"),
    "clear the screen": ("a\x1b[2Jb", "a\\x1b[2Jb"),
    "set the clipboard": ("\x1b]52;c;ZXZpbA==\x07", "\\x1b]52;c;ZXZpbA==\\x07"),
    "a link": ("\x1b]8;;https://x\x1b\\y", "\\x1b]8;;https://x\\x1b\\y"),
    "colours": ("\x1b[1;31mred\x1b[0m", "red"),
    "colours around a sequence": ("\x1b[31m\x1b[2J", "\\x1b[2J"),
    "colours within a sequence": ("\x1b[\x1b[m2J", "\\x1b[2J"),
    "one byte sequences": ("\x9b2J\x85\x90", "\\x9b2J\\x85\\x90"),
    "delete and backspace": ("a\x08\x7f", "a\\x08\\x7f"),
    "overwriting": ("bad\rgood", "bad\\x0dgood"),
    "direction": ("a\u202egpj.exe\u2066\u2069\u200f", "a\\u202egpj.exe\\u2066\\u2069\\u200f"),
    "line separators": ("a\u2028b", "a\\u2028b"),
    "bytes that are not UTF-8": ("a\udcff", "a\\xff"),
    "half a character": ("a\ud800", "a\\ud800"),
    "NUL": ("a\0", "a\\x00"),
}


@pytest.mark.parametrize("case", SHOWN)
def test_nothing_steers_the_terminal(case: str) -> None:
    text, expected = SHOWN[case]
    assert printable(text) == expected


def test_a_progress_bar_in_a_log_is_a_line_each_time() -> None:
    assert printable_log("10%\r20%\r\nend\r\n") == "10%\n20%\nend\n"


@pytest.mark.parametrize("case", SHOWN)
def test_json_says_the_same(case: str) -> None:
    text, _ = SHOWN[case]
    written = printable_json(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(written) == {"a": text}
    assert printable(written) == written
