"""Pictures of a workflow that Graphviz draws."""

from __future__ import annotations

import sys

import pytest

from reana_batch.diagnostics import Place, Refused
from reana_batch.ir import Need, Workflow, literal
from reana_batch.report import pictures
from tests.steps import make_step

HERE = Place("reana.yaml", 1)
WORKFLOW = Workflow(
    "w",
    "serial",
    (
        make_step("gen", (literal("echo", HERE),), HERE),
        make_step("fit", (literal("echo", HERE),), HERE, needs=(Need("gen"),)),
    ),
)


def test_a_drawing_shows_each_step_and_what_it_waits_for() -> None:
    drawn = pictures.drawing(WORKFLOW, "svg").decode()
    assert "<svg" in drawn
    assert [f"<title>{name}</title>" in drawn for name in ("gen", "fit", "gen&#45;&gt;fit")] == [True] * 3


def test_without_graphviz_another_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(Refused) as refused:
        pictures.drawing(WORKFLOW, "png")
    (fault,) = refused.value.diagnostics.errors
    assert (fault.code, fault.message) == ("missing-tool", "Graphviz is needed for png, but it is not installed.")
    assert "--format mermaid" in str(fault.hint)
