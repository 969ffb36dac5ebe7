"""Whether runs of one analysis have done the same jobs and made the same outputs, whatever batch system ran them.

Jobs are equal if their identity is: step, commands, values, image and hints. Their chunks, places and times do not count.
Only the records, batch files and workspaces are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reana_batch import layout
from reana_batch.amounts import counted
from reana_batch.lifecycle.comparison import Reason, difference
from reana_batch.printable import file_name
from reana_batch.run.checksums import FileSum, sums
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.row_texts import StepRows


@dataclass(frozen=True, slots=True)
class Difference:
    """A reason why a run is not proved equal to the first one."""

    run: str
    kind: str  # unfinished, missing, unknown, jobs or output
    name: str  # the step, by its label, or the path of the output
    text: str
    place: str = ""  # in the analysis


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The jobs of a label in a part of a run: the steps that have it, and the number of rows of each identity."""

    steps: tuple[StepEntry, ...]
    rows: Counter[bytes]


# By the path of the part, and the label of the step.
_JobsOfLabels = Mapping[tuple[str, str], _Jobs]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run has done, in a form that does not depend on its batch system."""

    name: str
    backend: str
    done: int  # jobs
    total: int
    outputs: Mapping[str, FileSum]
    excepted: Mapping[str, frozenset[str]]  # outputs whose content does not count, by the name that was given
    unfinished: tuple[Difference, ...]
    jobs: _JobsOfLabels

    @property
    def not_compared(self) -> frozenset[str]:
        """The outputs whose content does not count."""
        return frozenset().union(*self.excepted.values())


def evidence(directory: Path, name: str, excepted: Collection[str] = ()) -> Evidence:
    """Return what the run in ``directory`` has done. Differences call it ``name``.

    ``excepted`` are paths, folders and patterns of outputs that must be there, and whose content does not count.
    """
    run, workspace = Run(directory), directory / layout.WORKSPACE
    progress = run.progress()
    outputs = sums(workspace, _output_names(run))
    return Evidence(
        name=name,
        backend=run.manifest.backend,
        done=sum(step.done for step in progress),
        total=sum(step.total for step in progress),
        outputs=outputs,
        excepted={each: frozenset(outputs.keys() & sums(workspace, [each], hashed=False).keys()) for each in excepted},
        unfinished=tuple(_unfinished(run, name)),
        jobs=_jobs(run),
    )


def _output_names(run: Run) -> Collection[str]:
    """Return the outputs that the analysis declares, else those that its jobs declare, else all files."""
    if run.manifest.outputs:
        return run.manifest.outputs
    rows = (StepRows(part.directory, step) for part, step in run.steps())
    return dict.fromkeys(name for each in rows for names in each.outputs() for name in names) or ("**/*",)


def _unfinished(run: Run, name: str) -> Iterator[Difference]:
    for step in run.progress():
        if step.done < step.total:
            text = f"{step.done:,} of {step.total:,} jobs are done"
            yield Difference(name, "unfinished", step.label, text, step.origin)
    for expansion in run.open_expansions():
        yield Difference(name, "unfinished", expansion.label, "is not compiled yet", expansion.origin)
    for path in run.missing_outputs():
        yield Difference(name, "missing", path, "is not in the workspace")
    for _, entry in run.steps():
        if not entry.scripts:
            text = "an older reana-batch made the run and did not say what it runs"
            yield Difference(name, "unknown", entry.label, text, entry.origin)


def _jobs(run: Run) -> _JobsOfLabels:
    found: dict[tuple[str, str], _Jobs] = {}
    for part in run.parts():
        planners = {expansion.name for expansion in part.manifest.expansions}
        for step in part.manifest.steps:
            key = part.path, step.label
            before = found.get(key, _Jobs((), Counter()))
            # A planner's command submits what it compiles, which each batch system does in another way.
            rows = Counter([b""] if step.name in planners else StepRows(part.directory, step).keys())
            found[key] = _Jobs((*before.steps, step), before.rows + rows)
    return found


def unmatched(runs: Sequence[Evidence]) -> list[str]:
    """Return the excepted names that no output of any run has."""
    return [name for name in runs[0].excepted if not any(run.excepted[name] for run in runs)]


def differences(runs: Sequence[Evidence]) -> list[Difference]:
    """Return why the runs are not proved equal: what is not done in each, and how each differs from the first."""
    first, *others = runs
    found = list(first.unfinished)
    for other in others:
        found += other.unfinished
        found += _job_differences(first, other)
        found += _output_differences(first, other)
    return found


def _job_differences(first: Evidence, other: Evidence) -> Iterator[Difference]:
    for key in dict.fromkeys([*first.jobs, *other.jobs]):
        one, two = (run.jobs.get(key, _Jobs((), Counter())) for run in (first, other))
        gone, come = (one.rows - two.rows).total(), (two.rows - one.rows).total()
        if gone or come:
            counts = ((gone, first.name), (come, other.name))
            only = ", ".join(f"{counted(count, 'job')} only in {name}" for count, name in counts if count)
            why = _reason(one.steps, two.steps)
            yield Difference(other.name, "jobs", key[1], f"{only}{f': {why.text}' if why.text else ''}", why.place)


def _reason(one: Sequence[StepEntry], two: Sequence[StepEntry]) -> Reason:
    """Return how the steps of one label differ. Their number of rows alone needs no text."""
    if not (one and two):
        return Reason("new", "", (one or two)[0].origin)
    found = [difference(before, now) for before, now in zip(one, two, strict=False)]
    known = next((reason for reason in found if reason.kind != "values"), found[0])
    rows = sum(step.rows for step in one), sum(step.rows for step in two)
    return known._replace(text="") if known.kind == "values" and rows[0] != rows[1] else known


def _output_differences(first: Evidence, other: Evidence) -> Iterator[Difference]:
    """Yield the files that only one of the two has, and those of other content."""
    for path in sorted(first.outputs.keys() | other.outputs.keys()):
        one, two = first.outputs.get(path), other.outputs.get(path)
        if one is None or two is None:
            yield Difference(other.name, "output", file_name(path), f"only in {first.name if one else other.name}")
        elif one.content != two.content and path not in first.not_compared | other.not_compared:
            text = f"{_content(one)} in {first.name}, {_content(two)} in {other.name}"
            yield Difference(other.name, "output", file_name(path), text)


def _content(file: FileSum) -> str:
    if file.kind:
        return f"{file.kind} to {file_name(file.target)}" if file.target else file.kind
    return f"{file.size:,} bytes with sha256 {file.sha256[:12]}..."
