"""Fold the jobs of a CWL workflow into the graph of its steps and expansions.

Jobs, pending records and the outputs of the workflow are jobs for the folding. A value with many results is a group, so
that thousands of jobs can take the results of thousands.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from reana_batch import folding, layout, names
from reana_batch.folding import Group, Job
from reana_batch.frontends.cwl import values
from reana_batch.frontends.cwl.process import Reading
from reana_batch.frontends.cwl.records import FOLDER, WORKSPACE, JobRecord, PendingRecord
from reana_batch.frontends.cwl.values import Known, Later, Out, Value
from reana_batch.ir import Need

# The last step of a workflow. No step of a document has a word after a dot in its name.
LAST = "outputs.json"

# A value with more results than this is a group.
_MOST_SOURCES = 8

# Slices of a step that are more than this are one expansion, because each is compiled by a job of its own.
_MOST_PARTS = 20

Result = Out | Later


class Node(NamedTuple):
    """A step or an expansion."""

    name: str
    needs: tuple[Need, ...]
    jobs: tuple[JobRecord, ...] = ()  # of a step, row by row
    pending: tuple[PendingRecord, ...] = ()  # of an expansion
    is_last: bool = False  # is it the step that brings the outputs together?


class Graph(NamedTuple):
    """The steps and expansions, parents before children, and where results are."""

    nodes: tuple[Node, ...]
    texts: Sequence[str]  # of each record of a value: its JSON, with the results as ``written`` has them
    written: Callable[[values.Json], values.Json]  # gives results their names in the run, or what is known of them
    directories: Sequence[str]  # of the jobs, by their numbers, in the workspace
    files: Mapping[Out, Known]  # what jobs with known commands make


def graph(reading: Reading, part: str, foreseen: Collection[str] = (), *, with_outputs: bool) -> Graph:
    """Return the graph of the expansion with this path, or of the run itself if that is empty.

    The jobs with the names ``foreseen`` write no result: it is the files of their commands.
    """
    members: list[JobRecord | PendingRecord | None] = [*reading.jobs, *reading.pending]
    members += [None] if with_outputs else []
    read = [values.read(record.value) for record in reading.values]
    jobs = _jobs(reading, members, read)
    folds = folding.fold(jobs)
    found = [[members[number] for number in fold.jobs] for fold in folds]
    named = _names(found, reading)
    place = _places(found, named, part)
    directories = [place[Out, job.name] for job in reading.jobs]
    files = _files(reading, directories)
    change = _renaming(place, {out: file for out, file in files.items() if out.job in foreseen})
    nodes = [
        Node(
            name,
            tuple(_needs(needs, named, found)),
            tuple(each for each in rows if isinstance(each, JobRecord)),
            tuple(each for each in rows if isinstance(each, PendingRecord)),
            rows == [None],
        )
        for name, rows, needs in zip(named, found, folding.needs(folds, jobs, named), strict=True)
    ]

    def written(value: Value) -> values.Json:
        return values.write(values.rewritten(value, change))

    texts = [compact(written(value)) for value in read]
    return Graph(tuple(nodes), texts, lambda json: written(values.read(json)), directories, files)


def compact(value: values.Json) -> str:
    """Return the JSON of a value as one line of ASCII."""
    return json.dumps(value, separators=(",", ":"))


# --- jobs for the folding ------------------------------------------------------------------------


def _jobs(
    reading: Reading, members: Sequence[JobRecord | PendingRecord | None], read: Sequence[Value]
) -> list[Job[int] | Group]:
    """Return a job for each member, and the groups."""
    position = {(_type_of(each), each.name): number for number, each in enumerate(members) if each is not None}
    kinds = _Kinds(reading)
    found: list[Job[int] | Group] = []
    groups: list[Group] = []
    parents: list[list[int]] = []
    for number, value in enumerate(read):
        above = _parents(value, position)
        parents.append(above if len(above) <= _MOST_SOURCES else [len(members) + len(groups)])
        if len(above) > _MOST_SOURCES:
            groups.append(Group(above, f"value {number}"))
    for each in members:
        if each is None:
            ends = [_parents(values.read(value), position) for value in reading.end.outputs.values()]
            found.append(Job(kinds.last, _together(ends), LAST))
        else:
            found.append(Job(kinds.of(each), _together([parents[value] for value in each.inputs.values()]), each.name))
    return [*found, *groups]


def _type_of(record: JobRecord | PendingRecord) -> type[Result]:
    """Return what names a result of the record."""
    return Out if isinstance(record, JobRecord) else Later


def _parents(value: Value, position: Mapping[tuple[type[Result], str], int]) -> list[int]:
    return list(dict.fromkeys(position[type(each), _source(each)] for each in values.sources(value)))


def _source(result: Result) -> str:
    return result.job if isinstance(result, Out) else result.pending


def _together(lists: Sequence[list[int]]) -> list[int]:
    return list(dict.fromkeys(number for each in lists for number in each))


class _Kinds:
    """The kinds of jobs, as numbers in the author's order. Steps with equal records are of one kind."""

    def __init__(self, reading: Reading) -> None:
        self._tasks = _first_equal([json.dumps(record.task) for record in reading.tasks])
        steps = [json.dumps(record._replace(task=self._tasks[record.task])) for record in reading.steps]
        self._steps = _first_equal(steps)
        self._slices = Counter(record.label for record in reading.pending)
        pending = map(self._pending_name, reading.pending)
        self._pending = {name: number for number, name in enumerate(pending, len(steps))}
        self.last = len(steps) + len(reading.pending)

    def _pending_name(self, record: PendingRecord) -> tuple[str, str]:
        return (record.label, "" if self._slices[record.label] > _MOST_PARTS else record.name)

    def of(self, record: JobRecord | PendingRecord) -> int:
        if isinstance(record, JobRecord):
            return self._steps[record.step]
        return self._pending[self._pending_name(record)]


