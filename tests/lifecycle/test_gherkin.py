"""REANA's tests of a run: every step of its list, fulfilled and not, and files that cannot be read.

The list is in reana_commons/gherkin_parser/functions.py.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from .conftest import Desk, answered, said, serial

CONTENT = 'Zeile 1\nsaid "so"\n'
MD5 = hashlib.md5(CONTENT.encode()).hexdigest()
SHA256 = hashlib.sha256(CONTENT.encode()).hexdigest()
SHA512 = hashlib.sha512(CONTENT.encode()).hexdigest()
ADLER32 = "369b0546"

FULFILLED = [
    "the workflow execution completes",
    "the workflow is finished",
    'the workflow is "finished"',
    "the workflow status is finished",
    "the workflow should be finished",
    "the workflow status should be finished",
    'the workflow status should be "finished"',
    "the outputs should be included in the workspace",
    "all the outputs should be included in the workspace",
    'the workspace should include "out/a b.txt"',
    'the workspace should contain "out/a b.txt"',
    "the workspace should contain out/a b.txt",
    'the workspace should include the file "out/a b.txt"',
    'the workspace should include "/out/a b.txt"',
    'the workspace should include "out"',
    'the file "out/a b.txt" should be included in the workspace',
    '"out/a b.txt" should be in the workspace',
    "out/a b.txt should be in the workspace",
    'the workspace should not include "none.txt"',
    "the workspace should not contain none.txt",
    "none.txt should not be in the workspace",
    '"none.txt" should not be in the workspace',
    'the logs should contain "heard: café"',
    'the job logs should contain "heard"',
    'the job logs should contain "complained"',
    'the job logs for the step "s1" should contain "heard"',
    'the job logs for the step s1 should contain "heard"',
    'the job logs for the "s2" step should contain "second"',
    'the job logs for the s2 step should include "second"',
    'the file "out/a b.txt" should contain "said "so""',
    'the file out/a b.txt should include "Zeile"',
    f'the md5 checksum of the file "out/a b.txt" should be "{MD5}"',
    f"the sha256 checksum of the file out/a b.txt should be {SHA256}",
    f'the sha512 checksum of the file "out/a b.txt" should be {SHA512.upper()}',
    f'the adler32 checksum of the file "out/a b.txt" should be "{ADLER32}"',
    f'the adler32 checksum of the file "out/a b.txt" should be "0x{ADLER32}"',
    'the adler32 checksum of the file "small" should be "120012"',
    f'the "md5" checksum of the file "out/a b.txt" should be "{MD5}"',
    f'the "SHA256" checksum of the file "out/a b.txt" should be "{SHA256}"',
    'the adler32 checksum of the file "small" should be "00120012"',
    "the workflow run duration should be less than 5 minutes",
    'the workflow run duration should be less than "0.5" minutes',
    "the duration of the step s1 should be less than 5 minutes",
    'the duration of the step "s2" should be less than "5" minutes',
    'the size of the file "out/a b.txt" should be exactly 18',
    'the size of the file "out/a b.txt" should be exactly "18"',
    "the size of the file out/a b.txt should be exactly 18 bytes",
    'the size of the file "out/a b.txt" should be exactly "18 B"',
    'the size of the file "out/a b.txt" should be between 10 and 20',
    'the size of the file "out/a b.txt" should be between 10 and 20 bytes',
    'the size of the file "out/a b.txt" should be between "20B" and "10B"',
    'the size of the file "out/a b.txt" should be between 0.01 KiB and 1.5 PiB',
    "the workspace size should be less than 1 KiB",
    'the workspace size should be less than "1KiB"',
    "the workspace size should be more than 18 bytes",
]

UNFULFILLED = [
    ("the workflow is failed", "the workflow is finished"),
    ("the workflow status should be running", "the workflow is finished"),
    ('the workspace should include "none.txt"', "none.txt is not there"),
    ("none.txt should be in the workspace", "none.txt is not there"),
    ('the workspace should not include "small"', "small is there"),
    ("the file small should not be in the workspace", "small is there"),
    ('the logs should contain "absent"', "no log contains it"),
    ('the job logs should contain "absent"', "no log contains it"),
    ('the job logs for the step "s1" should contain "second"', "no log of s1 contains it"),
    ('the job logs for the "s9" step should contain "second"', "there is no step s9"),
    ('the file "out/a b.txt" should contain "Zeile 2"', "out/a b.txt does not contain it"),
    ('the file "none.txt" should contain "x"', "none.txt is not there"),
    ('the file "out" should contain "x"', "out is a directory"),
    ('the md5 checksum of the file "out/a b.txt" should be "00"', f"it is {MD5}"),
    ('the adler32 checksum of the file "small" should be "1"', "it is 120012"),
    ('the crc32 checksum of the file "small" should be "1"', "crc32 is not a known checksum"),
    ('the shake_128 checksum of the file "small" should be "1"', "shake_128 is not a known checksum"),
    ('the sha256 checksum of the file "none.txt" should be "1"', "none.txt is not there"),
    ("the workflow run duration should be less than 0 minutes", "it took # s"),
    ("the duration of the step s9 should be less than 5 minutes", "there is no step s9"),
    ('the size of the file "out/a b.txt" should be exactly 19 bytes', "it is 18 bytes"),
    ('the size of the file "none.txt" should be exactly 19 bytes', "none.txt is not there"),
    ('the size of the file "out/a b.txt" should be between 19 and 1 KiB', "it is 18 bytes"),
    ("the workspace size should be less than 10 bytes", "it is 19 bytes"),
    ("the workspace size should be more than 1 KiB", "it is 19 bytes"),
    ("the workflow should be", "REANA does not know this step"),
    ("the logs should contain", "REANA does not know this step"),
    ("the size of the file small should be exactly 1 KB", "REANA does not know this step"),
    ("the workspace should be tidy", "REANA does not know this step"),
]


@pytest.fixture(scope="module")
def tested(shared: Desk) -> Desk:
    """A finished run with output in its files and logs."""
    shared.write("a b.txt", CONTENT)
    commands = (
        "mkdir out; mv 'a b.txt' out; printf '\\021' > small; echo heard: café; echo complained >&2",
        "echo second",
    )
    shared.write(
        "reana.yaml",
        serial(*commands, inputs={"files": ["a b.txt"]}, outputs={"files": ["small"], "directories": ["out"]}),
    )
    shared.run("test")
    shared.write("runs/test.1/logs/s1/0.log", "absent")  # as HTCondor's own log of a job
    return shared


def feature(*scenarios: list[str]) -> str:
    lines = ["Feature: everything"]
    for number, steps in enumerate(scenarios):
        lines += [f"  Scenario: number {number}", *(f"    * {step}" for step in steps)]
    return "\n".join(lines)


def results(desk: Desk, text: str | bytes, exits: int = 0) -> list[dict[str, Any]]:
    """Return the scenarios of a feature file in the run's folder. It is not one of the run's files."""
    desk.write("runs/test.1/test.feature", text)
    scenarios: list[dict[str, Any]] = desk.json("test", "-w", "test", "-n", "../test.feature", exits=exits)["scenarios"]
    return scenarios


def test_every_step_fulfilled(tested: Desk) -> None:
    found = results(tested, feature(*([step] for step in FULFILLED)))
    problems = {step: each["problem"] for step, each in zip(FULFILLED, found, strict=True) if each["problem"]}
    assert problems == {}


def test_every_step_unfulfilled(tested: Desk) -> None:
    found = results(tested, feature(*([step] for step, _ in UNFULFILLED)), exits=1)
    told = {each["step"]: each["problem"] for each in found}
    took = next(problem for step, problem in told.items() if "duration should" in step)
    assert told == {step: problem if "#" not in problem else took for step, problem in UNFULFILLED}
    assert took.startswith("it took ")


def test_the_first_unfulfilled_step_ends_a_scenario(tested: Desk) -> None:
    text = feature(
        ["the workflow is finished", "x should be in the workspace", "y should be in the workspace"],
        ["the workflow is finished"],
    )
    tested.write("runs/test.1/test.feature", text)
    done = tested("test", "-w", "test", "-n", "../test.feature", exits=1)
    assert done.stdout.splitlines() == [
        '  -> ERROR: Scenario "number 0" (../test.feature): x should be in the workspace: x is not there',
        '  -> SUCCESS: Scenario "number 1"',
        "1 passed, 1 failed",
    ]
    assert done.stderr == ""


DOC_STRINGS = '''
Feature: doc strings
  Scenario: in a file
    Then the file "out/a b.txt" should contain
      """
      Zeile 1
      said "so"
      """
    And the file "out/a b.txt" should contain:
      """
      Zeile
      """
  Scenario: in logs
    Then the logs should contain
      """
      heard: café
      """
    And the job logs for the step "s1" should contain
      ```
      heard
      ```
    And the job logs for the "s2" step should contain
      """
      second
      """
    And the workspace should contain
      """
      small
      """
  Scenario: not there
    Then the job logs should contain
      """
      un
      heard
      """
  Scenario: not asked for
    Then the workflow execution completes
      """
      now
      """
  Scenario: a table
    Then the workflow execution completes
      | a | b |
'''


def test_doc_strings(tested: Desk) -> None:
    found = results(tested, DOC_STRINGS, exits=1)
    assert [(each["name"], each["problem"]) for each in found] == [
        ("in a file", ""),
        ("in logs", ""),
        ("not there", "no log contains it"),
        ("not asked for", "REANA does not know this step"),
        ("a table", ""),
    ]


OUTLINE = """
Feature: outlines
  Background:
    Given the workflow is finished
  Rule: of files
    Scenario Outline: <name> is there
      Then <name> should be in the workspace
      Examples:
        | name  |
        | small |
        | none  |
        | out   |
