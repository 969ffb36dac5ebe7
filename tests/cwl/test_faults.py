"""What a user sees of a fault: the place in the CWL document, the reason, and that a restart goes on after a cure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from . import ours

pytestmark = pytest.mark.usefixtures("measured")

FAULTY = Path(__file__).parent / "faulty"
RUN = ("--runs", "runs", "-w", "flow")


class Change(NamedTuple):
    """A text of a file, which is replaced."""

    file: str
    old: str
    new: str


def analysis(directory: Path, *changes: Change) -> Path:
    """Return a changed copy of the analysis. Its scattered jobs count their attempts in ``tries``, next to it."""
    copied = Path(shutil.copytree(FAULTY, directory / "faulty"))
    (directory / "tries").mkdir()
    change(copied, *changes, Change("job.yml", "FOLDER", str(directory / "tries")))
    each = copied / "each.cwl"
    each.write_text(each.read_text("utf-8").replace("COMMAND", ":"), "utf-8")
    return copied


def change(analysis: Path, *changes: Change) -> None:
    for file, old, new in changes:
        text = (analysis / file).read_text("utf-8")
        assert old in text
        (analysis / file).write_text(text.replace(old, new), "utf-8")


def line_of(path: Path, text: str) -> int:
    """Return the number of the first line with a text."""
    return next(number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if text in line)


def tries(directory: Path) -> dict[str, int]:
    """Return how often each scattered job ran, by its number."""
    return {path.name.partition(".")[2]: len(path.read_text("utf-8")) for path in (directory / "tries").iterdir()}


def failure(analysis: Path) -> dict[str, Any]:
    """Run the analysis, which has to fail, and return what ``status`` says of the first failure."""
    ended = ours.reana_batch(analysis, "run", *RUN, "-j", "2")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    found = json.loads(ours.reana_batch(analysis, "status", *RUN, "--json").stdout)
    assert found["status"] == "failed"
    first: dict[str, Any] = found["first_failure"]
    assert "Traceback" not in first["log"]
    return first


def refused(analysis: Path) -> list[dict[str, Any]]:
    """Compile the analysis, which has to be refused, and return the errors."""
    ended = ours.reana_batch(analysis, "validate", "--json")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    return [each for each in json.loads(ended.stdout)["diagnostics"] if each["severity"] == "error"]


# --- in the run ----------------------------------------------------------------------------------

OLD = "outputBinding:\n      glob: each.txt"


class Expected(NamedTuple):
    """A fault in the run."""

    change: Change
    at: tuple[str, str]  # the file of the document, and a text of the line, that the messages name
    says: str  # a part of the cause, or of the log


FAULTS = {
    "pattern": Expected(Change("each.cwl", OLD, OLD.replace("each", "absent")), ("each.cwl", "glob:"), "absent.txt"),
    "glob": Expected(
        Change("each.cwl", "glob: each.txt", "glob: $(inputs.x.y)"), ("each.cwl", "glob:"), "of undefined"
    ),
    "argument": Expected(Change("each.cwl", "$(inputs.number)", "$(absent())"), ("each.cwl", "absent()"), "absent"),
    "value": Expected(
        Change("workflow.cwl", "$(self.size)", "$(self.x.y)"), ("workflow.cwl", "self.x.y"), "of undefined"
    ),
    "type": Expected(
        Change("workflow.cwl", "$(self.size)", "$(self.basename)"), ("workflow.cwl", "each:"), "start.txt"
    ),
    "permanent": Expected(Change("each.cwl", "COMMAND", "exit 3"), ("workflow.cwl", "each:"), "exit code 3"),
    "temporary": Expected(Change("each.cwl", "COMMAND", "exit 75"), ("workflow.cwl", "each:"), "exit code 75"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_run_is_shown_with_its_place(name: str, tmp_path: Path) -> None:
    fault = FAULTS[name]
    changed = analysis(tmp_path, fault.change)
    first = failure(changed)
    assert first["step"] in {"each[0]", "each[1]", "each[2]"}  # all fail, and each may be the first
    file, text = fault.at
    said = f"{first['origin']}\n{first['cause']}\n{first['log']}"
    assert f"{file}:{line_of(changed / file, text)}" in said
    assert fault.says in said
    shown = json.loads(ours.reana_batch(changed, "logs", *RUN, "--json").stdout)["logs"]
    assert [
        each for each in shown if each["step"] == first["step"] and fault.says in f"{each['cause']}\n{each['stderr']}"
    ]


def test_a_permanent_failure_is_not_tried_again(tmp_path: Path) -> None:
    failing = Change("each.cwl", "COMMAND", "test $1 != 2 || exit 3")
    assert failure(analysis(tmp_path, failing))["exit_code"] == 3
    assert tries(tmp_path) == {"1": 1, "2": 1, "3": 1}


def test_a_temporary_failure_is_tried_three_times(tmp_path: Path) -> None:
    failing = Change("each.cwl", "COMMAND", "test $1 != 2 || exit 75")
    assert failure(analysis(tmp_path, failing))["exit_code"] == 75
    assert tries(tmp_path) == {"1": 1, "2": 3, "3": 1}


def test_a_temporary_failure_can_pass(tmp_path: Path) -> None:
    failing = Change("each.cwl", "COMMAND", "test $1 != 2 -o -e $0/passed || { touch $0/passed; exit 75; }")
    run = ours.run(analysis(tmp_path, failing))
    (tmp_path / "tries/passed").unlink()
    assert tries(tmp_path) == {"1": 1, "2": 2, "3": 1}
    assert (run / "workspace/outputs/last.txt").read_text("utf-8") == "1\n2\n3\n"


@pytest.mark.parametrize("word", ["restart", "resume"])
def test_a_run_goes_on_after_a_cure(word: str, tmp_path: Path) -> None:
    failing = Change("each.cwl", "COMMAND", "test $1 != 2 -o -e $0/cured || exit 3")
    changed = analysis(tmp_path, failing)
    failure(changed)
    (tmp_path / "tries/cured").touch()
    ended = ours.reana_batch(changed, word, *RUN, "-j", "2", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = changed / "runs" / json.loads(ended.stdout)["name"]
    (tmp_path / "tries/cured").unlink()
    assert tries(tmp_path) == {"1": 1, "2": 2, "3": 1}
    assert (run / "workspace/outputs/last.txt").read_text("utf-8") == "1\n2\n3\n"


# --- when it is compiled -------------------------------------------------------------------------

# A change, the file and text of the line that the error names, and a part of its message.
REFUSED = {
    "no input file": (Change("job.yml", "path: text.txt", "path: absent.txt"), ("job.yml", "absent"), "absent.txt"),
    "a text for a number": (Change("job.yml", "number: 3", "number: three"), ("job.yml", "three"), "number"),
    "no input": (Change("job.yml", "number: 3\n", ""), ("job.yml", "text"), "number"),
    "no such source": (Change("workflow.cwl", "parts: each/made", "parts: each/x"), ("workflow.cwl", "each/x"), "each/x"),
    "no such tool": (Change("workflow.cwl", "run: last.cwl", "run: x.cwl"), ("workflow.cwl", "x.cwl"), "x.cwl"),
    "no YAML": (Change("last.cwl", "inputs:", "inputs: {"), ("last.cwl", "File[]"), ""),
    "no such field": (Change("last.cwl", "baseCommand: cat", "basecommand: cat"), ("last.cwl", "basecommand"), "basecommand"),
    "a type that does not fit": (Change("each.cwl", "text: File", "text: int"), ("workflow.cwl", "out: [made]"), "incompatible"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_fault_of_the_analysis_is_shown_at_its_line(name: str, tmp_path: Path) -> None:
    changes, (file, text), says = REFUSED[name]
    changed = analysis(tmp_path, changes)
    errors = refused(changed)
    line = line_of(changed / file, text)
    assert [each for each in errors if (each["file"], each["line"]) == (file, line)], errors
    assert any(says in each["message"] for each in errors), errors
