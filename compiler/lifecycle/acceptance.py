"""REANA's tests of a run: the Gherkin files under ``tests.files``, with the steps that REANA understands.

The wording of the steps is that of reana_commons.gherkin_parser. Cucumber's own library parses the files.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reana_batch import backends, files, layout
from reana_batch.diagnostics import Place, refuse
from reana_batch.lifecycle.status import RunStatus
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.times import span, step_times

# The types of Given and When steps. As in REANA, a scenario is skipped if one of them does not hold.
_CONDITIONS = ("Context", "Action")
_UNITS: dict[str, int] = {"B": 1, "bytes": 1} | {
    f"{letter}iB": 1024**power for power, letter in enumerate("KMGTP", start=1)
}
_SIZE = r'"?(\d+(?:\.\d+)?) *(' + "|".join(_UNITS) + r')?"?'


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """The result of one scenario of a feature file. ``problem`` is empty if it passed.

    A scenario is skipped if its Given or When does not hold. Then ``problem`` says which.
    """

    file: str
    name: str
    step: str = ""
    problem: str = ""
    skipped: bool = False


class _Unfulfilled(Exception):
    """A step does not hold."""


class _Unknown(Exception):
    """REANA does not know the step."""


class _NoEngine(Exception):
    """The step asks for a message that only a workflow engine of REANA prints."""


def run_features(status: RunStatus, names: Sequence[str]) -> Iterator[ScenarioResult]:
    """Yield the result of every scenario of these feature files in the run's workspace."""
    for file in names:
        path = status.run.directory / layout.WORKSPACE / file
        if not files.is_there(path) or path.is_dir():
            raise refuse("missing-file", f"The run's workspace has no test file {file}.")
        for pickle in _pickles(path, file):
            yield _run_scenario(status, file, pickle)


def _pickles(path: Path, file: str) -> list[dict[str, Any]]:
    """Return the scenarios of a feature file, with outlines and backgrounds expanded."""
    from gherkin.errors import CompositeParserException
    from gherkin.parser import Parser
    from gherkin.pickles.compiler import Compiler

    try:
        document: Any = Parser().parse(files.read_regular(path).decode())
    except UnicodeDecodeError:
        raise refuse("bad-feature", f"{file} is not UTF-8 text.") from None
    except CompositeParserException as error:
        first = error.errors[0]
        place = Place(file, first.location["line"], first.location.get("column", 1))
        raise refuse("bad-feature", f"{file} is not Gherkin: {first}.", place) from None
    document["uri"] = file
    compiled: list[dict[str, Any]] = Compiler().compile(document)  # type: ignore[assignment]  # its own TypedDict
    return compiled


def _run_scenario(status: RunStatus, file: str, pickle: dict[str, Any]) -> ScenarioResult:
    if not pickle["steps"]:
        return ScenarioResult(file, pickle["name"], "(none)", "the scenario has no steps")
    skipped: ScenarioResult | None = None
    for line in pickle["steps"]:
        argument = line.get("argument", {}).get("docString")
        try:
            # As in REANA, a doc string is appended to its step in quotes.
            _run_step(status, f'{line["text"]} "{argument["content"]}"' if argument else line["text"])
        except _Unknown:
            return ScenarioResult(file, pickle["name"], line["text"], "REANA does not know this step")
        except _NoEngine:
            # The other steps may still fail.
            skipped = skipped or ScenarioResult(file, pickle["name"], line["text"], "no engine here", skipped=True)
        except _Unfulfilled as problem:
            return ScenarioResult(file, pickle["name"], line["text"], str(problem), line["type"] in _CONDITIONS)
    return skipped or ScenarioResult(file, pickle["name"])


def _run_step(status: RunStatus, text: str) -> None:
    for pattern, check in _STEPS:
        match = re.fullmatch(pattern, text, re.DOTALL)
        if match:
            check(status, *match.groups())
            return
    raise _Unknown


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise _Unfulfilled(otherwise)


# --- the steps ------------------------------------------------------------------------------------


def _completed(status: RunStatus) -> None:
    _demand(status.state in ("finished", "failed"), f"the workflow is {status.state}")


def _status_is(status: RunStatus, expected: str) -> None:
    _demand(status.state == expected, f"the workflow is {status.state}")


def _outputs_there(status: RunStatus) -> None:
    missing = status.run.missing_outputs()
    _demand(not missing, f"missing: {', '.join(missing)}")


def _file_there(status: RunStatus, name: str) -> None:
    _demand(files.is_there(_path(status, name)), f"{name} is not there")


def _file_not_there(status: RunStatus, name: str) -> None:
    _demand(not files.is_there(_path(status, name)), f"{name} is there")


def _path(status: RunStatus, name: str) -> Path:
    return status.run.directory / layout.WORKSPACE / name.lstrip("/")


def _bytes(status: RunStatus, name: str) -> bytes:
    _file_there(status, name)
    _demand(_path(status, name).is_file(), f"{name} is a directory")
    return files.read_regular(_path(status, name))


def _file_contains(status: RunStatus, name: str, expected: str) -> None:
    _demand(expected.encode() in _bytes(status, name), f"{name} does not contain it")