"""


def test_outlines_and_backgrounds(tested: Desk) -> None:
    found = results(tested, OUTLINE, exits=1)
    assert [(each["name"], each["problem"]) for each in found] == [
        ("small is there", ""),
        ("none is there", "none is not there"),
        ("out is there", ""),
    ]
    found = results(tested, OUTLINE.replace("is finished", "is failed"))
    assert [(each["problem"], each["skipped"]) for each in found] == [("the workflow is finished", True)] * 3


CONDITIONS = """
Feature: conditions
  Scenario: of a failure
    When the workflow is failed
    Then none.txt should be in the workspace
  Scenario: of success
    When the workflow is finished
    And the workflow status is failed
    Then none.txt should be in the workspace
  Scenario: not REANA's
    When the workflow is tidy or not
    And it rains
"""


def test_scenario_for_other_runs_is_skipped(tested: Desk) -> None:
    tested.write("runs/test.1/test.feature", CONDITIONS)
    done = tested("test", "-w", "test", "-n", "../test.feature", exits=1)
    where = "(../test.feature)"
    assert done.stdout.splitlines() == [
        f'  -> SKIPPED: Scenario "of a failure" {where}: the workflow is failed: the workflow is finished',
        f'  -> SKIPPED: Scenario "of success" {where}: the workflow status is failed: the workflow is finished',
        f'  -> ERROR: Scenario "not REANA\'s" {where}: the workflow is tidy or not: REANA does not know this step',
        "0 passed, 1 failed, 2 skipped",
    ]


ENGINE = """
Feature: engines
  Scenario: only of an engine
    Then the engine logs should contain "snakemake.logging | MainThread | INFO"
  Scenario: of an engine and a file
    Then the engine logs should contain "adage | MainThread | INFO"
    And the workspace should include "none.txt"
