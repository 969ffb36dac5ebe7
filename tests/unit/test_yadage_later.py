"""Which stages of a Yadage workflow are one expansion, and what it waits for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from reana_batch import frontends
from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.yadage import definition
from reana_batch.frontends.yadage.initial import Initial
from reana_batch.frontends.yadage.later import expansions, parts, past
from reana_batch.frontends.yadage.process import Reading
from reana_batch.frontends.yadage.records import GroupRecord, JobRecord, Past, PendingRecord, StageRecord
from reana_batch.frontends.yadage.steps import steps
from reana_batch.ir import Expansion
from reana_batch.reading.analysis import read_spec


def pending(name: str, nodes: str = "", *waits: int, scope: str = "", steps: str = "") -> PendingRecord:
    """Return a stage that waits for results of ``nodes``, pending stages of these numbers, and steps."""
    return PendingRecord(["stages", name], scope, name, name, nodes.split(), list(waits), steps.split())


def parted(*records: PendingRecord) -> list[str]:
    """Return each part as "STAGES < NODES < STEPS < NUMBERS OF PARTS". A stage waits for the steps that it names."""
    found = []
    for part in parts(records, [frozenset(record.parents) for record in records]):
        stages = " ".join(records[stage].name for stage in part.stages)
        waits = [" ".join(sorted(part.nodes)), " ".join(sorted(part.steps)), " ".join(map(str, sorted(part.after)))]
        found.append(" < ".join([stages, *filter(None, waits)]))
    return found


def test_stages_that_wait_for_the_same_nodes_are_one_part() -> None:
    assert parted(pending("a", "x y"), pending("b", "x"), pending("c", "y x")) == ["a c < x y", "b < x"]


def test_a_stage_that_waits_for_stages_of_a_part_belongs_to_it() -> None:
    assert parted(pending("a", "x"), pending("b", "x"), pending("c", "", 0, 1), pending("d", "", 2)) == ["a b c d < x"]


def test_a_node_that_the_part_waits_for_makes_no_new_part() -> None:
    assert parted(pending("sub", "make"), pending("end", "make", 0)) == ["sub end < make"]


def test_a_stage_that_joins_two_parts_is_a_part_after_them() -> None:
    found = parted(pending("a", "x"), pending("b", "y"), pending("limit", "", 0, 1), pending("plot", "", 2))
    assert found == ["a < x", "b < y", "limit plot < 0 1"]


def test_a_stage_with_a_node_of_its_own_waits_for_the_part_and_the_node() -> None:
    found = parted(pending("a", "x"), pending("b", "y", 0), pending("c", "y", 0), pending("d", "x y", 1))
    assert found == ["a < x", "b c d < y < 0"]


def test_a_part_that_another_one_waits_for_is_not_named_again() -> None:
    found = parted(pending("a", "x"), pending("b", "y"), pending("join", "", 0, 1), pending("end", "x", 0, 2))
    assert found == ["a < x", "b < y", "join end < 0 1"]


def test_a_stage_that_waits_for_other_jobs_does_not_delay_the_others() -> None:
    found = parted(
        pending("a", "x", steps="x"), pending("b", "x", steps="x long"), pending("c", "", 0, steps="x"),
        pending("d", "", 0, steps="x long"), pending("e", "", 3, steps="long"),
    )  # fmt: skip  # one line is one part
    assert found == ["a c < x < x", "b < x < long x", "d e < long < 0"]


def test_a_stage_may_come_before_those_that_it_waits_for() -> None:
    assert parted(pending("end", "", 1), pending("a", "x")) == ["a end < x"]


def test_scopes_wait_for_their_own_nodes() -> None:
    records = [pending("use", f"sub_{i}/split", scope=f"sub_{i}") for i in range(3)]
    found = parted(*records, pending("end", "", 0, 1, 2))
    assert found == ["use < sub_0/split", "use < sub_1/split", "use < sub_2/split", "end < 0 1 2"]


def test_a_stage_in_many_scopes_is_one_part() -> None:
    uses = [pending("use", f"sub_{i}/split", scope=f"sub_{i}") for i in range(30)]
    sums = [pending("sum", "", i, scope=f"sub_{i}") for i in range(30)]
    (part,) = parts([*uses, *sums, pending("end", "", *range(60))], [frozenset()] * 61)
    assert sorted(part.stages) == list(range(61))
    assert part.nodes == {f"sub_{i}/split" for i in range(30)}


# --- expansions -----------------------------------------------------------------------------------

START = Initial({"n": 1}, "data")
STAGES = ["make", "more", "other"]


class Flow:
    """A workflow with one job for each of ``STAGES``, and pending stages."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.resources: dict[str, Sequence[Any]] = {}  # by pending stage

    def expansions(
        self, *records: PendingRecord, groups: Sequence[GroupRecord] = (), before: Past | None = None
    ) -> tuple[Expansion, ...]:
        environment = {"environment_type": "localproc-env"}
        written = [
            {"step": {"environment": environment | {"resources": self.resources.get(each, [])}}}
            for each in [*STAGES, *(record.name for record in records)]
        ]
        (self.directory / "workflow.yaml").write_text(yaml.safe_dump({"stages": written}))
        analysis = {"inputs": {"files": ["workflow.yaml"]}, "workflow": {"type": "yadage", "file": "workflow.yaml"}}
        (self.directory / "reana.yaml").write_text(json.dumps(analysis))
        diagnostics = Diagnostics()
        spec = read_spec(self.directory / "reana.yaml", frontends.FRONTENDS, diagnostics)
        read = definition.read(spec, self.directory, diagnostics)
        assert read is not None
        reading = Reading(
            [
                StageRecord(["stages", n], name, "command", "", ["true"], [], environment, [])
                for n, name in enumerate(STAGES)
            ],
            [JobRecord(number, name, [], "", []) for number, name in enumerate(STAGES)],
            list(groups),
            [each._replace(path=["stages", len(STAGES) + n]) for n, each in enumerate(records)],
        )
        return expansions(spec, read, reading, steps(spec, read, reading, diagnostics), START, before)


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def state(expansion: Expansion) -> Mapping[str, Any]:
    """Return the past that an expansion keeps, as it is read again."""
    found: Mapping[str, Any] = json.loads(json.dumps(expansion.state))
    assert Initial(**found["start"]) == START
    return found["past"]  # type: ignore[no-any-return]  # it was JSON


