"""Faults and warnings, as the user reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reana_batch import diagnostics as messages
from reana_batch.diagnostics import (
    CODES,
    Diagnostic,
    Diagnostics,
    Note,
    Place,
    Refused,
    Severity,
    closest,
    refuse,
    render,
    suggestion,
)

SOURCE = "one: 1\n\ttwo:\t$x\t# é\nthree: größe $y\n"


def at(line: int, column: int = 1, width: int = 1, file: str = "a.yaml") -> Place:
    return Place(file, line, column, width)


def shown(*found: Diagnostic) -> str:
    return render(found, {"a.yaml": SOURCE})


def error(message: str, place: Place | None = None, hint: str = "", *notes: Note) -> Diagnostic:
    return Diagnostic(Severity.ERROR, "bad-value", message, place, hint, notes)


def test_sentence_alone() -> None:
    assert shown(error("It is wrong.")) == "error: It is wrong. [bad-value]\n"


def test_sentence_with_hint() -> None:
    assert shown(error("It is wrong.", hint="do it right.")) == (
        "error: It is wrong. [bad-value]\nhint: do it right.\n"
    )


def test_line_with_carets() -> None:
    assert shown(error("It is wrong.", at(3, 8, 5), "do it right.")) == (
        "a.yaml:3:8: error: It is wrong. [bad-value]\n  three: größe $y\n         ^^^^^\nhint: do it right.\n"
    )


def test_carets_stand_under_their_text_behind_tabs() -> None:
    assert shown(error("It is wrong.", at(2, 7, 2))) == (
        "a.yaml:2:7: error: It is wrong. [bad-value]\n  \ttwo:\t$x\t# é\n  \t    \t^^\n"
    )


def test_carets_end_with_the_line() -> None:
    assert shown(error("It is wrong.", at(1, 6, 40))) == (
        "a.yaml:1:6: error: It is wrong. [bad-value]\n  one: 1\n       ^\n"
    )


def test_caret_behind_the_line() -> None:
    assert shown(error("It is missing.", at(1, 7))) == (
        "a.yaml:1:7: error: It is missing. [bad-value]\n  one: 1\n        ^\n"
    )


def test_line_ends_of_windows_are_not_shown() -> None:
    text = render([error("It is wrong.", at(1, 4, 9))], {"a.yaml": "a: 1\r\nb: 2\r\n"})
    assert text == "a.yaml:1:4: error: It is wrong. [bad-value]\n  a: 1\n     ^\n"


@pytest.mark.parametrize("line", [1, 7])
def test_file_whose_text_is_not_known(line: int) -> None:
    assert (
        shown(error("It is wrong.", at(line, file="b.yaml"))) == f"b.yaml:{line}:1: error: It is wrong. [bad-value]\n"
    )


def test_same_message_at_two_places_is_shown_once() -> None:
    assert shown(error("It is wrong.", at(1)), error("Other."), error("It is wrong.", at(3))) == (
        "a.yaml:1:1: error: It is wrong. [bad-value]\n  one: 1\n  ^\nalso at: a.yaml:3:1\nerror: Other. [bad-value]\n"
    )


@pytest.mark.parametrize(
    ("count", "also"),
    [
        (4, "also at: b:2:1, b:3:1, b:4:1"),
        (5, "also at: b:2:1, b:3:1, b:4:1 and 1 more place"),
        (2000, "also at: b:2:1, b:3:1, b:4:1 and 1,996 more places"),
    ],
)
def test_many_places_are_counted(count: int, also: str) -> None:
    found = [error("It is wrong.", at(line, file="b"), "stop.") for line in range(1, count + 1)]
    sources = {"b": "x\n" * count}
    assert render(found, sources) == f"b:1:1: error: It is wrong. [bad-value]\n  x\n  ^\n{also}\nhint: stop.\n"


def test_messages_that_are_not_shown_are_counted() -> None:
    diagnostics = Diagnostics()
    for number in range(10_005):
        diagnostics.error("bad-value", f"{number} is wrong.")
    diagnostics.error("bad-type", "The last one.")
    assert diagnostics.count(Severity.ERROR) == 10_006
    lines = render(diagnostics, {}, diagnostics.count(Severity.ERROR)).splitlines()
    assert (lines[0], lines[199]) == ("error: 0 is wrong. [bad-value]", "error: 199 is wrong. [bad-value]")
    assert lines[200:] == ["9,806 more errors not shown."]
    answer = diagnostics.as_json()
    assert [len(answer["diagnostics"]), answer["more_diagnostics"]] == [200, 9_806]  # type: ignore[arg-type]  # a list


def test_when_there_are_too_many_faults_no_more_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_MOST_KEPT", 2)
    monkeypatch.setattr(messages, "_MOST_FOUND", 4)
    diagnostics = Diagnostics()
    for number in range(5):
        diagnostics.warning("bad-value", f"{number} is strange.")
    for number in range(3):
        diagnostics.error("bad-value", f"{number} is wrong.")
    with pytest.raises(Refused) as refused:
        diagnostics.error("bad-value", "3 is wrong.")
    assert refused.value.diagnostics is diagnostics
    assert render(diagnostics.errors, {}, diagnostics.count(Severity.ERROR)) == (
        "error: 0 is wrong. [bad-value]\n"
        "error: 1 is wrong. [bad-value]\n"
        "error: There are 4 faults [bad-value] or more. The search for others was stopped. [too-large]\n"
        "2 more errors not shown.\n"
    )


def test_faults_of_one_code_do_not_hide_those_of_another() -> None:
    diagnostics = Diagnostics()
    for number in range(10_005):
        diagnostics.error("bad-value", f"{number} is wrong.", at(2))
    diagnostics.error("bad-type", "The last one.", at(1))
    assert next(iter(diagnostics)).message == "The last one."


def test_long_values_are_shown_by_their_ends() -> None:
    text = shown(error(f'"a{"x" * 5000}b" is not known here.'))
    assert text.startswith('error: "axxx')
    assert text.endswith('xb" is not known here. [bad-value]\n')
    assert len(text) < 1000


def test_a_word_is_sought_only_if_the_hint_is_shown() -> None:
    asked = []

    def words() -> Iterator[str]:
        asked.append(1)
        yield "commands"

    hint = suggestion("comands", _Once(words))
    diagnostics = Diagnostics()
    diagnostics.error("bad-value", "It is wrong.", hint=hint)
    assert asked == []
    assert render(diagnostics, {}) == "error: It is wrong. [bad-value]\nhint: did you mean commands?\n"
    assert asked == [1]


@dataclass(frozen=True)
class _Once:
    words: Callable[[], Iterator[str]]

    def __iter__(self) -> Iterator[str]:
        return self.words()


def test_further_places_are_shown_with_their_lines() -> None:
    notes = Note("One is here.", at(1, 1, 3)), Note("Two is here.", at(9, file="b.yaml"))
    assert shown(error("It is wrong.", at(3, 8, 5), "do it right.", *notes)) == (
        "a.yaml:3:8: error: It is wrong. [bad-value]\n  three: größe $y\n         ^^^^^\n"
        "a.yaml:1:1: note: One is here.\n  one: 1\n  ^^^\n"
        "b.yaml:9:1: note: Two is here.\n"
        "hint: do it right.\n"
    )


def test_messages_with_other_further_places_are_shown_apart() -> None:
    first, second = Note("It is set here.", at(1, file="b")), Note("It is set here.", at(2, file="b"))
    found = [
        error("It is wrong.", at(line, file="b"), "", note) for line, note in ((7, first), (8, second), (9, first))
    ]
    assert render(found, {}) == (
        "b:7:1: error: It is wrong. [bad-value]\nalso at: b:9:1\nb:1:1: note: It is set here.\n"
        "b:8:1: error: It is wrong. [bad-value]\nb:2:1: note: It is set here.\n"
    )


def test_another_collector_keeps_further_places() -> None:
    first, second = Diagnostics(), Diagnostics()
    note = Note("One is here.", at(1))
    first.error("bad-value", "It is wrong.", at(3), notes=(note,))
    first.warning("bad-value", "It is strange.", at(4), notes=(note,))
    second.add(first)
    assert [each.notes for each in second] == [(note,), (note,)]


PLACE_IN_TEXT = re.compile(r"\blines? (\d|\{|%)|\bcolumns? (\d|\{|%)")


def sentences(path: Path) -> Iterator[str]:
    """Yield the texts in the code of a module. Each value in a text is shown as {}."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)


