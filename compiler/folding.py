"""Fold many jobs into few steps: jobs of one kind become the rows of one step.

Front ends use this if they get single jobs. The values that differ between the rows go into the step's
table. The jobs that a row waits for become the narrowest pattern that an edge can have.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import networkx

from reana_batch.ir import Column, Need, Pattern, Repeated, RowMapping, Rows, Table

# Texts are compared word by word, so that a column has only the "a" of "results/a.txt".
_WORD = re.compile(r"\w+|\W")
_NUMBER = re.compile(r"(\d+)")

# Rows are sorted by the rows of their parents: at most this many parents.
_PARENTS_IN_ORDER = 8

# Jobs of one kind are split by the steps of their parents: into at most this many steps, with an average of two jobs.
_MOST_PARTS = 20

# The most holes of a text, because each has a file before and after it. With more, one column has the whole text from
# the first hole to the last.
_MOST_HOLES = 400

# The most ancestors of a job that are searched to find that one parent waits for another.
_MOST_ANCESTORS = 64


K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Job(Generic[K]):
    """A job. Jobs of the same ``kind`` may be rows of one step."""

    kind: K
    parents: Sequence[int]  # positions in the list of all jobs
    order: str  # sorts rows that nothing else sorts; numbers in it are compared by their value


@dataclass(slots=True)
class Fold(Generic[K]):
    """The jobs of one step: their positions, row by row."""

    kind: K
    jobs: list[int]


def fold(jobs: Sequence[Job[K]]) -> list[Fold[K]]:
    """Return the folds, parents before children. A circle of jobs raises ValueError.

    Jobs of one kind are one fold if their parents are in the same folds. Folds whose rows wait for each other
    row by row have their rows in the same order.
    """
    folds = _by_parents(_in_order(_without_circles(jobs), jobs), jobs)
    leaders = _aligned(folds, jobs)
    place: dict[int, tuple[int, int]] = {}  # the fold and row of each job
    for number, each in enumerate(folds):
        if len(each.jobs) > 1:
            each.jobs.sort(key=lambda job: (place.get(leaders[job], ()), _row_key(jobs[job], place)))
        place.update((job, (number, row)) for row, job in enumerate(each.jobs))
    return folds


def _by_parents(folds: list[Fold[K]], jobs: Sequence[Job[K]]) -> list[Fold[K]]:
    """Return the folds, split if their rows wait for different folds. A scheduler's array waits as a whole."""
    fold_of: dict[int, int] = {}
    found: list[Fold[K]] = []
    for each in folds:
        parts: dict[tuple[int, ...], list[int]] = {}
        for job in each.jobs:
            parts.setdefault(tuple(sorted({fold_of[parent] for parent in jobs[job].parents})), []).append(job)
        most = max(2, min(_MOST_PARTS, len(each.jobs) // 2))
        for part in [parts[key] for key in sorted(parts)] if len(parts) <= most else [each.jobs]:
            fold_of.update(dict.fromkeys(part, len(found)))
            found.append(Fold(each.kind, part))
    return found


def _aligned(folds: Sequence[Fold[K]], jobs: Sequence[Job[K]]) -> dict[int, int]:
    """Return for each job the job whose row sets its own row. It is in the first fold that it follows row by row.

    Folds of one frame have the same rows. An edge that is one to one joins two frames.
    """
    fold_of = {job: number for number, each in enumerate(folds) for job in each.jobs}
    leader = {job: job for job in fold_of}
    frame = list(range(len(folds)))
    members = [[number] for number in frame]
    for number, each in enumerate(folds):
        for parent, pairs in _one_to_one(each, jobs, fold_of, folds).items():
            first, second = sorted((frame[parent], frame[number]))
            if first == second:
                continue  # both are in the same frame, with the same order or another one
            renamed = {
                leader[a]: leader[b] for pair in pairs for a, b in (pair, pair[::-1]) if frame[fold_of[a]] == second
            }
            for member in members[second]:
                leader.update((job, renamed[leader[job]]) for job in folds[member].jobs)
                frame[member] = first
            members[first] += members[second]
    return leader


def _one_to_one(
    each: Fold[K], jobs: Sequence[Job[K]], fold_of: dict[int, int], folds: Sequence[Fold[K]]
) -> dict[int, list[tuple[int, int]]]:
    """Return the parent folds with a different parent for each job, the last first.

    Each comes with the pairs of jobs and parents.
    """
    pairs: dict[int, list[tuple[int, int]]] = {}
    for job in each.jobs:
        for parent in jobs[job].parents:
            pairs.setdefault(fold_of[parent], []).append((job, parent))
    if len(each.jobs) == 1:
        return {}  # one row is always sorted
    return {
        number: found
        for number, found in sorted(pairs.items(), reverse=True)
        if {len(each.jobs), len(found), len(folds[number].jobs), len(dict(found)), len({parent for _, parent in found})}
        == {len(each.jobs)}
    }


def _row_key(job: Job[K], place: dict[int, tuple[int, int]]) -> tuple[object, ...]:
    parents = sorted(place[parent] for parent in job.parents)[:_PARENTS_IN_ORDER]
    return (parents, natural(job.order))


def natural(text: str) -> list[tuple[int, str]]:
    """Return a sort key with which 10 comes after 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(text)]


def _without_circles(jobs: Sequence[Job[K]]) -> list[Fold[K]]:
    """Return the jobs of each kind as a fold. Kinds that wait for each other, or for themselves, are split by depth."""
    kinds: dict[K, list[int]] = {}
    for position, job in enumerate(jobs):
        kinds.setdefault(job.kind, []).append(position)
    graph: networkx.DiGraph[K] = networkx.DiGraph()
    graph.add_nodes_from(kinds)
    graph.add_edges_from({(jobs[parent].kind, job.kind) for job in jobs for parent in job.parents})
    folds = []
    for tied in networkx.strongly_connected_components(graph):
        if len(tied) == 1 and not graph.has_edge(*tied, *tied):
            folds += [Fold(kind, kinds[kind]) for kind in tied]
        else:
            members = sorted(job for kind in tied for job in kinds[kind])
            folds += _by_depth(members, jobs)
    return folds


def _by_depth(members: list[int], jobs: Sequence[Job[K]]) -> Iterator[Fold[K]]:
    """Yield folds of jobs of one kind and of the same depth below the other ``members``."""
    inside: networkx.DiGraph[int] = networkx.DiGraph()
    inside.add_nodes_from(members)
    inside.add_edges_from((p, job) for job in members for p in jobs[job].parents if p in inside)
    layers: dict[tuple[int, K], list[int]] = {}
    depth: dict[int, int] = {}
    try:
        for job in networkx.topological_sort(inside):
            depth[job] = max((depth[p] + 1 for p in inside.predecessors(job)), default=0)
            layers.setdefault((depth[job], jobs[job].kind), []).append(job)
    except networkx.NetworkXUnfeasible as error:
        raise ValueError("jobs wait for each other in a circle") from error
    yield from (Fold(kind, found) for (_, kind), found in layers.items())


def _in_order(folds: list[Fold[K]], jobs: Sequence[Job[K]]) -> list[Fold[K]]:
    """Return the folds, parents before children, and otherwise in the order of their first jobs."""
    fold_of = {job: number for number, each in enumerate(folds) for job in each.jobs}
    graph: networkx.DiGraph[int] = networkx.DiGraph()
    graph.add_nodes_from(range(len(folds)))
    graph.add_edges_from({(fold_of[parent], fold_of[job]) for job in fold_of for parent in jobs[job].parents})
    first = [min(natural(jobs[job].order) for job in each.jobs) for each in folds]
    order = networkx.lexicographical_topological_sort(
        graph, key=lambda number: (natural(str(folds[number].kind)), first[number])
    )
    return [folds[number] for number in order]


# --- edges ---------------------------------------------------------------------------------------


def needs(folds: Sequence[Fold[K]], jobs: Sequence[Job[K]], names: Sequence[str]) -> list[tuple[Need, ...]]:
    """Return the needs of each fold. ``names`` are those of the steps.

    A need is left out if the rows wait for the same rows through another step.
    """
    place = {job: (number, row) for number, each in enumerate(folds) for row, job in enumerate(each.jobs)}
    return [tuple(_needs_of(each, jobs, place, folds, names)) for each in folds]


def _needs_of(
    each: Fold[K],
    jobs: Sequence[Job[K]],
    place: dict[int, tuple[int, int]],
    folds: Sequence[Fold[K]],
    names: Sequence[str],
) -> Iterator[Need]:
    waits: dict[int, list[tuple[int, ...]]] = {}
    for row, job in enumerate(each.jobs):
        found: dict[int, list[int]] = {}
        for parent in jobs[job].parents:
            number, parent_row = place[parent]
            found.setdefault(number, []).append(parent_row)
        for number, rows in found.items():
            waits.setdefault(number, [()] * len(each.jobs))[row] = tuple(sorted(rows))
    for number in sorted(waits):
        pattern = _pattern(waits[number], len(folds[number].jobs))
        if isinstance(pattern, Pattern) or not all(_is_implied(job, number, jobs, place) for job in each.jobs):
            yield Need(names[number], pattern)


def _is_implied(job: int, number: int, jobs: Sequence[Job[K]], place: dict[int, tuple[int, int]]) -> bool:
    """Return whether the parents of ``job`` in this fold are ancestors of its other parents.

    Only a limited number of ancestors is searched.
    """
    asked = {parent for parent in jobs[job].parents if place[parent][0] == number}
    open_ones = [parent for parent in jobs[job].parents if parent not in asked]
    seen = set(open_ones)
    while asked and open_ones and len(seen) < _MOST_ANCESTORS:
        above = jobs[open_ones.pop(0)].parents
        asked.difference_update(above)
        open_ones += [each for each in above if each not in seen]
        seen.update(above)
    return not asked


def _pattern(waits: list[tuple[int, ...]], count: int) -> Pattern | RowMapping:
    if all(len(rows) == count for rows in waits):
        return Pattern.ALL
    if len(waits) == count and all(rows == (row,) for row, rows in enumerate(waits)):
        return Pattern.EACH
    return RowMapping(tuple(waits))


# --- tables --------------------------------------------------------------------------------------


class Columns:
    """The table of a step, filled while its texts are split. Equal columns are one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._names: dict[tuple[str, ...], str] = {}
        self._wished: dict[tuple[str, ...], str] = {}

    def suggest(self, name: str, cells: Sequence[str]) -> None:
        """Suggest ``name`` for a column with exactly these cells. There may never be such a column."""
        self._wished.setdefault(tuple(cells), name)

    def column(self, cells: Sequence[str]) -> str | Column:
        """Return the column with these cells, or the text if all cells are equal."""
        cells = tuple(cells)
        if cells.count(cells[0]) == self._count:
            return cells[0]
        if cells not in self._names:
            # Columns without a suggested name get a number. Suggested names are never numbers.
            self._names[cells] = self._wished.get(cells, str(len(self._names)))
        return Column(self._names[cells])

    def split(self, texts: Sequence[str]) -> tuple[str | Column, ...]:
        """Return the parts of the template that becomes ``texts`` with the cells of each row."""
        if all(text == texts[0] for text in texts):
            return (texts[0],)
        model = _WORD.findall(texts[0])
        varying = [False] * len(model)
        for text in texts:
            words = _WORD.findall(text)
            if len(words) != len(model):
                return self._around(texts)
            for index, word in enumerate(words):
                if word != model[index]:
                    varying[index] = True
        return self._pieces(texts, model, varying) if sum(varying) <= _MOST_HOLES else self._around(texts)

    def _pieces(self, texts: Sequence[str], model: list[str], varying: list[bool]) -> tuple[str | Column, ...]:
        cells: list[list[str]] = [[] for each in varying if each]
        holes = [index for index, each in enumerate(varying) if each]
        for text in texts:
            words = _WORD.findall(text)
            for cell, index in zip(cells, holes, strict=True):
                cell.append(words[index])
        columns = iter(cells)
        parts = [self.column(next(columns)) if each else word for word, each in zip(model, varying, strict=True)]
        return joined(parts)

    def _around(self, texts: Sequence[str]) -> tuple[str | Column, ...]:
        """Return the common beginning and end of all texts, with one column between."""
        start, end = _common(texts), _common([text[::-1] for text in texts])[::-1]
        shortest = min(map(len, texts)) - len(start)
        end = end[-shortest:] if 0 < shortest < len(end) else end if shortest > 0 else ""
        middle = [text[len(start) : len(text) - len(end)] for text in texts]
        return joined([start, self.column(middle), end])

    def table(self) -> Table:
        """Return the table of all columns made so far."""
        if not self._names:
            return Repeated(self._count)
        return Rows(tuple(self._names.values()), tuple(zip(*self._names, strict=True)))


def _common(texts: Sequence[str]) -> str:
    """Return the common beginning of all texts, up to the end of a word."""
    low, high = min(texts), max(texts)
    length = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    while length > 0 and re.fullmatch(r"\w", low[length - 1]):
        length -= 1
    return low[:length]


def joined(parts: Sequence[str | Column]) -> tuple[str | Column, ...]:
    """Return ``parts`` with neighbouring texts joined and empty ones removed."""
    together: list[str | Column] = []
    for part in parts:
        if isinstance(part, str) and together and isinstance(together[-1], str):
            together[-1] += part
        elif part != "":
            together.append(part)
    return tuple(together)
