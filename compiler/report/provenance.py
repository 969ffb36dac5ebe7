"""The facts of a run that its exports say: its jobs, what each waited for, made and ran, and the files of the analysis.

Everything is from the manifest, the batch files, the records and the workspace. What they do not say is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from reana_batch import files, layout, patterns
from reana_batch.lifecycle.status import RunStatus, title_of
from reana_batch.run import inputs, times
from reana_batch.run.checksums import FileSum, sums
from reana_batch.run.failures import Failure
from reana_batch.run.manifest import Manifest, StepEntry
from reana_batch.run.parents import Parents
from reana_batch.run.parts import Run
from reana_batch.run.records import DONE, FAILED, NOTHING, STARTED, RowRecord, StepRecords
from reana_batch.run.row_texts import StepRows
from reana_batch.run.run_json import RunRecord

# The states of a job.
DONE_JOB, FAILED_JOB, RUNNING_JOB, WAITING_JOB = "done", "failed", "running", "waiting"
# States of a run in which its jobs may still run.
_OPEN = ("queued", "running", "unknown")
_LOST = "it started, and no record says how it ended"
# Characters of a job's commands. Longer ones are cut.
_MOST_COMMAND = 4000
_ANALYSIS = f"{layout.BATCH}/analysis"


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One row of a step."""

    name: str  # STEP/ROW
    step: int  # the number of its step
    row: int
    state: str
    record: RowRecord  # times are 0 where it has none
    command: str = ""  # its commands, if the batch files have them
    cause: str = ""  # why it failed
    log: Path = Path()  # its log files, without their endings
    results: tuple[str, ...] = ()  # paths in the workspace of the declared outputs that are there
    # Rows of steps that it waits for, apart from all rows of ``StepFacts.needs``.
    parents: tuple[tuple[int, Sequence[int]], ...] = ()

    def logs(self) -> list[Path]:
        """Return its log files."""
        paths = (self.log.with_name(f"{self.log.name}.{ending}") for ending in ("out", "err"))
        return [path for path in paths if files.is_there(path)]


@dataclass(frozen=True)
class StepFacts:
    """A step with its jobs."""

    number: int
    name: str  # in the whole run
    label: str
    origin: str
    image: str
    in_image: bool  # do its commands run in the image?
    system: str  # the title of the batch system
    needs: tuple[int, ...]  # the numbers of the steps of which each row waits for all rows
    jobs: tuple[JobFacts, ...]

    @property
    def waits_for(self) -> tuple[int, ...]:
        """The steps of which its rows wait for all or some rows."""
        return (*self.needs, *sorted(self.partly_needed))

    @cached_property
    def partly_needed(self) -> frozenset[int]:
        """The steps of which its rows wait for some rows."""
        return frozenset(number for job in self.jobs for number, _ in job.parents)


@dataclass(frozen=True, slots=True)
class Source:
    """A file that describes the analysis."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared input or output of the analysis, with its files in the workspace."""

    name: str  # as the analysis writes it
    is_folder: bool
    files: tuple[FileSum, ...]


@dataclass(frozen=True)
class Facts:
    """What the exports say of a run."""

    run: Run
    name: str
    system: str  # the title of its batch system
    state: str  # in REANA's words
    record: RunRecord
    span: times.Span
    steps: tuple[StepFacts, ...]
    inputs: tuple[Declared, ...]
    outputs: tuple[Declared, ...]
    intermediate: Mapping[str, FileSum]  # other outputs of jobs, by path, without checksums
    analysis: Source | None  # the file that names the workflow, if it is as it was
    sources: tuple[Source, ...]  # other files of the workflow that are as they were
    cause: str = ""  # why the run failed

    @property
    def has_ended(self) -> bool:
        return self.state not in ("created", *_OPEN)

    @property
    def jobs(self) -> Iterator[JobFacts]:
        return (job for step in self.steps for job in step.jobs)

    def parents_of(self, job: JobFacts) -> Iterator[JobFacts]:
        """Yield all jobs that a job waits for."""
        for number in self.steps[job.step].needs:
            yield from self.steps[number].jobs
        for number, rows in job.parents:
            yield from (self.steps[number].jobs[row] for row in rows)