@pytest.mark.parametrize("text", ['"{}" is set in line {}.', "It ends at line %d.", "See lines 3 and 4.", "column {0}"])
def test_a_place_in_a_text_is_seen(text: str) -> None:
    assert PLACE_IN_TEXT.search(text)


def test_no_message_tells_a_place_in_its_text() -> None:
    root = Path(__file__).parents[2]
    found = [
        (path.name, text)
        for folder in ("compiler", "backends")
        for path in sorted((root / folder).rglob("*.py"))
        for text in sentences(path)
        if PLACE_IN_TEXT.search(text)
    ]
    assert found == []


@pytest.mark.parametrize("word", ["step-4xx7", "stp-4567", "step-45677", "5tep-4567"])
def test_a_slip_is_found_among_thousands(word: str) -> None:
    assert closest(word, [f"step-{number}" for number in range(1000, 5000)]) is not None


@pytest.mark.parametrize(("word", "count"), [("p" * 300, 10), ("p1", 6000)])
def test_no_word_is_sought_without_end(word: str, count: int) -> None:
    assert closest(word, [f"p{number}" for number in range(count)]) is None


def test_another_hint_or_severity_is_another_message() -> None:
    diagnostics = Diagnostics()
    diagnostics.error("bad-value", "It is wrong.", hint="do this.")
    diagnostics.error("bad-value", "It is wrong.", hint="do that.")
    diagnostics.warning("bad-value", "It is wrong.", hint="do that.")
    assert render(diagnostics, {}) == (
        "error: It is wrong. [bad-value]\nhint: do this.\n"
        "error: It is wrong. [bad-value]\nhint: do that.\n"
        "warning: It is wrong. [bad-value]\nhint: do that.\n"
    )