def _first_equal(items: Sequence[Hashable]) -> list[int]:
    """Return for each item the number of the first one that equals it."""
    first: dict[Hashable, int] = {}
    return [first.setdefault(item, number) for number, item in enumerate(items)]


# --- names ---------------------------------------------------------------------------------------


def _names(found: Sequence[Sequence[JobRecord | PendingRecord | None]], reading: Reading) -> list[str]:
    """Return the names of steps and expansions. Several steps of a name are numbered."""
    steps = (names.of_label(reading.steps[rows[0].step].label) for rows in found if isinstance(rows[0], JobRecord))
    numbered = iter(names.numbered(list(steps)))
    rests = names.rests(names.of_label(rows[0].label) for rows in found if isinstance(rows[0], PendingRecord))
    return [LAST if rows[0] is None else next(numbered if isinstance(rows[0], JobRecord) else rests) for rows in found]


def _places(
    found: Sequence[Sequence[JobRecord | PendingRecord | None]], named: Sequence[str], part: str
) -> dict[tuple[type[Result], str], str]:
    """Return the names that the sources of results have in the run."""
    place: dict[tuple[type[Result], str], str] = {}
    for name, rows in zip(named, found, strict=True):
        for row, each in enumerate(rows):
            if isinstance(each, JobRecord):
                place[Out, each.name] = f"{base(part, name)}/{layout.row_stem(row, len(rows))}"
            elif each is not None:
                place[Later, each.name] = f"{within(part, name)}:{each.name}"
    return place


def _renaming(place: Mapping[tuple[type[Result], str], str], known: Mapping[Out, Known]) -> Callable[[Result], Value]:
    """Return the function that gives results the names which they have in the run, or what is known of them."""

    def change(result: Result) -> Value:
        file = known.get(result) if isinstance(result, Out) else None
        return file or type(result)(place[type(result), _source(result)], result.port)

    return change


def _files(reading: Reading, directories: Sequence[str]) -> dict[Out, Known]:
    """Return the files that jobs with known commands make. Their sizes are not known."""
    return {
        Out(job.name, file.port): Known(file.value(f"{WORKSPACE}{directory}"))
        for job, directory in zip(reading.jobs, directories, strict=True)
        for file in (job.command.files if job.command else ())
    }


def base(part: str, step: str) -> str:
    """Return the folder of a step's jobs in the workspace. ``part`` is the path of the step's expansion."""
    return "/".join(filter(None, (FOLDER, part, step)))


def within(part: str, expansion: str) -> str:
    """Return the path of an expansion in the one with the path ``part``."""
    return f"{part}/{expansion}" if part else expansion


def _needs(
    needs: Sequence[Need], named: Sequence[str], found: Sequence[Sequence[JobRecord | PendingRecord | None]]
) -> Iterator[Need]:
    """Yield the needs. All rows of a step wait for all of an expansion."""
    expansions = {name for name, rows in zip(named, found, strict=True) if isinstance(rows[0], PendingRecord)}
    for need in needs:
        yield Need(need.step) if need.step in expansions else need