def facts_of(current: RunStatus) -> Facts:
    """Return the facts of a run. Declared inputs and outputs are read for their checksums."""
    run = current.run
    root = run.directory / layout.WORKSPACE
    known = {(each.step, each.row): each for each in current.failures}
    steps = tuple(_steps(run, known, is_open=current.state in _OPEN))
    outputs = tuple(_outputs(root, run.manifest))
    copied = inputs.read(run.directory, ())
    hashed = {file.path for each in outputs for file in each.files}
    results = dict.fromkeys(path for step in steps for job in step.jobs for path in job.results)
    return Facts(
        run=run,
        name=run.directory.name,
        system=title_of(run.manifest.backend),
        state=current.state,
        record=current.record,
        span=current.span,
        steps=steps,
        inputs=tuple(_inputs(run, root, copied)),
        outputs=outputs,
        intermediate=sums(root, (path for path in results if path not in hashed), hashed=False),
        analysis=_Sources(run, current.record).analysis(),
        sources=tuple(_Sources(run, current.record).others(copied)),
        cause=_cause(current),
    )


def _cause(current: RunStatus) -> str:
    if current.state == "stopped":
        return "it was stopped"
    if current.state != "failed":
        return ""
    first = next(iter(current.failures), None)
    return f"{first.label}: {first.cause}" if first else current.last_words


# --- steps and jobs ---------------------------------------------------------------------------------


def _steps(run: Run, failures: Mapping[tuple[str, int], Failure], *, is_open: bool) -> Iterator[StepFacts]:
    number = {part.name_of(step): index for index, (part, step) in enumerate(run.steps())}
    count = 0
    for part in run.parts():
        parents = Parents(part)
        planner = number.get(part.planner)
        for step in part.manifest.steps_with_own_outputs():
            yield _step(count, part, step, _Graph(part, parents, number, planner), failures, is_open=is_open)
            count += 1


@dataclass(frozen=True, slots=True)
class _Graph:
    """What the rows of a part wait for, by the numbers of steps."""

    part: Run
    parents: Parents
    number: Mapping[str, int]
    planner: int | None  # of the part

    def all_of(self, step: StepEntry) -> tuple[int, ...]:
        """Return the steps of which each row of ``step`` waits for all rows. An expansion is all that it has added."""
        compiled = self.part.compiled()
        added = (
            inner.name_of(each) for need in step.needs if need in compiled for inner, each in compiled[need].steps()
        )
        own = (self.part.path + need for need, rows in self.parents.of(step, 0) if rows is None) if step.rows else ()
        found = [self.number[name] for name in (*own, *added)]
        return tuple(found) if step.needs or self.planner is None else (self.planner,)

    def some_of(self, step: StepEntry, row: int) -> tuple[tuple[int, Sequence[int]], ...]:
        """Return the rows that a row waits for, of steps of which it does not wait for all."""
        found = self.parents.of(step, row)
        return tuple((self.number[self.part.path + need], rows) for need, rows in found if rows is not None)


def _step(
    count: int, part: Run, step: StepEntry, graph: _Graph, failures: Mapping[tuple[str, int], Failure], *, is_open: bool
) -> StepFacts:
    name, rows = part.name_of(step), StepRows(part.directory, step)
    states = _States(part.records(step), is_open=is_open)
    root = part.directory / layout.WORKSPACE
    jobs = []
    for row, (text, outputs) in enumerate(zip(rows.commands(), rows.outputs(), strict=True)):
        state, record, cause = states.of(row, failures.get((name, row)))
        jobs.append(
            JobFacts(
                name=f"{name}/{row}",
                step=count,
                row=row,
                state=state,
                record=record,
                command=text if len(text) <= _MOST_COMMAND else f"{text[:_MOST_COMMAND]}\n[...]",
                cause=cause,
                results=tuple(sums(root, outputs, hashed=False)) if state != WAITING_JOB else (),
                log=part.directory / layout.LOGS / step.stem(row),
                parents=graph.some_of(step, row),
            )
        )
    head = (count, name, step.label, step.origin, step.environment, step.in_image, title_of(part.system_of(step)))
    return StepFacts(*head, needs=graph.all_of(step), jobs=tuple(jobs))


