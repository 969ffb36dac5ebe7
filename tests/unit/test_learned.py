"""Facts that compilations leave for expansions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reana_batch import layout
from reana_batch.diagnostics import Refused
from reana_batch.ir import Workflow
from reana_batch.run import learned
from reana_batch.run.manifest import ExpansionEntry, Manifest, StepEntry, lines

EMPTY = Workflow("w", "serial", ())


def part(directory: Path, facts: dict[str, Any], **needs: tuple[str, ...]) -> Path:
    """Write a part of a run: its facts, and its expansions with what each waits for. ``work`` is a step."""
    steps = [StepEntry(name, name, name, "reana.yaml:1", 1, 1, before) for name, before in needs.items()]
    expansions = tuple(ExpansionEntry(name, name, "reana.yaml:1", "files") for name in needs if name != "work")
    (directory / "batch").mkdir(parents=True)
    (directory / layout.MANIFEST).write_text("".join(lines(Manifest("make", expansions=expansions), steps)))
    for file in learned.files(replace(EMPTY, learned=facts)):
        (directory / file.path).write_text("".join(file.text))
    return directory


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with expansions that wait for each other, also through a step, and for nothing."""
    made = part(tmp_path / "run", {"run": 1}, a=(), b=(), work=("a",), c=("work",), d=("c",))
    part(made / "expansions/a", {"a": 1, "same": "a"}, inner=())
    part(made / "expansions/a/expansions/inner", {"inner": 1})
    part(made / "expansions/b", {"b": 1})
    part(made / "expansions/c", {"c": 1, "same": "c"}, inner=(), later=("inner",))
    part(made / "expansions/c/expansions/inner", {"inner": 2})
    return made


@pytest.mark.parametrize(
    ("folder", "expansion", "expected"),
    [
        ("", "b", {"run": 1}),
        ("", "c", {"run": 1, "a": 1, "same": "a", "inner": 1}),
        ("", "d", {"run": 1, "a": 1, "same": "c", "inner": 2, "c": 1}),
        ("expansions/c", "inner", {"run": 1, "a": 1, "same": "c", "inner": 1, "c": 1}),
        ("expansions/c", "later", {"run": 1, "a": 1, "same": "c", "inner": 2, "c": 1}),
    ],
)
def test_facts_of_what_is_around_an_expansion_and_before_it(
    run: Path, folder: str, expansion: str, expected: dict[str, Any]
) -> None:
    assert learned.known(run / folder, expansion, folder.count("expansions")) == expected


def test_equal_facts_give_equal_bytes() -> None:
    first, second = (replace(EMPTY, learned=facts) for facts in ({"b": [1], "a": "µ"}, {"a": "µ", "b": [1]}))
    ((text,), (same,)) = ([file.text for file in learned.files(each)] for each in (first, second))
    assert text == same
    assert json.loads("".join(text)) == {"a": "µ", "b": [1]}
    assert list(learned.files(EMPTY)) == []


def test_damaged_facts_are_named(run: Path) -> None:
    (run / "batch/learned.json").write_text("[]")
    with pytest.raises(Refused, match="is damaged"):
        learned.known(run, "b", 0)
