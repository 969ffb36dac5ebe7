"""Folding: the shapes that workflows have."""

from __future__ import annotations

import pytest

from reana_batch import folding
from reana_batch.columns import Columns
from reana_batch.folding import Group, Job
from reana_batch.ir import Column, Need, Pattern, RowMapping


def test_samples_follow_each_other_row_by_row() -> None:
    names = ["s10", "s9", "s1"]
    jobs = [Job("a", (), name) for name in names] + [Job("b", (i,), name) for i, name in enumerate(names)]
    jobs.append(Job("c", (3, 4, 5), "all"))
    folds = folding.fold(jobs)
    assert [each.jobs for each in folds] == [[2, 1, 0], [5, 4, 3], [6]]  # numbers in order
    needs = folding.needs(folds, jobs, "abc")
    assert needs == [(), (Need("a", Pattern.EACH),), (Need("b", Pattern.ALL),)]


def test_rows_that_wait_for_some() -> None:
    jobs = [Job("a", (), str(i)) for i in range(4)] + [Job("b", (0, 1), "x"), Job("b", (2, 3), "y")]
    ((), (need,)) = folding.needs(folding.fold(jobs), jobs, "ab")
    assert isinstance(need.pattern, RowMapping)
    assert need.pattern.parents == ((0, 1), (2, 3))


def test_a_rule_that_waits_for_itself_has_a_step_for_each_level() -> None:
    jobs = [Job("a", (i - 1,) if i else (), str(i)) for i in range(3)]
    assert [each.jobs for each in folding.fold(jobs)] == [[0], [1], [2]]


def test_only_the_rules_of_the_circle_are_split() -> None:
    jobs = [Job("a", (), "1"), Job("b", (0,), "1"), Job("a", (1,), "2"), Job("c", (0,), "1"), Job("c", (2,), "2")]
    assert [(each.kind, each.jobs) for each in folding.fold(jobs)] == [
        ("a", [0]), ("b", [1]), ("a", [2]), ("c", [3]), ("c", [4]),
    ]  # fmt: skip  # one line is one workflow


def shape(jobs: list[Job[str]]) -> list[str]:
    """Return each fold as "KIND ROWS PATTERN-PARENT ..."."""
    folds = folding.fold(jobs)
    needs = folding.needs(folds, jobs, [str(number) for number in range(len(folds))])
    return [
        " ".join((f"{each.kind} {len(each.jobs)}", *(f"{_word(need)}-{need.step}" for need in waits)))
        for each, waits in zip(folds, needs, strict=True)
    ]


def _word(need: Need) -> str:
    return need.pattern.value if isinstance(need.pattern, Pattern) else "rows"