"""


def test_what_only_an_engine_says_is_skipped(tested: Desk) -> None:
    tested.write("runs/test.1/test.feature", ENGINE)
    done = tested("test", "-w", "test", "-n", "../test.feature", exits=1)
    assert done.stdout.splitlines() == [
        '  -> SKIPPED: Scenario "only of an engine" (../test.feature):'
        ' the engine logs should contain "snakemake.logging | MainThread | INFO": no engine here',
        '  -> ERROR: Scenario "of an engine and a file" (../test.feature):'
        ' the workspace should include "none.txt": none.txt is not there',
        "0 passed, 1 failed, 1 skipped",
    ]


def test_no_tests_are_a_fault(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk.run("test")
    done = desk("test", "-w", "test", exits=3)
    assert done.stderr.splitlines()[:2] == [
        "error: test.1 has no tests. [missing-file]",
        "hint: name Gherkin files under tests.files.",
    ]


MALFORMED = [
    ("Feature: a\n  Scenario: b\n    Then x\n    A line without keyword\n", 4, 5),
    ("no feature\n", 1, 1),
    ('Feature: a\n  Scenario: b\n    Then x\n      """\n      open\n', 6, 1),
    ("Feature: a\n  Scenario Outline: b\n    Then <x>\n    Examples:\n      | x |\n      | 1 | 2 |\n", 6, 7),
    ("# language: klingonese\nFeature: a\n", 1, 1),
]


