"""The example in the docstring of each pass, and the reason for its place in the order."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reana_batch import backends, ir, passes
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.facts import Facts
from reana_batch.ir import Step, Workflow, literal
from reana_batch.passes.context import Context
from reana_batch.site import Limits, Site
from tests.steps import make_step

Pass = Callable[[Workflow, Context], Workflow]


def at(line: int) -> Place:
    return Place("reana.yaml", line)


def step(name: str, **fields: Any) -> Step:
    return make_step(name, (literal(name, at(1)),), at(1), **fields)


def workflow(*steps: Step) -> Workflow:
    return Workflow("w", "serial", steps)


def context(site: Site | None = None, **choices: Any) -> Context:
    return Context(backends.lowering("make").target(site or Site()), site or Site(), Diagnostics(), **choices)


NAMES = {each.__name__: each for each in (at, step, workflow, context, replace, Limits, Site, Facts)}


@pytest.mark.parametrize("a_pass", passes.PASSES, ids=lambda a_pass: a_pass.__name__)
def test_example_of_a_pass(a_pass: Pass) -> None:
    names = {**vars(ir), **NAMES, a_pass.__name__: a_pass}
    text = inspect.getdoc(a_pass) or ""
    example = doctest.DocTestParser().get_doctest(text, names, a_pass.__name__, None, None)
    assert example.examples, "a pass shows what it does"
    told: list[str] = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert "".join(told) == ""


def test_each_place_in_the_order_has_a_reason() -> None:
    """A comment at each row of PASSES gives the reason for the place of the pass."""
    source = inspect.getsource(passes)
    rows = re.findall(r"^    (\w+),(?:  # (.+))?$", source[source.index("PASSES:") :], re.MULTILINE)
    assert [name for name, _ in rows] == [a_pass.__name__ for a_pass in passes.PASSES]
    assert [name for name, reason in rows if not reason] == []
