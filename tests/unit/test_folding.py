"""Folding: the shapes that workflows have."""

from __future__ import annotations

import pytest

from reana_batch import folding
from reana_batch.folding import Columns, Job
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
    assert [need.pattern.parents_of(row) for row in range(2)] == [(0, 1), (2, 3)]


def test_a_rule_that_waits_for_itself_has_a_step_for_each_level() -> None:
    jobs = [Job("a", (i - 1,) if i else (), str(i)) for i in range(3)]
    assert [each.jobs for each in folding.fold(jobs)] == [[0], [1], [2]]


def test_only_the_rules_of_the_circle_are_split() -> None:
    jobs = [Job("a", (), "1"), Job("b", (0,), "1"), Job("a", (1,), "2"), Job("c", (0,), "1"), Job("c", (2,), "2")]
    assert [(each.kind, each.jobs) for each in folding.fold(jobs)] == [
        ("a", [0]), ("b", [1]), ("a", [2]), ("c", [3, 4]),
    ]  # fmt: skip  # one line is one workflow


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
    assert list(table.rows()) == [("a", "out/a.txt"), ("b", "out/b.txt")]


def test_texts_of_different_shape_differ_between_what_they_share() -> None:
    columns = Columns(2)
    assert columns.split(["cat a.txt b.txt > x", "cat a.txt > x"]) == ("cat a.txt ", Column("0"), "> x")
    assert list(columns.table().rows()) == [("b.txt ",), ("",)]
