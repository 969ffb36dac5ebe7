"""Laws of the manifest and of records:

what was written can be read. A damaged one is refused or read, and never crashes.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reana_batch.diagnostics import Refused
from reana_batch.run import manifest
from reana_batch.run.manifest import Amounts, ExpansionEntry, Manifest, StepEntry
from reana_batch.run.records import RowRecord, read_record

# Characters that UTF-8 can encode.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
NAME = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_~-]{0,5}", fullmatch=True)
COUNT = st.integers(1, 10**9)
AMOUNT = st.none() | st.integers(1, 2**60)
AMOUNTS = st.builds(Amounts, AMOUNT, AMOUNT)
EXPANSION = st.builds(ExpansionEntry, NAME, TEXT, TEXT, TEXT)


@st.composite
def steps(draw: st.DrawFn, name: str, names: list[str]) -> StepEntry:
    """Return an entry with this name that needs some of these steps."""
    rows = draw(st.integers(1, 4) | COUNT)
    few = rows <= 4
    own = st.sampled_from([0, rows]) if few else st.just(0)
    origins, labels = draw(own), draw(own)
    backend = draw(st.sampled_from(["", "slurm"]))
    return StepEntry(
        name=name,
        label=draw(TEXT),
        folder=draw(st.sampled_from([name, f"1/{name}"])),
        origin=draw(TEXT),
        rows=rows,
        chunk_size=draw(COUNT),
        needs=tuple(draw(st.lists(st.sampled_from(names), max_size=3))),
        environment=draw(TEXT),
        outputs=draw(TEXTS),
        row_origins=tuple(draw(TEXT) for _ in range(origins)),
        row_names=tuple((draw(TEXT), draw(TEXT)) for _ in range(labels)),
        backend=backend,
        bundle=draw(COUNT) if backend else 1,
        asks=draw(AMOUNTS),
        commands=draw(COUNT),
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    names = draw(st.lists(NAME, max_size=4, unique=True))
    return Manifest(
        backend=draw(TEXT),
        workflow=draw(TEXT),
        type=draw(TEXT),
        made_by=draw(TEXT),
        inputs=draw(TEXTS),
        tests=draw(TEXTS),
        output_files=draw(TEXTS),
        output_directories=draw(TEXTS),
        expansions=tuple(draw(st.lists(EXPANSION, max_size=2))),
        steps=tuple(draw(steps(name, names)) for name in names),
        limits=draw(AMOUNTS),
    )


def read(text: str) -> Manifest:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.json"
        path.write_text(text, "utf-8", newline="")
        return manifest.read(path)


@given(manifests())
def test_what_was_written_is_read_again(made: Manifest) -> None:
    text = "".join(manifest.lines(made, made.steps))
    assert read(text) == made
    # One line per step, so that the writer holds only one step in memory.
    assert len(list(manifest.lines(made, made.steps))) == len(made.steps) + 2


@given(manifests())
def test_questions_about_rows_agree(made: Manifest) -> None:
    for step in made.steps:
        if step.rows <= 4:
            chunks = [step.chunk(number) for number in range(step.chunks)]
            assert [row for rows in chunks for row in rows] == list(range(step.rows))
            assert all(step.chunk_of(row) == number for number, rows in enumerate(chunks) for row in rows)
            assert [chunk for node in step.nodes() for chunk in node] == list(range(step.chunks))
            labels = [step.row_label(row) for row in range(step.rows)]
            assert labels == [label for label, _ in step.row_names] or {*labels} == {step.label}
            assert all(isinstance(step.row_origin(row), str) for row in range(step.rows))


VALUE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container in a JSON value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@given(manifests(), st.data())
def test_damaged_manifests_are_refused_or_read(made: Manifest, data: st.DataObject) -> None:
    record = json.loads("".join(manifest.lines(made, made.steps)))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(record)))
        if data.draw(st.booleans()):
            container[key] = data.draw(VALUE)
        else:
            del container[key]
    with contextlib.suppress(Refused):
        check_types(read(json.dumps(record)))


@given(VALUE | st.text(max_size=20))
def test_anything_else_is_refused(value: Any) -> None:
    with contextlib.suppress(Refused):
        raise AssertionError(read(value if isinstance(value, str) else json.dumps(value)))


@given(manifests(), st.data())
def test_a_manifest_that_was_cut_short_is_refused(made: Manifest, data: st.DataObject) -> None:
    text = "".join(manifest.lines(made, made.steps))
    cut = data.draw(st.integers(0, len(text) - 2))  # the last character is a line break
    with contextlib.suppress(Refused):
        raise AssertionError(read(text[:cut]))


def check_types(found: Manifest) -> None:
    """Check that each question to a manifest works on this one."""
    names = found.steps_by_name()
    assert isinstance(found.backend, str)
    assert all(isinstance(each, str) for each in (*found.outputs, *found.tests, *found.inputs))
    for step in found.steps:
        assert names[step.name] is step
        assert all(need in names for need in step.needs)
        assert step.chunk(step.chunk_of(step.rows - 1))[-1] == step.rows - 1
        for row in (0, step.rows - 1):
            assert isinstance(step.row_label(row) + step.row_origin(row) + step.stem(row), str)


LINE = st.tuples(
    st.sampled_from(["row", "started", "ended", "exit_code", "command", "host", "reason", "detail", "x", ""]),
    st.sampled_from(["=", "", "=="]),
    st.sampled_from(["1", "-1", "", "9" * 5000, "²", "٣", "text", "a=b", "\0"]),
).map("".join)


@given(st.lists(LINE, max_size=6).map("\n".join) | st.text(max_size=20))
def test_any_record_is_read(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0.failed"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        record = read_record(path, RowRecord(host="here"))
    assert all(isinstance(number, int) for number in (record.started, record.ended, record.exit_code, record.command))
    assert all(isinstance(word, str) for word in (record.host, record.reason, record.detail))
