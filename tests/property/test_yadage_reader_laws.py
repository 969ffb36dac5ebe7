"""Laws of the reader's quick parts: they give what packtivity and ``str.format`` give."""

from __future__ import annotations

import json
from typing import Any

import jsonpointer
from hypothesis import assume, given
from hypothesis import strategies as st
from packtivity.typedleafs import TypedLeafs

from reana_batch.frontends.yadage import template
from reana_batch.frontends.yadage.values import Leafs

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.sampled_from(["a", "~", "/"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def exact(value: Any) -> str:
    """Return JSON in which the order of keys and the types of numbers are seen."""
    return json.dumps(value)


@given(VALUES)
def test_leafs_are_those_of_packtivity(value: Any) -> None:
    theirs, ours = TypedLeafs(value), Leafs(value)
    assert exact(ours.json()) == exact(theirs.json())
    assert exact(ours.typed()) == exact(theirs.typed())
    assert exact(ours.copy().json()) == exact(theirs.copy().json())
    assert exact([(p.path, v) for p, v in ours.leafs()]) == exact([(p.path, v) for p, v in theirs.leafs()])
    assert exact(ours.asrefs(lambda p: p.path)) == exact(theirs.asrefs(callback=lambda p: p.path))


@given(VALUES, st.sampled_from([".", "[.]", "tojson", "type"]))
def test_jq_sees_the_same_data(value: Any, program: str) -> None:
    assert exact(Leafs(value).jq(program).json()) == exact(TypedLeafs(value).jq(program).json())


@given(VALUES, VALUES, st.data())
def test_a_value_is_replaced(value: Any, new: Any, data: st.DataObject) -> None:
    theirs, ours = TypedLeafs(value), Leafs(value)
    pointers = [pointer for pointer, _ in ours.leafs()]
    assume(pointers)
    pointer = data.draw(st.sampled_from(pointers))
    ours.replace(pointer, new)
    theirs.replace(jsonpointer.JsonPointer(pointer.path), new)
    assert exact(ours.json()) == exact(theirs.json())
    assert exact(pointer.get(ours.typed())) == exact(TypedLeafs(new).typed())


# Parts of templates: fields of all kinds, and what str.format refuses.
FIELDS = [
    "{a}",
    "{w}",
    "{l}",
    "{d}",
    "{d[b]}",
    "{d[c][0]}",
    "{n}",
    "{f:.3f}",
    "{a!r}",
    "{a:{w}}",
    "{a:>{w}}",
    "{}",
    "{0}",
    "{1}",
    "{:{}}",
    "{0:{1}}",
    "{value}",
    "{",
    "}",
    "{{",
    "}}",
    "text",
    "{a:{{",
    "{t:d}",
    "{l[0]}",
    "{d[x]}",
    "{a[0]}",
    "{zz}",
    "{!r}",
    "{[0]}",
    "{2[0]}",
    "{value!s:>4}",
    "{a:{{x}}}",
    "{a:{w:{w}}}",
    "{a!x}",
    "{:>5}",
    "{0!r:{1}}",
    "{f:}}",
    "{a:}",
    "{00}",
    "{w:{f}}",
]
PARAMETERS: list[Any] = [
    {"a": "x", "w": 5, "l": [1, "y", [2]], "d": {"b": "q", "c": [1]}, "n": None, "f": 1.5, "t": True, "0": "zero"},
    ["p", 3, [4, 5]],
    "s",
    7,
]


def formatted(text: str, parameters: Any) -> str:
    """Return what the handlers of packtivity make of a command."""
    if isinstance(parameters, dict):
        return text.format(**{name: template.joined(value) for name, value in parameters.items()})
    if isinstance(parameters, list):
        return text.format(*map(template.joined, parameters))
    return text.format(value=parameters)


def in_pieces(text: str, parameters: Any) -> str:
    """Return the pieces and the fields of a template as one text."""
    parsed = template.parse(text)
    fields = parsed.texts(parameters)
    return parsed.pieces[0] + "".join(a + b for a, b in zip(fields, parsed.pieces[1:], strict=True))


def outcome(function: Any, text: str, parameters: Any) -> str | None:
    """Return the text, or None if there is none."""
    try:
        made: str = function(text, parameters)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return made


@given(st.lists(st.sampled_from(FIELDS) | TEXTS, max_size=4), st.sampled_from(PARAMETERS))
def test_fields_and_pieces_are_what_str_format_makes(parts: list[str], parameters: Any) -> None:
    text = "".join(parts)
    assert outcome(in_pieces, text, parameters) == outcome(formatted, text, parameters)
