"""Laws that the simulation of a run keeps, whatever its graph."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reana_batch.estimating.simulation import Jobs, Spell, Timeline, simulate
from reana_batch.ir import ChunkPattern, Pattern

# Quarters of a second, whose sums are exact.
QUARTERS = st.integers(0, 40).map(lambda number: number / 4)
ONE = st.just(1)


class Some:
    """The jobs of another kind that each job of a kind waits for."""

    def __init__(self, parents: Sequence[tuple[int, ...]]) -> None:
        self.parents = parents

    def __call__(self, job: int) -> tuple[int, ...]:
        return self.parents[job]

    def __repr__(self) -> str:
        return f"Some({self.parents})"


@st.composite
def graphs(draw: st.DrawFn, widths: st.SearchStrategy[int] = ONE) -> list[Jobs]:
    kinds: list[Jobs] = []
    for _ in range(draw(st.integers(1, 5))):
        seconds = draw(st.lists(QUARTERS, min_size=1, max_size=6))
        needs: list[tuple[int, ChunkPattern]] = []
        for place, parent in enumerate(kinds):
            count = len(parent.seconds)
            some = st.lists(st.integers(0, count - 1), max_size=3, unique=True).map(tuple)
            each = [Pattern.EACH] if count == len(seconds) else []
            pattern = draw(st.sampled_from([None, Pattern.ALL, Some, *each]))
            if pattern is Some:
                needs.append((place, Some([draw(some) for _ in seconds])))
            elif isinstance(pattern, Pattern):
                needs.append((place, pattern))
        kinds.append(Jobs(seconds, draw(widths), tuple(needs)))
    return kinds


def before(kinds: Sequence[Jobs], place: int, job: int) -> list[tuple[int, int]]:
    """Return the jobs that a job waits for."""
    found = []
    for parent, pattern in kinds[place].needs:
        if pattern is Pattern.ALL:
            found += [(parent, each) for each in range(len(kinds[parent].seconds))]
        elif pattern is Pattern.EACH:
            found.append((parent, job))
        else:
            assert callable(pattern)
            found += [(parent, each) for each in pattern(job)]
    return found


def critical_path(kinds: Sequence[Jobs], queue_seconds: float = 0.0) -> float:
    """Return the seconds of the longest chain of jobs, each with its time in the queue."""
    ends: dict[tuple[int, int], float] = {}
    for place, kind in enumerate(kinds):
        for job, seconds in enumerate(kind.seconds):
            ready = max((ends[each] for each in before(kinds, place, job)), default=0.0)
            ends[place, job] = ready + queue_seconds + seconds
    return max(ends.values())


def work(kinds: Sequence[Jobs]) -> float:
    return sum(kind.width * sum(kind.seconds) for kind in kinds)


@given(graphs(st.integers(1, 3)), st.integers(3, 6), QUARTERS)
def test_a_run_takes_at_least_its_critical_path_and_its_share_of_the_work(
    kinds: list[Jobs], slots: int, queue: float
) -> None:
    found = simulate(kinds, slots=slots, queue_seconds=queue)
    assert found.makespan >= critical_path(kinds, queue)
    assert found.makespan >= work(kinds) / slots
    assert found.most_slots <= slots


@given(graphs(), st.integers(1, 6), QUARTERS)
def test_a_run_takes_at_most_the_bound_of_graham(kinds: list[Jobs], slots: int, queue: float) -> None:
    # At each moment all slots are busy, or a job of one chain runs or waits in the queue.
    found = simulate(kinds, slots=slots, queue_seconds=queue)
    assert found.makespan <= work(kinds) / slots + critical_path(kinds, queue) + 1e-9


@given(graphs())
def test_with_one_slot_the_jobs_run_one_after_the_other(kinds: list[Jobs]) -> None:
    assert simulate(kinds, slots=1).makespan == simulate(kinds, most_jobs=1).makespan == work(kinds)


@given(graphs(st.integers(1, 3)), QUARTERS)
def test_with_enough_slots_it_takes_the_critical_path(kinds: list[Jobs], queue: float) -> None:
    enough = sum(kind.width * len(kind.seconds) for kind in kinds)
    found = simulate(kinds, queue_seconds=queue)
    assert found.makespan == critical_path(kinds, queue)
    assert simulate(kinds, slots=enough, queue_seconds=queue) == found


@given(graphs(), st.data())
def test_with_enough_slots_longer_jobs_never_make_a_run_shorter(kinds: list[Jobs], data: st.DataObject) -> None:
    longer = [kind._replace(seconds=[each + data.draw(QUARTERS) for each in kind.seconds]) for kind in kinds]
    assert simulate(longer).makespan >= simulate(kinds).makespan


@given(graphs(), st.integers(1, 4), st.integers(2, 8))
def test_time_has_no_unit(kinds: list[Jobs], slots: int, factor: int) -> None:
    scaled = [kind._replace(seconds=[factor * each for each in kind.seconds]) for kind in kinds]
    assert simulate(scaled, slots=slots).makespan == factor * simulate(kinds, slots=slots).makespan


@given(graphs(), st.integers(1, 4))
def test_no_kind_starts_before_those_that_it_waits_for_have_ended(kinds: list[Jobs], slots: int) -> None:
    found = simulate(kinds, slots=slots)
    for kind, spell in zip(kinds, found.spells, strict=True):
        assert 0 <= spell.start <= spell.end <= found.makespan
        assert all(found.spells[parent].end <= spell.start for parent, pattern in kind.needs if pattern is Pattern.ALL)
    assert max(spell.end for spell in found.spells) == found.makespan


def test_the_job_that_could_start_first_does_and_small_ones_pass_wide_ones() -> None:
    kinds = [Jobs([2.0, 4.0]), Jobs([1.0], width=2), Jobs([1.0])]
    assert simulate(kinds, slots=2) == Timeline(5.0, 2, 2, (Spell(0, 4), Spell(4, 5), Spell(2, 3)))


def test_a_job_that_never_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="3 slots can never start"):
        simulate([Jobs([1.0], width=3)], slots=2)


def test_a_hundred_thousand_jobs_with_three_kinds_of_edges() -> None:
    count = 100_000
    pairs = Some([(job - job % 2, job | 1) for job in range(count)])
    kinds = [
        Jobs([1.0] * count),
        Jobs([1.0] * count, needs=((0, Pattern.EACH),)),
        Jobs([1.0] * count, needs=((1, pairs),)),
    ]
    found = simulate([*kinds, Jobs([1.0], needs=((2, Pattern.ALL),))], slots=1000)
    assert (found.makespan, found.most_jobs) == (301.0, 1000)