def test_thousands_that_wait_for_thousands_through_a_group_are_one_edge() -> None:
    count = 3000
    jobs: list[Job[str] | Group] = [Job("a", (), str(i)) for i in range(count)]
    jobs.append(Group(range(count), "a"))
    jobs += [Job("b", (count, i) if i % 2 else (count,), str(i)) for i in range(count)]
    folds = folding.fold(jobs)
    assert [len(each.jobs) for each in folds] == [count, count // 2, count // 2]
    assert folding.needs(folds, jobs, "abc") == [(), (Need("a"),), (Need("a"),)]


def test_instances_wait_for_their_own_groups() -> None:
    jobs: list[Job[str] | Group] = [Job("a", (), str(i)) for i in range(6)]
    jobs += [Group((0, 1, 2), "x"), Group((3, 4, 5), "y"), Group((6, 7), "both")]
    jobs += [Job("b", (6,), "x1"), Job("b", (6,), "x2"), Job("b", (7,), "y1"), Job("c", (8,), "all")]
    folds = folding.fold(jobs)
    _, (need,), last = folding.needs(folds, jobs, "abc")
    assert need == Need("a", RowMapping(((0, 1, 2), (0, 1, 2), (3, 4, 5))))
    assert last == (Need("a"),)


def test_a_group_of_a_chain_is_its_end() -> None:
    chains: list[Job[str] | Group] = [Job("a", (), str(i)) for i in range(3)]
    chains += [Job("b", (i,), str(i)) for i in range(3)]
    chains += [Group(range(6), "all"), Job("c", (6,), "1"), Job("d", (1,), "1"), Group((0, 1, 2, 8), "part")]
    chains += [Job("e", (9,), "1")]
    assert folding.needs(folding.fold(chains), chains, "abcde") == [
        (), (Need("a", Pattern.EACH),), (Need("b"),),
        (Need("a", RowMapping(((1,),))),), (Need("a", RowMapping(((0, 2),))), Need("d")),
    ]  # fmt: skip  # one line is one level


def test_a_group_does_not_change_the_order_of_the_steps() -> None:
    jobs: list[Job[str] | Group] = [Job("c", (), "1"), Group((0,), "g"), Job("a", (1,), "1"), Job("b", (), "1")]
    assert [each.kind for each in folding.fold(jobs)] == ["b", "c", "a"]


def test_a_group_in_a_circle_is_refused() -> None:
    jobs: list[Job[str] | Group] = [Group((1,), "x"), Group((0,), "y"), Job("a", (0,), "1")]
    with pytest.raises(ValueError, match="circle"):
        folding.fold(jobs)


def test_rows_of_two_producers_follow_each_their_own() -> None:
    jobs = [Job("get", (), str(i)) for i in range(3)] + [Job("sim", (), str(i)) for i in range(3)]
    jobs += [Job("t-sel", (i,), str(i)) for i in range(6)]
    jobs += [Job("u-hist", (6 + i,), str(i)) for i in range(6)]
    assert shape(jobs) == ["get 3", "sim 3", "t-sel 3 each-0", "t-sel 3 each-1", "u-hist 3 each-2", "u-hist 3 each-3"]


def test_rows_of_variants_are_followed_one_by_one() -> None:
    jobs = [Job("a", (), str(i)) for i in range(6)]
    jobs += [Job(f"b{i % 3}", (i,), str(i)) for i in range(6)]
    jobs += [Job("c", (6 + i,), str(i)) for i in range(6)]
    jobs += [Job("d", (12 + i, i), str(i)) for i in range(6)]  # c has waited for this row of a
    assert shape(jobs) == [
        "a 6", "b0 2 rows-0", "b1 2 rows-0", "b2 2 rows-0",
        "c 2 each-1", "c 2 each-2", "c 2 each-3", "d 2 each-4", "d 2 each-5", "d 2 each-6",
    ]  # fmt: skip  # one line is one level


def test_a_second_order_of_the_parents_is_taken_over_by_them() -> None:
    order = [2, 0, 1]
    jobs = [Job("a", (), str(i)) for i in range(3)] + [Job("b", (), str(i)) for i in range(3)]
    jobs += [Job("c", (i, 3 + order[i]), str(i)) for i in range(3)]
    assert shape(jobs) == ["a 3", "b 3", "c 3 each-0 each-1"]
    crossed = [*jobs, *(Job("d", (6 + i, order[i]), str(i)) for i in range(3))]  # no order of a fits both
    assert shape(crossed) == ["a 3", "b 3", "c 3 each-0 each-1", "d 3 rows-0 each-2"]


def test_jobs_with_too_many_different_parents_stay_together() -> None:
    def steps(parents: int) -> int:
        jobs = [Job(f"{i:02}", (), "") for i in range(parents)]
        return len(shape(jobs + [Job("x", (i % parents,), str(i)) for i in range(42)])) - parents

    assert [steps(parents) for parents in (1, 2, 20, 21)] == [1, 2, 20, 1]
    assert len(shape([Job(f"{i}", (), "") for i in range(3)] + [Job("x", (i,), str(i)) for i in range(3)])) == 4


def test_a_thousand_levels() -> None:
    jobs = [Job("a", (i - 1,) if i else (), str(i)) for i in range(1000)]
    assert len(folding.fold(jobs)) == 1000


def test_jobs_in_a_circle() -> None:
    with pytest.raises(ValueError, match="circle"):
        folding.fold([Job("a", (1,), ""), Job("b", (0,), "")])


def test_columns_hold_words_and_are_named_by_wildcards() -> None:
    columns = Columns(2)
    columns.suggest("sample", ["a", "b"])
    assert columns.split(["cp in/a.txt out/a.txt", "cp in/b.txt out/b.txt"]) == (
        "cp in/", Column("sample"), ".txt out/", Column("sample"), ".txt",
    )  # fmt: skip  # one line is one command
    assert columns.column(["out/a.txt", "out/b.txt"]) == Column("1")
    assert columns.column(["log", "log"]) == "log"
    table = columns.table()
    assert table.columns == ("sample", "1")
    assert list(table) == [("a", "out/a.txt"), ("b", "out/b.txt")]


def test_texts_of_different_shape_differ_between_what_they_share() -> None:
    columns = Columns(2)
    assert columns.split(["cat a.txt b.txt > x", "cat a.txt > x"]) == ("cat a.txt ", Column("0"), "> x")
    assert list(columns.table()) == [("b.txt ",), ("",)]


def test_a_text_with_very_many_holes_has_one_for_all_of_them() -> None:
    few, many = (" ".join(f"{{s}}/{i}.txt" for i in range(count)) for count in (400, 401))
    for names, pieces in ((few, 801), (many, 3)):
        columns = Columns(2)
        texts = [f"cat {names.format(s=sample)} > out" for sample in ("a", "b")]
        parts = columns.split(texts)
        assert len(parts) == pieces
        rows = [dict(zip(columns.table().columns, row, strict=True)) for row in columns.table()]
        assert ["".join(row[p.name] if isinstance(p, Column) else p for p in parts) for row in rows] == texts


def test_texts_of_different_shape_share_no_half_words() -> None:
    columns = Columns(2)
    assert columns.split(["cat ab.txt c", "cat abc"]) == ("cat ", Column("0"))
    assert list(columns.table()) == [("ab.txt c",), ("abc",)]
