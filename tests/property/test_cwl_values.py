"""Laws of CWL's values: JSON and back, and what stays of a value when results become known."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reana_batch.frontends.cwl import values
from reana_batch.frontends.cwl.values import BadPick, Defaulted, Flat, Items, Known, Later, Out, Picked, Value

KEYS = st.sampled_from(["a", "class", "$out", "$known", "$items", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab$", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=6,
)
NAMES = st.text("xy", min_size=1, max_size=2)
RESULTS = st.builds(Out, NAMES, NAMES) | st.builds(Later, NAMES, NAMES)
METHODS = st.sampled_from(["first_non_null", "the_only_non_null", "all_non_null"])
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.builds(Known, JSON) | RESULTS,
    lambda inner: st.one_of(
        st.builds(Items, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Flat, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Picked, METHODS, inner),
        st.builds(Defaulted, inner, JSON),
    ),
    max_leaves=6,
)


@given(VALUES)
def test_a_value_is_read_as_it_was_written(value: Value) -> None:
    assert values.read(json.loads(json.dumps(values.write(value)))) == value


@given(VALUES, JSON)
def test_a_value_is_known_when_all_its_results_are(value: Value, found: Any) -> None:
    with contextlib.suppress(BadPick):
        assert isinstance(values.resolve(value, lambda _: Known(found)), Known)


@given(VALUES, JSON)
def test_results_can_become_known_one_after_the_other(value: Value, found: Any) -> None:
    def at_once(_: Out | Later) -> Value:
        return Known(found)

    def only_jobs(result: Out | Later) -> Value:
        return Known(found) if isinstance(result, Out) else result

    try:
        whole = values.resolve(value, at_once)
    except BadPick:
        with pytest.raises(BadPick):
            values.resolve(values.resolve(value, only_jobs), at_once)
    else:
        assert values.resolve(values.resolve(value, only_jobs), at_once) == whole


@given(VALUES)
def test_other_names_change_nothing_else(value: Value) -> None:
    def other(result: Out | Later) -> Out | Later:
        return type(result)("other/" + (result.job if isinstance(result, Out) else result.pending), result.port)

    def back(result: Out | Later) -> Out | Later:
        name = result.job if isinstance(result, Out) else result.pending
        return type(result)(name.removeprefix("other/"), result.port)

    assert values.rewritten(values.rewritten(value, other), back) == value
    assert len(list(values.sources(values.rewritten(value, other)))) == len(list(values.sources(value)))


@pytest.mark.parametrize(
    ("method", "items", "expected"),
    [
        ("first_non_null", [None, 1, 2], 1),
        ("the_only_non_null", [None, 1, None], 1),
        ("all_non_null", [None, 1, 2, None], [1, 2]),
        ("all_non_null", [None], []),
    ],
)
def test_values_are_picked(method: str, items: list[Any], expected: Any) -> None:
    assert values.picked(method, Known(items)) == Known(expected)


@pytest.mark.parametrize(
    ("method", "items", "message"),
    [
        ("first_non_null", [None], "pickValue: first_non_null finds only null values."),
        ("the_only_non_null", [1, 2], "pickValue: the_only_non_null finds 2 values that are not null."),
        ("the_only_non_null", 1, "pickValue: the_only_non_null needs a list of values."),
    ],
)
def test_values_that_cannot_be_picked(method: str, items: Any, message: str) -> None:
    with pytest.raises(BadPick) as caught:
        values.picked(method, Known(items))
    assert str(caught.value) == message