def test_an_expansion_waits_for_its_nodes_and_the_stages_that_it_names(flow: Flow) -> None:
    (found,) = flow.expansions(
        pending("use", "make")._replace(parents=["both"]), groups=[GroupRecord("both", ["more"])]
    )
    assert (found.name, found.label, found.needs) == ("use.rest", "use", ("make", "more"))
    assert found.reason == "the files that make makes"
    assert found.origin.line > 1
    assert state(found) == {"stages": [["", "use"]], "done": ["make"], "finished": []}


def test_an_expansion_that_joins_others_waits_for_them(flow: Flow) -> None:
    first, second, join = flow.expansions(
        pending("a", "make"), pending("b", "more"), pending("limit", "", 0, 1), pending("plot", "", 2)
    )
    assert (join.name, join.needs) == ("limit.rest", (first.name, second.name))
    assert join.reason == "the results of a, b"
    assert state(join) == {
        "stages": [["", "limit"], ["", "plot"]], "done": ["make", "more"], "finished": [["", "a"], ["", "b"]],
    }  # fmt: skip  # one line is one expansion


def test_a_later_expansion_knows_the_past_of_those_around_it(flow: Flow) -> None:
    outer = {"state": {"past": {"stages": [["", "use"]], "done": ["x"], "finished": [["", "y"]]}}, "learned": {"x": 1}}
    (inner,) = flow.expansions(pending("again", "use/make", scope="use"), before=past(outer))
    assert inner.needs == ()
    assert inner.reason == "the files that use/make makes"
    assert state(inner) == {"stages": [["use", "again"]], "done": ["x", "use/make"], "finished": [["", "y"]]}
    assert past(outer).known == {"x": 1}


def test_expansions_of_a_stage_are_numbered(flow: Flow) -> None:
    records = [pending("use", f"sub_{n}/split", scope=f"sub_{n}") for n in range(2)]
    assert [each.name for each in flow.expansions(*records)] == ["use.rest", "use.rest2"]


def test_an_expansion_has_the_credentials_of_its_stages(flow: Flow) -> None:
    flow.resources = {"a": ["KRB5Auth", "CVMFS", {"kubernetes_memory_limit": "1Gi"}], "b": [{"rucio": True}, None]}
    first, second = flow.expansions(pending("a", "make"), pending("b", "more"))
    assert first.credentials == {"kerberos"}
    assert second.credentials == {"rucio"}
