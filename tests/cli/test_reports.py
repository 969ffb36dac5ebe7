"""Reports for other programs: faults at their lines for GitLab, and the results of tests as JUnit XML."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from reana_batch.lifecycle.acceptance import ScenarioResult
from reana_batch.report.junit import junit_report

from .conftest import HELLO, Tool

WRONG = HELLO.replace("name: ", "nam: ")


def report(tool: Tool, *words: str, code: int) -> list[dict[str, Any]]:
    assert tool.run("validate", "--site", "local", "--code-quality", "report.json", *words).code == code
    found: list[dict[str, Any]] = json.loads((tool.directory / "report.json").read_text("utf-8"))
    return found


def test_faults_are_at_their_lines(hello: Tool) -> None:
    hello.write("reana.yaml", WRONG)
    found = report(hello, code=3)
    line = WRONG[: WRONG.index("nam:")].count("\n") + 1
    assert found
    (each,) = [each for each in found if each["check_name"] == "unknown-key"]
    assert each["location"] == {"path": "reana.yaml", "lines": {"begin": line}}
    assert each["severity"] == "critical"
    assert each["description"] == '"nam" is not known here. Hint: did you mean name?'


def test_a_valid_analysis_has_a_report_of_its_warnings(hello: Tool) -> None:
    assert {each["severity"] for each in report(hello, code=0)} <= {"minor"}


def test_a_fault_without_a_place_is_at_the_first_line(hello: Tool) -> None:
    found = report(hello, "-p", "nothing=1", code=3)
    (each,) = [each for each in found if each["check_name"] == "unknown-parameter"]
    assert each["location"] == {"path": "reana.yaml", "lines": {"begin": 1}}


def test_the_first_line_is_that_of_the_file_that_is_there(hello: Tool) -> None:
    (hello.directory / "reana.yaml").rename(hello.directory / "reana.yml")
    assert {each["location"]["path"] for each in report(hello, "-p", "nothing=1", code=3)} == {"reana.yml"}
    (hello.directory / "reana.yml").unlink()
    assert [each["location"]["path"] for each in report(hello, code=3)] == ["reana.yaml"]


def lines_of(code: str, found: list[dict[str, Any]]) -> list[int]:
    return [each["location"]["lines"]["begin"] for each in found if each["check_name"] == code]


def test_a_fault_keeps_its_fingerprint_when_lines_move(hello: Tool) -> None:
    hello.write("reana.yaml", WRONG)
    before = report(hello, code=3)
    hello.write("reana.yaml", f"# a comment\n\n{WRONG}")
    after = report(hello, code=3)
    assert [each["fingerprint"] for each in after] == [each["fingerprint"] for each in before]
    assert lines_of("unknown-key", after) == [line + 2 for line in lines_of("unknown-key", before)]


def test_equal_faults_have_different_fingerprints(hello: Tool) -> None:
    hello.write("reana.yaml", HELLO.replace("    steps:\n", "    steps:\n      - odd: 1\n      - odd: 1\n"))
    found = report(hello, code=3)
    assert len({each["fingerprint"] for each in found}) == len(found)
    assert len([each for each in found if each["check_name"] == "unknown-key"]) == 2


def test_a_report_is_not_written_through_a_link(hello: Tool) -> None:
    (hello.directory / "kept").write_text("kept", "utf-8")
    (hello.directory / "report.json").symlink_to("kept")
    ended = hello.run("validate", "--site", "local", "--code-quality", "report.json")
    assert (ended.code, "[cannot-write]" in ended.stderr) == (3, True)
    assert (hello.directory / "kept").read_text("utf-8") == "kept"


FEATURE = """\
Feature: Greetings

  Scenario: Both are greeted
    When the workflow is finished
    Then the file "greetings.txt" should be in the workspace

  Scenario: Others & "none"
    When the workflow is finished
    Then the file "others.txt" should be in the workspace

  Scenario: Failures
    When the workflow is failed
    Then the file "greetings.txt" should be in the workspace
"""


@pytest.fixture
def finished(hello: Tool) -> Tool:
    hello.write("tests.feature", FEATURE)
    hello.write("reana.yaml", f"{HELLO}tests:\n  files: [tests.feature]\n")
    assert hello.run("run", "--site", "local", "--runs", "runs", "-w", "hello").code == 0
    return hello


def test_scenarios_are_cases_of_junit(finished: Tool) -> None:
    ended = finished.run("test", "--runs", "runs", "-w", "hello", "--junit", "junit.xml")
    assert (ended.code, "1 passed, 1 failed, 1 skipped" in ended.stdout) == (1, True)
    top = ElementTree.parse(finished.directory / "junit.xml").getroot()
    assert [each.attrib for each in top] == [{"name": "tests.feature", "tests": "3", "failures": "1", "skipped": "1"}]
    cases = {str(case.get("name")): [part.tag for part in case] for case in top.iter("testcase")}
    assert cases == {"Both are greeted": [], 'Others & "none"': ["failure"], "Failures": ["skipped"]}
    (failure,) = top.iter("failure")
    assert str(failure.get("message")).startswith('the file "others.txt" should be in the workspace: ')


def test_what_xml_cannot_have_is_written_as_an_escape() -> None:
    made = junit_report([ScenarioResult("a.feature", "an \x1b[2J escape", "step", "a \x00 byte")])
    (case,) = ElementTree.fromstring(made).iter("testcase")
    assert case.get("name") == "an \\x1b[2J escape"
    assert case[0].get("message") == "step: a \\x00 byte"
