"""Laws of the expansion, by Hypothesis: random stages give the jobs and edges that Yadage's own engine submits."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import engine, ours

pytestmark = pytest.mark.usefixtures("measured")  # the reader is a process of its own

ENVIRONMENT = {"environment_type": "docker-encapsulated", "image": "docker.io/library/debian", "imagetag": "12"}
LISTS = [["p", "q"], [1, 2, 3], ["only"], [0.5, "mixed", 7, "more", 9]]


class Scope:
    """Stages of a workflow as they are drawn, and how later stages of the scope refer to their steps."""

    def __init__(self, draw: st.DrawFn, depth: int) -> None:
        self.draw = draw
        self.depth = depth
        self.stages: list[dict[str, Any]] = []
        self.selections: list[tuple[str, str]] = []  # stage, and a path to steps that it adds

    def values(self) -> tuple[Any, str]:
        """Return an expression that is a list, and the stage that it needs."""
        if bool(self.selections) and self.draw(st.booleans()):
            stage, path = self.draw(st.sampled_from(self.selections))
            flags = {name: True for name in ("flatten", "unwrap") if self.draw(st.integers(0, 4)) == 0}
            flags.pop("unwrap", None)  # of one step it is not a list
            return {"stages": path, "output": self.draw(st.sampled_from(["made", "given"])), **flags}, stage
        if self.draw(st.booleans()):
            return {"step": "init", "output": "items"}, "init"
        return self.draw(st.sampled_from(LISTS)), ""

    def add(self, name: str) -> None:
        """Draw a stage."""
        given, needed = self.values()
        tag, other = self.values() if self.draw(st.booleans()) else ({"step": "init", "output": "tag"}, "init")
        scheduler: dict[str, Any] = {"scheduler_type": "singlestep-stage", "parameters": {"items": given, "tag": tag}}
        if other and self.draw(st.booleans()):
            scheduler["parameters"]["tag"], other = "literal", ""
        if self.draw(st.booleans()):
            scheduler["scheduler_type"] = "multistep-stage"
            scheduler["parameters"]["tag"], other = self.values()
            scattered = self.draw(st.sampled_from([["tag"], ["items", "tag"]]))
            scheduler["scatter"] = {"method": self.draw(st.sampled_from(["zip", "cartesian"])), "parameters": scattered}
            if size := self.draw(st.sampled_from(["", "batchsize", "partitionsize"])):
                scheduler[size] = self.draw(st.integers(1, 3))
        waits = {each for each in (needed, other) if each}
        waits |= {stage["name"] for stage in self.stages if self.draw(st.integers(0, 3)) == 0}
        self.stages.append({"name": name, "dependencies": sorted(waits), "scheduler": scheduler})
        self.body(name, scheduler)

    def body(self, name: str, scheduler: dict[str, Any]) -> None:
        """Draw what the stage adds: a step, or a workflow whose list is not scattered."""
        is_list = "items" not in scheduler.get("scatter", {}).get("parameters", ()) or "batchsize" in scheduler
        if self.depth and is_list and self.draw(st.integers(0, 2)) == 0:
            inner = stages(self.draw, self.depth - 1, self.draw(st.integers(1, 3)))
            scheduler["workflow"] = {"stages": inner.stages}
            self.selections += [(name, f"{name}[*].{path}") for _, path in inner.selections]
            return
        scheduler["parameters"]["made"] = "{workdir}/made"
        scheduler["step"] = {
            "process": {"process_type": "string-interpolated-cmd", "cmd": "echo {tag} of {items} > {made}"},
            "environment": ENVIRONMENT,
            "publisher": {"publisher_type": "frompar-pub", "outputmap": {"made": "made", "given": "tag"}},
        }
        self.selections += [(name, name)]


def stages(draw: st.DrawFn, depth: int, count: int) -> Scope:
    """Draw the stages of a workflow, with workflows in them down to this depth."""
    scope = Scope(draw, depth)
    for number in range(count):
        scope.add(f"stage{'abcdef'[number]}")
    return scope


@st.composite
def workflows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return the stages of a workflow that Yadage accepts and that adds some jobs."""
    return stages(draw, 2, draw(st.integers(1, 4))).stages


def named(name: str, stages: Sequence[dict[str, Any]]) -> Iterator[tuple[list[str], str]]:
    """Yield the stages that the stages of a job name: the parts of the scope's directory, and the name."""
    parts = name.split("/")
    for depth, part in enumerate(parts):
        [stage] = [each for each in stages if each["name"] == part.partition("_")[0]]
        for dependency in stage["dependencies"]:
            yield parts[:depth], dependency
        stages = stage["scheduler"].get("workflow", {}).get("stages", [])


def allowed(theirs: Mapping[str, engine.Job], stages: Sequence[dict[str, Any]]) -> dict[str, frozenset[str]]:
    """Return by job the jobs that may be done before it: with those of the stages that its stages name."""
    found: dict[str, frozenset[str]] = {}

    def before(name: str) -> frozenset[str]:
        if name not in found:
            parents = set(theirs[name].parents)
            for scope, dependency in named(name, stages):
                for other in theirs:
                    parts = other.split("/")
                    if parts[: len(scope)] == scope and parts[len(scope)].partition("_")[0] == dependency:
                        parents.add(other)
            found[name] = frozenset(parents).union(*map(before, parents))
        return found[name]

    return {name: before(name) for name in theirs}


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(workflows())
def test_the_jobs_and_edges_are_those_of_yadage(drawn: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        analysis = Path(folder).resolve()
        # JSON is YAML.
        parameters = {"items": ["i1", "i2", "i3"], "tag": "t"}
        spec = {"inputs": {"parameters": parameters}, "workflow": {"type": "yadage", "file": "flow.yaml"}}
        (analysis / "flow.yaml").write_text(json.dumps({"stages": drawn}), "utf-8")
        (analysis / "reana.yaml").write_text(json.dumps(spec), "utf-8")
        jobs = ours.jobs(analysis)
        theirs = engine.run(analysis, jobs_run=False).jobs
    assert {name: job[:2] for name, job in jobs.items()} == engine.texts(theirs)
    least, most = engine.closed(theirs), allowed(theirs, drawn)
    for name, job in jobs.items():
        assert least[name] <= job.before <= most[name]
