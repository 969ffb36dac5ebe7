"""Laws of places: the reader gives every value and key its place, however YAML is laid out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from reana_batch.diagnostics import Diagnostics, Place, render
from reana_batch.reading.document import Document, DocumentPath, read_document

# YAML 1.1 knows line breaks that editors do not count as lines.
TEXTS = st.text(st.characters(exclude_characters="$\x85\u2028\u2029", exclude_categories=["Cs"]), max_size=20)
BREAKING = st.sampled_from([" ", "\n", "\n\n", "\n  ", " word" * 8, ": ", " #", "'", '"', "\\", "\t", ""])
STYLES = st.sampled_from([None, "'", '"', "|", ">"])


@st.composite
def marked_texts(draw: st.DrawFn) -> str:
    """Return a text in which the n-th $ is followed by n."""
    between = draw(st.lists(TEXTS | BREAKING, min_size=1, max_size=8))
    return between[0] + "".join(f"${number}_{text}" for number, text in enumerate(between[1:]))


def read(source: str, line_end: str = "\n", *, mark: bool = False) -> Document | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_bytes(("\ufeff" * mark + source.replace("\n", line_end)).encode())
        return read_document(path, "x.yaml", Diagnostics())


def text_at(document: Document, place: Place) -> str:
    lines = document.text.split("\n")
    return "\n".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]])


@given(
    marked_texts(),
    marked_texts(),
    STYLES,
    st.integers(20, 200),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_place_in_points_at_the_dollar_whenever_the_count_matches(
    text: str, other: str, style: str | None, width: int, allow_unicode: bool, line_end: str, mark: bool
) -> None:
    listed = {"before": other, "list": [other, text, other], "after": other}
    source = yaml.safe_dump(listed, default_style=style, width=width, allow_unicode=allow_unicode, sort_keys=False)
    document = read(source, line_end, mark=mark)
    assume(document is not None)
    assert document is not None
    path: DocumentPath = ["list", 1]
    value = document.data["list"][1]
    assert value.count("$") == text.count("$")
    for number in range(value.count("$")):
        place = document.place_in(path, value.index(f"${number}_"), 1)
        if document.source_of(path).count("$") == value.count("$"):
            assert text_at(document, place).startswith(f"${number}_")
        else:
            assert place == document.place(path)


KEYS = st.text(st.characters(categories=("L", "N"), include_characters="_-. "), min_size=1, max_size=8)
TREES = st.recursive(
    st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=8),
    lambda children: (
        st.lists(children, min_size=1, max_size=3) | st.dictionaries(KEYS, children, min_size=1, max_size=3)
    ),
    max_leaves=12,
)
Tree = str | list["Tree"] | dict[str, "Tree"]


def paths(tree: Tree, prefix: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all values below."""
    children: list[tuple[str | int, Tree]] = []
    if isinstance(tree, dict):
        children = list(tree.items())
    elif isinstance(tree, list):
        children = list(enumerate(tree))
    return [prefix, *(path for key, child in children for path in paths(child, (*prefix, key)))]


@given(
    st.dictionaries(KEYS, TREES, min_size=1, max_size=3), STYLES, st.sampled_from([True, False, None]), st.booleans()
)
def test_every_value_and_key_has_its_place(
    tree: dict[str, Tree], style: str | None, flow: bool | None, allow_unicode: bool
) -> None:
    source = yaml.safe_dump(tree, default_style=style, default_flow_style=flow, allow_unicode=allow_unicode)
    document = read(source)
    assert document is not None
    assert document.data == tree
    for path in paths(tree):
        source_here = text_at(document, document.place(path))
        assert source_here.startswith(document.source_of(path))
        if path and isinstance(path[-1], str):
            key = text_at(document, document.key_place(path)).removeprefix("? ").split("\n")[0]
            loader = yaml.SafeLoader(key)
            event = next(event for event in iter(loader.get_event, None) if isinstance(event, yaml.ScalarEvent))
            assert event.value == path[-1]


@given(
    st.binary(max_size=60)
    | st.text(st.sampled_from("ab:-[]{}*&!|>'\"%@`#?,<$~ \t\n\r.0\ufeff\x85"), max_size=40).map(str.encode)
)
def test_every_file_is_a_document_or_has_a_fault_with_its_place(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_bytes(raw)
        diagnostics = Diagnostics()
        document = read_document(path, "x.yaml", diagnostics)
    assert (document is None) == bool(diagnostics.errors)
    assert all(fault.place and fault.place.line >= 1 and fault.place.column >= 1 for fault in diagnostics)
    assert render(diagnostics, diagnostics.sources).startswith("x.yaml:") == bool(diagnostics.errors)