@pytest.mark.parametrize(("text", "line", "column"), MALFORMED)
def test_a_malformed_file_is_shown_with_its_place(tested: Desk, text: str, line: int, column: int) -> None:
    tested.write("runs/test.1/workspace/bad.feature", text)
    answer = tested.json("test", "-w", "test", "-n", "bad.feature", exits=3)
    (tested.path / "runs/test.1/workspace/bad.feature").unlink()
    [fault] = answer["diagnostics"]
    assert (fault["code"], fault["file"], fault["line"], fault["column"]) == (
        "bad-feature",
        "bad.feature",
        line,
        column,
    )
    assert fault["message"].startswith("bad.feature is not Gherkin: ")


def test_a_file_that_is_not_text(tested: Desk) -> None:
    tested.write("runs/test.1/test.feature", b"Feature: \377\n")
    done = tested("test", "-w", "test", "-n", "../test.feature", exits=3)
    said(done, "error: ../test.feature is not UTF-8 text. [bad-feature]")


@pytest.mark.parametrize("name", ["none.feature", "out", "x" * 300])
def test_a_missing_file(tested: Desk, name: str) -> None:
    done = tested("test", "-w", "test", "-n", name, exits=3)
    said(done, f"error: The run's workspace has no test file {name}. [missing-file]")


def test_a_file_without_scenarios_has_nothing_that_fails(tested: Desk) -> None:
    assert results(tested, "") == []
    assert results(tested, "Feature: nothing\n") == []


def test_a_scenario_without_steps_fails(tested: Desk) -> None:
    [found] = results(tested, "Feature: f\n  Scenario: empty\n", exits=1)
    assert (found["name"], found["step"], found["problem"]) == ("empty", "(none)", "the scenario has no steps")


def test_the_files_that_the_analysis_names(desk: Desk) -> None:
    desk.write("tests/a.feature", feature(["the workflow is finished"]))
    desk.write("tests/b.feature", feature(["the outputs should be in the workspace"]))
    desk.write(
        "reana.yaml",
        serial("true", outputs={"files": ["x", "y"]}, tests={"files": ["tests/a.feature", "tests/b.feature"]}),
    )
    desk.run()
    found = desk.json("test", "-w", "test", exits=1)["scenarios"]
    assert found == [
        {"file": "tests/a.feature", "name": "number 0", "step": "", "problem": "", "skipped": False},
        {
            "file": "tests/b.feature",
            "name": "number 0",
            "step": "the outputs should be in the workspace",
            "problem": "missing: x, y",
            "skipped": False,
        },
    ]
    desk("test", "-w", "test", "-n", "tests/a.feature")


def test_of_a_run_that_failed_or_was_not_started(desk: Desk) -> None:
    completes = feature(
        ["the workflow execution completes", "the workflow should be failed"],
        ['the engine logs should contain "Error 1"', 'the logs should contain "Error 1"'],
    )
    desk.write("a.feature", completes)
    desk.write("reana.yaml", serial("false", tests={"files": ["a.feature"]}))
    desk.run(exits=1)
    answered(desk("test", "-w", "test"), "2 passed, 0 failed")
    desk("compile", "-o", "runs/test.2")
    found = desk.json("test", "-w", "test.2", exits=1)["scenarios"]
    assert [each["problem"] for each in found] == ["the workflow is created", "no log contains it"]
