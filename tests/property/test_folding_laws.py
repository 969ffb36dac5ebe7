"""Laws of folding: the steps say the same about each job as the list of jobs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reana_batch import folding
from reana_batch.columns import Columns
from reana_batch.diagnostics import Place
from reana_batch.folding import Group, Job
from reana_batch.ir import Column, Command, Pattern, RowMapping

TEXTS = st.text(st.sampled_from("ab12 ./_-'\n"), max_size=12)


@st.composite
def graphs(draw: st.DrawFn) -> list[Job[str]]:
    """Return a shuffled list of jobs of a few kinds. Each job waits for some of those made before it."""
    count = draw(st.integers(1, 14))
    order = draw(st.permutations(range(count)))  # where the list has the job that was made as the n-th
    jobs: list[Job[str]] = [Job("", (), "")] * count
    for made, position in enumerate(order):
        parents = draw(st.sets(st.sampled_from(order[:made]), max_size=4)) if made else set()
        jobs[position] = Job(draw(st.sampled_from("abc")), sorted(parents), draw(TEXTS))
    return jobs


@given(graphs())
def test_every_job_is_one_row(jobs: list[Job[str]]) -> None:
    folds = folding.fold(jobs)
    assert sorted(job for each in folds for job in each.jobs) == list(range(len(jobs)))
    assert all(jobs[job].kind == each.kind for each in folds for job in each.jobs)


@given(graphs())
def test_rows_wait_for_what_their_jobs_wait_for(jobs: list[Job[str]]) -> None:
    folds = folding.fold(jobs)
    names = [str(number) for number in range(len(folds))]
    for number, (each, needs) in enumerate(zip(folds, folding.needs(folds, jobs, names), strict=True)):
        assert all(int(need.step) < number for need in needs)  # so there is no cycle
        for row, job in enumerate(each.jobs):
            waits = {
                folds[int(n.step)].jobs[p] for n in needs for p in rows(n.pattern, row, len(folds[int(n.step)].jobs))
            }
            assert waits <= set(jobs[job].parents)
            assert set(jobs[job].parents) - waits <= {a for parent in waits for a in ancestors(parent, jobs)}


@st.composite
def grouped_graphs(draw: st.DrawFn) -> tuple[list[Job[str] | Group], list[Job[str]]]:
    """Return jobs and groups, and the same jobs with what is behind the groups as their parents."""
    nodes: list[Job[str] | Group] = []
    plain: list[Job[str]] = []
    behind: list[set[int]] = []  # for each node, in the numbers of the plain jobs: itself, or those of a group
    for number in range(draw(st.integers(1, 14))):
        parents = sorted(draw(st.sets(st.sampled_from(range(number)), max_size=4))) if number else []
        jobs = set().union(*(behind[parent] for parent in parents))
        if draw(st.booleans()):
            nodes.append(Group(parents, draw(TEXTS)))
            behind.append(jobs)
        else:
            kind, order = draw(st.sampled_from("abc")), draw(TEXTS)
            nodes.append(Job(kind, parents, order))
            behind.append({len(plain)})
            plain.append(Job(kind, sorted(jobs), order))
    return nodes, plain


@given(grouped_graphs())
def test_groups_stand_for_their_jobs(graphs: tuple[list[Job[str] | Group], list[Job[str]]]) -> None:
    nodes, plain = graphs
    plain_of = {node: number for number, node in enumerate(n for n, each in enumerate(nodes) if isinstance(each, Job))}
    folds = folding.fold(nodes)
    assert sorted(job for each in folds for job in each.jobs) == sorted(plain_of)
    for number, (each, needs) in enumerate(
        zip(folds, folding.needs(folds, nodes, list(map(str, range(len(folds))))), strict=True)
    ):
        assert all(int(need.step) < number for need in needs)
        for row, job in enumerate(each.jobs):
            parents = {(p, int(n.step)) for n in needs for p in rows(n.pattern, row, len(folds[int(n.step)].jobs))}
            waits = {plain_of[folds[step].jobs[parent]] for parent, step in parents}
            expected = set(plain[plain_of[job]].parents)
            assert waits <= expected
            assert expected - waits <= {a for parent in waits for a in ancestors(parent, plain)}


def ancestors(job: int, jobs: list[Job[str]]) -> set[int]:
    return {each for parent in jobs[job].parents for each in (parent, *ancestors(parent, jobs))}


def rows(pattern: Pattern | RowMapping, row: int, count: int) -> tuple[int, ...]:
    if isinstance(pattern, RowMapping):
        return pattern.parents[row]
    return (row,) if pattern is Pattern.EACH else tuple(range(count))


@given(graphs())
def test_order_of_the_list_does_not_matter(jobs: list[Job[str]]) -> None:
    turned = [Job(job.kind, [len(jobs) - 1 - parent for parent in job.parents], job.order) for job in reversed(jobs)]
    kinds = [(each.kind, len(each.jobs)) for each in folding.fold(jobs)]
    assert sorted(kinds) == sorted((each.kind, len(each.jobs)) for each in folding.fold(turned))


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_cells_put_into_the_template_give_the_texts(texts: list[tuple[str, str]]) -> None:
    columns = Columns(len(texts))
    templates = [columns.split([pair[index] for pair in texts]) for index in range(2)]
    table = columns.table()
    found = list(table)
    assert len(found) == table.count == len(texts)
    for row, pair in zip(found, texts, strict=True):
        cells = dict(zip(table.columns, row, strict=True))
        assert tuple(Command(parts, Place("x", 1)).text(cells) for parts in templates) == pair


@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_equal_columns_are_one(texts: list[str]) -> None:
    columns = Columns(len(texts))
    assert columns.column(texts) == columns.column(texts)
    names = columns.table().columns
    assert len(names) == len(set(names)) <= 1
    assert isinstance(columns.column(texts), Column) == (len(set(texts)) > 1)
