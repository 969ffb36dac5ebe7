"""A failure in the run has the place of the expression or the output in the user's document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("cwltool")

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from reana_batch.frontends.cwl.origins import place_of
from reana_batch.frontends.cwl.reasons import expression
from tests.cwl.driver import Driver
from tests.cwl.test_faults import line_of
from tests.cwl.test_frozen import TOOLS, steps
from tests.cwl.test_worker import task

THROWS = TOOLS / "throws.cwl"
UNDEFINED = "This expression fails: TypeError: Cannot read properties of undefined (reading 'such')"

# The name of each expression, and how the row ends.
EXPRESSIONS = {
    **dict.fromkeys(["when", "value", "variable", "entryname", "entry", "listing"], "broken"),
    **dict.fromkeys(["memory", "limit", "argument", "argument again", "position", "binding"], "broken"),
    **dict.fromkeys(["stdout", "stderr"], "broken"),
    **dict.fromkeys(["format", "secondary", "glob", "output"], "lacks"),
}


@pytest.fixture(scope="module")
def throws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with Driver(tmp_path_factory.mktemp("run"), task(steps(THROWS)["try"])) as driver:
        yield driver


def test_no_expression_throws(throws: Driver) -> None:
    assert throws.row("0", {"at": "", "word": "x"}).kind == "done"


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_that_throws_is_shown_at_its_line(name: str, throws: Driver) -> None:
    answer = throws.row("0", {"at": name, "word": "x"})
    assert (answer.kind, text_of(answer.text)) == (EXPRESSIONS[name], f"step try: {UNDEFINED}")
    assert line(answer.text) == line_of(THROWS, f'"{name}"')


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing", "Error collecting output for parameter 'file': Did not find output file with glob pattern: ['none.txt']."),
        ("written", "Output file is missing."),
        ("nothing", "This expression has no value."),
        ("type", "Output numbers does not fit: item is invalid because \"'x'\" is not int"),
    ],
)  # fmt: skip  # one line is one fault
def test_an_output_that_is_missing_or_wrong_is_shown_at_its_line(name: str, says: str, throws: Driver) -> None:
    answer = throws.row("0", {"at": name, "word": "x"})
    assert (answer.kind, text_of(answer.text)) == ("lacks", f"step try: {says}")
    assert line(answer.text) == line_of(THROWS, f'"{name}"')


def line(text: str) -> int:
    file, number, _ = text.split(":", 2)
    assert file == "throws.cwl"
    return int(number)


def text_of(text: str) -> str:
    """Return a sentence without its place."""
    return text.split(": ", 1)[1]


DOCUMENT = """\
- first: $(same)
- second: $(same)
- third: &again $(shared)
- fourth: *again
"""


@pytest.fixture
def document() -> Any:
    found = YAML().load(DOCUMENT)
    for each in [found, *found]:
        each.lc.filename = "a.cwl"
    return found


def test_equal_expressions_have_places_of_their_own(document: Any) -> None:
    assert place_of(document, document[0]["first"]) == "a.cwl:1:3:"
    assert place_of(document, document[1]["second"]) == "a.cwl:2:3:"


def test_a_place_is_not_guessed(document: Any) -> None:
    assert place_of(document, document[2]["third"]) == ""
    assert place_of(document, str(b"$(same)", "utf-8")) == ""
    assert place_of(CommentedMap(a="$(x)"), "$(x)") == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("inputs does not contain key 'x'.", "This expression fails: inputs does not contain key 'x'."),
        ("Expecting value: x\nscript was:\n1 x\nstdout was: 'undefined'\nstderr was: ''\n", "This expression has no value."),
        ("Expecting value: x\nscript was:\n1 x\nstdout was: ''\nstderr was: 'wrong\nword'\n", "This expression fails: wrong word"),
        ("Long-running script killed after 60 seconds: Javascript expression was: x\nstdout was: ''", "This expression fails: Long-running script killed after 60 seconds"),
    ],
)  # fmt: skip  # one line is one reason
def test_reasons_are_without_the_program(text: str, why: str) -> None:
    assert expression(text) == why
    assert (
        expression("\n".join(f"a.cwl:1:2: {each}" for each in ["Expression evaluation error:", *text.splitlines()]))
        == why
    )