class _States:
    """The states of a step's rows, with their records."""

    def __init__(self, records: StepRecords, *, is_open: bool) -> None:
        self._records, self._is_open = records, is_open
        self._states = records.states()

    def of(self, row: int, failure: Failure | None) -> tuple[str, RowRecord, str]:
        """Return the state of a row, what its job wrote down, and why it failed."""
        if failure is not None:
            return FAILED_JOB, self._failed(row, failure), failure.cause
        if row in self._states.done:
            return DONE_JOB, self._records.read(row, DONE), ""
        if row in self._states.failed:
            return FAILED_JOB, self._records.read(row, FAILED), "it failed"
        if row not in self._states.started:
            return WAITING_JOB, NOTHING, ""
        return (RUNNING_JOB, self._started(row), "") if self._is_open else (FAILED_JOB, self._started(row), _LOST)

    def _started(self, row: int) -> RowRecord:
        step = self._records.step
        return self._records.read(step.chunk(step.chunk_of(row))[0], STARTED)

    def _failed(self, row: int, failure: Failure) -> RowRecord:
        """Return the record of a failed row, with what is known of a job that could not write one."""
        record = self._records.read(row, FAILED)
        return replace(
            record,
            started=record.started or failure.started,
            host=record.host or failure.host,
            scheduler_job=record.scheduler_job or failure.scheduler_job,
        )


# --- files ------------------------------------------------------------------------------------------


def _outputs(root: Path, manifest: Manifest) -> Iterator[Declared]:
    for name in manifest.outputs:
        is_folder = name in manifest.output_directories
        yield Declared(name, is_folder, tuple(sums(root, [name]).values()))


def _below(name: str, known: Mapping[str, FileSum]) -> dict[str, FileSum]:
    if name in known:
        return {name: known[name]}
    plain = name.rstrip("/").removeprefix("./")
    return {path: each for path, each in known.items() if path.startswith(f"{plain}/") or plain == "."}


def _inputs(run: Run, root: Path, copied: Mapping[str, inputs.Facts]) -> Iterator[Declared]:
    """Yield the declared inputs, as they were copied. A file that a job has changed or removed has no checksum."""
    now = inputs.facts_in(root, copied)
    same = sums(root, (path for path in copied if now.get(path) == copied[path]))
    known = {path: same.get(path) or FileSum(path, size, time / 1e9) for path, (size, time) in copied.items()}
    taken: set[str] = set()
    for name in run.manifest.inputs:
        found = {path: each for path, each in _below(name, known).items() if path not in taken}
        taken.update(found)
        yield Declared(name, name not in known and bool(found), tuple(found.values()))
    if others := tuple(each for path, each in known.items() if path not in taken):  # such as test files
        yield from (Declared(each.path, is_folder=False, files=(each,)) for each in others)


class _Sources:
    """The files of the analysis that are certainly as they were when the run was compiled."""

    def __init__(self, run: Run, record: RunRecord) -> None:
        self._run, self._spec = run, Path(record.spec) if record.spec else None
        batch = (path.lstat() for path in (run.directory / layout.BATCH).iterdir() if not path.is_dir())
        self._compiled = min(facts.st_mtime for facts in batch)

    def analysis(self) -> Source | None:
        """Return the file that names the workflow."""
        return self._found(self._spec.name) if self._spec else None

    def others(self, inputs: Collection[str]) -> Iterator[Source]:
        """Yield the files that steps come from, except the analysis and the inputs."""
        origins = (step.origin.rpartition(":")[0] for _, step in self._run.steps())
        for name in sorted({*origins} - {"", *inputs, self._spec.name if self._spec else ""}):
            if patterns.is_inside(name) and (found := self._found(name)):
                yield found

    def _found(self, name: str) -> Source | None:
        kept = self._run.directory / _ANALYSIS / name
        if files.is_there(kept):
            return Source(name, kept)
        path = self._spec.parent / name if self._spec else None
        return Source(name, path) if path and files.is_there(path) and self._is_old(path) else None

    def _is_old(self, path: Path) -> bool:
        facts = path.stat()
        return max(facts.st_mtime, facts.st_ctime) <= self._compiled
