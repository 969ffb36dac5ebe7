"""The latest times at which jobs may start and end."""

from __future__ import annotations

from reana_batch.diagnostics import Place
from reana_batch.ir import Need, Placed, Resources, Script, Step, Workflow, literal
from reana_batch.lifetimes import Latest, latest
from tests.steps import Numbers


def step(name: str, runtime: int | None, *needs: str, rows: int = 1, chunk: int = 1, commands: int = 1) -> Step:
    place = Place("reana.yaml", 1)
    return Step(
        name=name,
        label=name.upper(),
        origin=place,
        action=Script((literal("true", place),) * commands),
        needs=tuple(map(Need, needs)),
        table=Numbers(rows),
        placed=Placed(resources=Resources(runtime=runtime), chunk_size=chunk),
    )


def test_the_longest_way_counts() -> None:
    flow = Workflow(
        "w", "serial", (step("d", 5, "b", "c"), step("a", 10), step("b", 20, "a"), step("c", 7, "a", rows=9, chunk=3))
    )
    assert latest(flow, 0, lambda _: 1) == {
        "a": Latest(0, 10),
        "b": Latest(10, 30),
        "c": Latest(10, 31),
        "d": Latest(31, 36),
    }


def test_each_job_waits_in_the_queue_and_may_be_tried_again() -> None:
    flow = Workflow("w", "serial", (step("a", 10, commands=2), step("b", 1, "a")))
    assert latest(flow, 100, lambda step: {"a": 3, "b": 2}[step.name]) == {"a": Latest(100, 160), "b": Latest(260, 262)}


def test_a_step_without_a_limit_makes_all_that_follows_a_guess() -> None:
    flow = Workflow("w", "serial", (step("a", None), step("b", 3, "a"), step("c", 1)))
    assert latest(flow, 0, lambda _: 1) == {"a": Latest(0, 0, "A"), "b": Latest(0, 3, "A"), "c": Latest(0, 1)}
