"""The rule on the calls of a submission: when it is broken, where that is told, and what brings the calls below it."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reana_batch import backends
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.call_rate import check_calls, effects, seconds_of_calls
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import Diagnostic, Diagnostics, Place
from reana_batch.ir import Need, Repeated, Step, Workflow, literal
from reana_batch.passes import fused
from reana_batch.passes.context import Context
from reana_batch.site import Limits, Site
from tests.steps import make_step


def step(name: str, line: int, rows: int = 1, **fields: Any) -> Step:
    place = Place("reana.yaml", line)
    return make_step(name, (literal(name, place),), place, **{"table": Repeated(rows), **fields})


def compiled(steps: tuple[Step, ...], limits: Limits, backend: str = "slurm", size: int = 1001) -> Compilation:
    own = {"slurm": SlurmSettings(max_array_size=size)}
    site = Site(name="here", limits=limits, systems=own, sources={"limits.call_burst": "https://a.b/c"})
    return Compilation(Workflow("w", "serial", steps), site, backends.lowering(backend).target(site))


def told(steps: tuple[Step, ...], limits: Limits, **words: Any) -> list[Diagnostic]:
    compilation = compiled(steps, limits, **words)
    check_calls(compilation, partial(fused, context=Context(compilation.target, compilation.site, Diagnostics())))
    return list(compilation.diagnostics)


ARRAYS = (step("a", 1, 3), step("b", 2, 21))


def test_a_submission_that_just_keeps_the_rule_is_not_told() -> None:
    # Of arrays of ten rows there are 1 and 3. One finaliser and two calls of scontrol are added.
    assert compiled(ARRAYS, Limits(), size=10).footprint().all_calls == 4 + 1 + 2
    assert told(ARRAYS, Limits(call_burst=7), size=10) == []
    [warning] = told(ARRAYS, Limits(call_burst=6, calls_per_second=0.5), size=10)
    assert (warning.code, str(warning.place)) == ("over-limit", "reana.yaml:2")
    assert warning.message == (
        "The submission makes 7 calls of sbatch and scontrol. Where calls are limited, here takes 6 at once and then"
        " 0.5 a second."
    )
    assert str(warning.hint) == (
        "join rows, with --rows-per-job 2 or more; calls that are too many wait, and try again by themselves."
        " The rule is from https://a.b/c"
    )


def test_a_limit_alone_and_other_batch_systems() -> None:
    [warning] = told(ARRAYS, Limits(call_burst=1))
    assert warning.message.endswith("Where calls are limited, here takes 1 at once.")
    assert str(warning.hint).startswith("calls that are too many wait")
    assert told(ARRAYS, Limits(calls_per_second=1)) == []
    for backend in ("make", "htcondor"):
        assert told(ARRAYS, Limits(call_burst=1, calls_per_second=1), backend=backend) == []


def test_nodes_of_another_system_count() -> None:
    guest = step("g", 7, 5).with_placed(target=backends.lowering("slurm").TARGET, bundle=2)
    [warning] = told((step("a", 1), guest), Limits(call_burst=3), backend="htcondor")
    assert str(warning.place) == "reana.yaml:7"
    assert warning.message.startswith("The submission makes 4 calls of condor_submit_dag and sbatch.")


def chain(length: int) -> tuple[Step, ...]:
    needs = [(), *((Need(f"s{number}"),) for number in range(length))]
    return tuple(step(f"s{number}", number + 1, group=1, needs=needs[number]) for number in range(length))


def test_commands_of_a_step_are_fused() -> None:
    [warning] = told(chain(40), Limits(call_burst=30))
    assert str(warning.hint).startswith("join the commands of steps, with --fuse; calls that")


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(1, 12), st.integers(1, 60), st.booleans())
def test_the_cure_works(rows: list[int], size: int, burst: int, chained: bool) -> None:
    steps = chain(len(rows)) if chained else tuple(step(f"s{n}", n + 1, count) for n, count in enumerate(rows))
    limits = Limits(call_burst=burst)
    warnings = told(steps, limits, size=size)
    assert len(warnings) == (compiled(steps, limits, size=size).footprint().all_calls > burst)
    for warning in warnings:
        hint = str(warning.hint)
        if found := re.search(r"--rows-per-job ([\d,]+)", hint):
            number = int(found[1].replace(",", ""))
            cured, less = (
                tuple(each.with_placed(chunk_size=size_of) for each in steps) for size_of in (number, number - 1)
            )
            assert told(cured, limits, size=size) == []
            assert number == 1 or told(less, limits, size=size)
        elif "--fuse" in hint:
            compilation = compiled(steps, limits)
            context = Context(compilation.target, compilation.site, Diagnostics())
            assert told(fused(compilation.workflow, context).steps, limits, size=size) == []


@pytest.mark.parametrize(
    ("burst", "rate", "seconds"), [(7, 2, 0), (6, 2, 0.5), (3, 0.25, 16), (None, 2, 0), (3, None, 0)]
)
def test_the_time_of_a_submission(burst: int | None, rate: float | None, seconds: float) -> None:
    compilation = compiled(ARRAYS, Limits(call_burst=burst, calls_per_second=rate), size=10)
    footprint = compilation.footprint()
    assert seconds_of_calls(footprint, compilation.site.limits) == seconds
    texts = effects(compilation, footprint)
    assert bool(texts) == bool(seconds)
    if seconds > 1:
        sentence = "Where Slurm limits calls, the 7 calls of the submission take 16 s or more."
        assert texts == {"limits.calls_per_second": sentence}


def test_each_call_for_a_step_is_counted_once() -> None:
    footprint = compiled(ARRAYS, Limits(), size=10).footprint()
    assert footprint.calls_of == {"a": 1, "b": 3}
    assert replace(footprint, calls={}).all_calls == 0
