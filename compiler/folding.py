"""Fold many jobs into few steps: jobs of one kind become the rows of one step.

Front ends use this if they get single jobs. The jobs that a row waits for become the narrowest pattern that an edge
can have.

A group stands for many jobs, so that thousands of jobs can wait for thousands without an edge for each pair. Groups
are in the list of the jobs, and in no fold.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import networkx

from reana_batch.ir import Need, Pattern, RowMapping

_NUMBER = re.compile(r"(\d+)")

# Rows are sorted by the rows of their parents: at most this many parents.
_PARENTS_IN_ORDER = 8

# Jobs of one kind are split by the steps of their parents: into at most this many steps, with an average of two jobs.
_MOST_PARTS = 20

# The most ancestors of a job that are searched to find that one parent waits for another.
_MOST_ANCESTORS = 64


_CIRCLE = "jobs wait for each other in a circle"

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Job(Generic[K]):
    """A job. Jobs of the same ``kind`` may be rows of one step."""

    kind: K
    parents: Sequence[int]  # positions in the list of all jobs
    order: str  # sorts rows that nothing else sorts; numbers in it are compared by their value


@dataclass(frozen=True, slots=True)
class Group:
    """A name for its parents. The jobs that wait for it wait for all of them."""

    parents: Sequence[int]  # as in Job
    order: str


@dataclass(slots=True)
class Fold(Generic[K]):
    """The jobs of one step: their positions, row by row."""

    kind: K
    jobs: list[int]


# The kind of a job here: a group's level above the jobs, and the kinds of its jobs.
_Kind = tuple[int, tuple[K, ...]]


def fold(jobs: Sequence[Job[K] | Group]) -> list[Fold[K]]:
    """Return the folds, parents before children. A circle of jobs raises ValueError.

    Jobs of one kind are one fold if their parents are in the same folds. Folds whose rows wait for each other
    row by row have their rows in the same order.
    """
    nodes = [Job(kind, job.parents, job.order) for kind, job in zip(_kinds(jobs), jobs, strict=True)]
    return [Fold(kinds[0], each.jobs) for each in _folds(nodes) for level, kinds in [each.kind] if not level]


def _kinds(jobs: Sequence[Job[K] | Group]) -> list[_Kind[K]]:
    """Return the kind of each job. Groups of the same level that stand for the same kinds have the same kind."""
    kinds: list[_Kind[K]] = [(0, () if isinstance(job, Group) else (job.kind,)) for job in jobs]
    for group in _groups(jobs):
        above = {kinds[parent] for parent in jobs[group].parents}
        inner = {kind for _, each in above for kind in each}
        kinds[group] = (1 + max((level for level, _ in above), default=0), tuple(sorted(inner, key=str)))
    return kinds


def _groups(jobs: Sequence[Job[K] | Group]) -> Iterator[int]:
    """Yield the groups, each after those in it and those that its jobs wait for. A circle raises ValueError."""
    found = {number: job.parents for number, job in enumerate(jobs) if isinstance(job, Group)}
    graph: networkx.DiGraph[int] = networkx.DiGraph()
    graph.add_nodes_from(found)
    for group, parents in found.items():
        above = itertools.chain(parents, *(jobs[parent].parents for parent in parents if parent not in found))
        graph.add_edges_from({(each, group) for each in above if each in found})
    try:
        yield from networkx.topological_sort(graph)
    except networkx.NetworkXUnfeasible as error:
        raise ValueError(_CIRCLE) from error


def _folds(jobs: Sequence[Job[_Kind[K]]]) -> list[Fold[_Kind[K]]]:
    """Return the folds of jobs and groups, with their rows in order."""
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
        raise ValueError(_CIRCLE) from error
    yield from (Fold(kind, found) for (_, kind), found in layers.items())


def _in_order(folds: list[Fold[_Kind[K]]], jobs: Sequence[Job[_Kind[K]]]) -> list[Fold[_Kind[K]]]:
    """Return the folds, parents before children, and otherwise in the order of their first jobs.

    Groups are as early as possible, so that they do not change the order of the others.
    """
    fold_of = {job: number for number, each in enumerate(folds) for job in each.jobs}
    graph: networkx.DiGraph[int] = networkx.DiGraph()
    graph.add_nodes_from(range(len(folds)))
    graph.add_edges_from({(fold_of[parent], fold_of[job]) for job in fold_of for parent in jobs[job].parents})
    first = [min(natural(jobs[job].order) for job in each.jobs) for each in folds]
    order = networkx.lexicographical_topological_sort(
        graph, key=lambda number: (folds[number].kind[0] == 0, natural(str(folds[number].kind)), first[number])
    )
    return [folds[number] for number in order]


# --- edges ---------------------------------------------------------------------------------------

# The rows of each fold that someone waits for, sorted.
_Waits = Mapping[int, tuple[int, ...]]


def needs(folds: Sequence[Fold[K]], jobs: Sequence[Job[K] | Group], names: Sequence[str]) -> list[tuple[Need, ...]]:
    """Return the needs of each fold. ``names`` are those of the steps.

    A need is left out if the rows wait for the same rows through another step.
    """
    edges = _Edges(folds, jobs)
    return [tuple(edges.needs_of(each, names)) for each in folds]


class _Edges(Generic[K]):
    """The rows that rows wait for."""

    def __init__(self, folds: Sequence[Fold[K]], jobs: Sequence[Job[K] | Group]) -> None:
        self._jobs = jobs
        self._folds = folds
        self._place = {job: (number, row) for number, each in enumerate(folds) for row, job in enumerate(each.jobs)}
        self._behind: dict[tuple[int, ...], _Waits] = {}  # by groups: their rows
        for group in _groups(jobs):
            self._behind[(group,)] = self._last(self._waits(jobs[group].parents))

    def needs_of(self, each: Fold[K], names: Sequence[str]) -> Iterator[Need]:
        waits: dict[int, list[tuple[int, ...]]] = {}
        for row, job in enumerate(each.jobs):
            for number, rows in self._waits(self._jobs[job].parents).items():
                waits.setdefault(number, [()] * len(each.jobs))[row] = rows
        for number in sorted(waits):
            pattern = _pattern(waits[number], len(self._folds[number].jobs))
            if isinstance(pattern, Pattern) or not all(self._is_implied(job, number) for job in each.jobs):
                yield Need(names[number], pattern)

    def _waits(self, parents: Sequence[int]) -> _Waits:
        """Return the rows that a job with these parents waits for. Jobs of the same groups share a tuple of rows."""
        groups = tuple(parent for parent in parents if parent not in self._place)
        direct: dict[int, list[int]] = {}
        for parent in parents:
            if parent in self._place:
                number, row = self._place[parent]
                direct.setdefault(number, []).append(row)
        behind = self._all_behind(groups)
        found = {number: _union(behind.get(number, ()), sorted(rows)) for number, rows in direct.items()}
        return {**behind, **found}

    def _all_behind(self, groups: tuple[int, ...]) -> _Waits:
        if groups not in self._behind:
            found: dict[int, tuple[int, ...]] = {}
            for group in groups:
                for number, rows in self._behind[(group,)].items():
                    found[number] = _union(found.get(number, ()), rows)
            self._behind[groups] = self._last(found)
        return self._behind[groups]

    def _last(self, found: _Waits) -> _Waits:
        """Return the rows without those that others of them wait for."""
        above = {p for n, rows in found.items() for row in rows for p in self._jobs[self._folds[n].jobs[row]].parents}
        gone: dict[int, set[int]] = {number: set() for number in found}
        for number, row in map(self._place.__getitem__, above & self._place.keys()):
            gone.setdefault(number, set()).add(row)
        for group in above - self._place.keys():
            for number, rows in self._behind[(group,)].items():
                gone.setdefault(number, set()).update(rows)
        left = {n: tuple(row for row in rows if row not in gone[n]) if gone[n] else rows for n, rows in found.items()}
        return {number: rows for number, rows in left.items() if rows}

    def _is_implied(self, job: int, number: int) -> bool:
        """Return whether the parents of ``job`` in this fold are ancestors of its other parents.

        Only a limited number of ancestors is searched. Rows behind a group never count as implied.
        """
        parents = self._jobs[job].parents
        if any(number in self._behind.get((parent,), ()) for parent in parents):
            return False
        asked = {parent for parent in parents if self._place.get(parent, (-1, 0))[0] == number}
        open_ones = [parent for parent in parents if parent not in asked]
        seen = set(open_ones)
        while asked and open_ones and len(seen) < _MOST_ANCESTORS:
            above = self._jobs[open_ones.pop(0)].parents
            asked.difference_update(above)
            open_ones += [each for each in above if each not in seen]
            seen.update(above)
        return not asked


def _union(first: tuple[int, ...], second: Sequence[int]) -> tuple[int, ...]:
    """Return the rows of both, sorted. If ``first`` has them all, return it and no copy."""
    if len(second) <= len(first) and all(_is_in(row, first) for row in second):
        return first
    return tuple(sorted({*first, *second}))


def _is_in(row: int, rows: tuple[int, ...]) -> bool:
    index = bisect_left(rows, row)
    return index < len(rows) and rows[index] == row


def _pattern(waits: list[tuple[int, ...]], count: int) -> Pattern | RowMapping:
    if all(len(rows) == count for rows in waits):
        return Pattern.ALL
    if len(waits) == count and all(rows == (row,) for row, rows in enumerate(waits)):
        return Pattern.EACH
    return RowMapping(tuple(waits))
