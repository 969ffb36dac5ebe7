"""The text that reaches a terminal."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest

from reana_batch.cli import terminal
from reana_batch.printable import printable, printable_json, printable_log
from reana_batch.run.parts import StepProgress

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


class _Terminal(io.StringIO):
    """A stream that counts as a terminal."""

    def isatty(self) -> bool:
        return True


STEPS = (
    StepProgress("prepare", "prepare", "reana.yaml:1", total=4, done=4),
    StepProgress("fit", "fit", "reana.yaml:2", total=1000, done=500, failed=1, running=20),
    StepProgress("plot", "plot", "reana.yaml:3", total=1),
    StepProgress("publish", "publish", "reana.yaml:4", total=1),
)


def test_a_terminal_shows_bars_of_the_steps_that_matter_now(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with terminal.watching(quiet=False) as report:
        report(STEPS)
    lines = [line.split() for line in re.sub("\x1b\\[[?0-9;]*[a-zA-Z]", "", shown.getvalue()).splitlines()]
    assert lines[-4:] == [
        ["STEP", "PROGRESS"],
        ["prepare", "━" * 20, "4/4", "done"],
        ["fit", "━" * 20, "500/1,000", "done,", "20", "running,", "1", "failed"],
        ["2", "steps", "waiting"],
    ]


def test_a_bar_is_full_as_jobs_are_done() -> None:
    full = [span.end - span.start for span in terminal._bar(STEPS[1]).spans if span.style == "green"]
    assert full == [10]