def _checksum(status: RunStatus, algorithm: str, name: str, expected: str) -> None:
    content = _bytes(status, name)
    algorithm = algorithm.lower()
    if algorithm == "adler32":
        actual = f"{zlib.adler32(content):x}"
        expected = expected.removeprefix("0x").lstrip("0")
    elif algorithm in hashlib.algorithms_guaranteed and not algorithm.startswith("shake"):
        actual = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    else:
        raise _Unfulfilled(f"{algorithm} is not a known checksum")
    _demand(actual == expected.lower(), f"it is {actual}")


def _size_is(status: RunStatus, name: str, number: str, unit: str) -> None:
    actual = len(_bytes(status, name))
    _demand(actual == _size(number, unit), f"it is {actual:,} bytes")


def _size_between(status: RunStatus, name: str, *bounds: str) -> None:
    actual = len(_bytes(status, name))
    low, high = sorted((_size(*bounds[:2]), _size(*bounds[2:])))
    _demand(low <= actual <= high, f"it is {actual:,} bytes")


def _workspace_size(status: RunStatus, relation: str, number: str, unit: str) -> None:
    root = (status.run.directory / layout.WORKSPACE).resolve()
    actual = sum(facts.st_size for _, facts in files.walk(root))
    bound = _size(number, unit)
    # As in REANA, a size equal to the bound passes.
    _demand(actual <= bound if relation == "less" else actual >= bound, f"it is {actual:,} bytes")


def _size(number: str, unit: str | None) -> int:
    return int(float(number) * _UNITS[unit or "B"])


def _logs_contain(status: RunStatus, kind: str | None, expected: str) -> None:
    texts = []
    if kind != "engine ":
        texts += [text for part, step in _all_steps(status) for text in _job_logs(part, step)]
    if kind != "job ":
        paths = (part.directory / name for part in status.run.parts() for name in _engine_logs(status.run))
        texts += [files.read_text(path) for path in paths if path.exists()]
    found = any(expected in text for text in texts)
    if kind == "engine " and not found:
        raise _NoEngine
    _demand(found, "no log contains it")


def _engine_logs(run: Run) -> list[str]:
    """Return the logs of the batch systems that run the workflow."""
    return [log for name in (run.manifest.backend, *run.guests) for log in backends.driver(name).logs]


def _step_logs_contain(status: RunStatus, name: str, expected: str) -> None:
    texts = [text for part, step in _steps(status, name) for text in _job_logs(part, step)]
    _demand(any(expected in text for text in texts), f"no log of {name} contains it")


_PartStep = tuple[Run, StepEntry]


def _all_steps(status: RunStatus) -> list[_PartStep]:
    return list(status.run.steps())


def _steps(status: RunStatus, name: str) -> list[_PartStep]:
    steps = [(part, step) for part, step in _all_steps(status) if step.label == name]
    _demand(bool(steps), f"there is no step {name}")
    return steps


def _job_logs(run: Run, step: StepEntry) -> Iterator[str]:
    for path in _below(run.directory / layout.LOGS / step.folder):
        if path.suffix in (".out", ".err"):
            yield files.read_text(path)


def _below(folder: Path) -> list[Path]:
    return sorted(folder / name for name, _ in files.walk(folder)) if files.is_there(folder) else []


def _run_duration(status: RunStatus, minutes: str) -> None:
    _less_than(_all_steps(status), minutes)


def _step_duration(status: RunStatus, name: str, minutes: str) -> None:
    _less_than(_steps(status, name), minutes)


def _less_than(steps: list[_PartStep], minutes: str) -> None:
    seconds = span(step_times(part, step) for part, step in steps).seconds
    _demand(seconds < float(minutes) * 60, f"it took {seconds:,} s")


_QUOTED = r'"?([^"]+?)"?'
_TEXT = r'(?:contain|include):? "(.*)"'
_FILE = rf"the file {_QUOTED}"
_MINUTES = r'"?(\d+(?:\.\d+)?)"? minutes'

# The wording of each step, and its check. As in REANA, names may be written without quotes.
_STEPS: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"the workflow execution completes", _completed),
    (r'the workflow (?:status )?(?:is|should be) "?(\w+)"?', _status_is),
    (r"(?:all )?the outputs should be (?:included )?in the workspace", _outputs_there),
    (rf"the workspace should (?:contain|include) (?:the file )?{_QUOTED}", _file_there),
    (rf"(?:the file )?{_QUOTED} should be (?:included )?in the workspace", _file_there),
    (rf"the workspace should not (?:contain|include) (?:the file )?{_QUOTED}", _file_not_there),
    (rf"(?:the file )?{_QUOTED} should not be (?:included )?in the workspace", _file_not_there),
    (rf"the (engine |job )?logs should {_TEXT}", _logs_contain),
    (rf"the job logs for the step {_QUOTED} should {_TEXT}", _step_logs_contain),
    (rf"the job logs for the {_QUOTED} step should {_TEXT}", _step_logs_contain),
    (rf"{_FILE} should {_TEXT}", _file_contains),
    (rf'the "?([\w-]+)"? checksum of {_FILE} should be {_QUOTED}', _checksum),
    (rf"the workflow run duration should be less than {_MINUTES}", _run_duration),
    (rf"the duration of the step {_QUOTED} should be less than {_MINUTES}", _step_duration),
    (rf"the size of {_FILE} should be exactly {_SIZE}", _size_is),
    (rf"the size of {_FILE} should be between {_SIZE} and {_SIZE}", _size_between),
    (rf"the workspace size should be (less|more) than {_SIZE}", _workspace_size),
)