def test_order_is_that_of_the_files() -> None:
    diagnostics = Diagnostics()
    places = [at(2, file="b"), at(10), at(9, 2), None, at(9, 1)]
    for number, place in enumerate(places):
        diagnostics.error("bad-value", str(number), place)
    assert [d.message for d in diagnostics] == ["3", "4", "2", "1", "0"]


def test_same_diagnostic_counts_once() -> None:
    diagnostics = Diagnostics()
    for _ in range(2):
        diagnostics.error("bad-value", "It is wrong.", at(1))
    assert len(list(diagnostics)) == 1


def test_ignored_codes_are_warnings() -> None:
    diagnostics = Diagnostics(frozenset({"unsupported"}))
    diagnostics.error("unsupported", "Not here.")
    diagnostics.warning("image-tag", "No tag.")
    assert [d.message for d in diagnostics.warnings] == ["Not here.", "No tag."]
    assert diagnostics.errors == []
    diagnostics.stop_if_errors()


def test_errors_stop() -> None:
    diagnostics = Diagnostics()
    diagnostics.warning("image-tag", "No tag.")
    diagnostics.error("bad-value", "Second.", at(2))
    diagnostics.error("bad-value", "First.", at(1))
    with pytest.raises(Refused) as refused:
        diagnostics.stop_if_errors()
    assert str(refused.value) == "First.\nSecond."
    assert refused.value.diagnostics is diagnostics


def test_fault_of_its_own() -> None:
    refused = refuse("missing-file", "x does not exist.", hint="name it with -f.")
    assert render(refused.diagnostics, {}) == ("error: x does not exist. [missing-file]\nhint: name it with -f.\n")


def test_record_for_machines() -> None:
    note = Note("One is here.", at(1))
    assert error("It is wrong.", at(3, 8, 5), "do it right.", note).as_json() == {
        "severity": "error",
        "code": "bad-value",
        "message": "It is wrong.",
        "hint": "do it right.",
        "file": "a.yaml",
        "line": 3,
        "column": 8,
        "notes": [{"message": "One is here.", "file": "a.yaml", "line": 1, "column": 1}],
    }
    assert error("It is wrong.").as_json() == {
        "severity": "error",
        "code": "bad-value",
        "message": "It is wrong.",
        "hint": None,
        "file": None,
        "line": None,
        "column": None,
        "notes": [],
    }


def test_undeclared_code_is_a_bug() -> None:
    with pytest.raises(AssertionError) as fault:
        Diagnostic(Severity.ERROR, "no-such-code", "x")
    assert str(fault.value) == "undeclared code no-such-code"


def test_codes_are_explained_in_sentences() -> None:
    assert [code for code, sentence in CODES.items() if not sentence.endswith(".")] == []


def test_place_without_its_folder() -> None:
    assert Place("/home/me/analysis/reana.yaml", 7).short == "reana.yaml:7"
    assert str(Place("a/reana.yaml", 7, 3)) == "a/reana.yaml:7"
