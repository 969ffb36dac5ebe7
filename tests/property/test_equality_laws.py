"""Laws of equality: equal analyses compile to equal workflows, with equal hashes and equal files."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reana_batch import pipeline
from reana_batch.compilation import Compilation, Options
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.ir import Workflow
from reana_batch.site import Site

from .test_workflow_laws import BACKENDS, SITES, lowered, texts, workflows


def rebuilt(value: Any, place: Callable[[Place], Place] = lambda found: Place(*found)) -> Any:
    """Return an equal value made of new objects. ``place`` may replace the places in it."""
    if isinstance(value, Place):
        return place(value)
    if isinstance(value, tuple):
        parts = [rebuilt(each, place) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, Mapping):
        return MappingProxyType({key: rebuilt(each, place) for key, each in value.items()})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return dataclasses.replace(value, **{name: rebuilt(getattr(value, name), place) for name in names})
    return value


@given(workflows(), BACKENDS, SITES)
def test_equal_workflows_compile_to_equal_workflows(workflow: Workflow, backend: str, site: Site) -> None:
    twin = rebuilt(workflow)
    assert twin is not workflow
    assert (twin, hash(twin)) == (workflow, hash(workflow))
    first, second = (lowered(each, backend, site) for each in (workflow, twin))
    assert first.workflow == second.workflow
    assert hash(first.workflow) == hash(second.workflow)
    assert texts(first) == texts(second)


# --- analyses whose keys have another order --------------------------------------------------------

STEPS = st.fixed_dictionaries(
    {
        "environment": st.sampled_from(["docker.io/library/debian:12", "a/b:1"]),
        "commands": st.lists(
            st.sampled_from(["true", "echo ${a}", "echo ${b} ${c}", "touch x"]), min_size=1, max_size=3
        ),
    },
    optional={
        "kubernetes_memory_limit": st.sampled_from(["1Gi", "512Mi"]),
        "kubernetes_job_timeout": st.sampled_from([60, 3600]),
        "slurm_time": st.just("10"),
        "slurm_partition": st.just("short"),
        "htcondor_max_runtime": st.sampled_from(["60", "workday"]),
    },
)
ANALYSES = st.fixed_dictionaries(
    {
        "inputs": st.just({"parameters": {"a": 1, "b": "two", "c": 3.5}}),
        "outputs": st.just({"files": ["x"], "directories": ["y"]}),
        "workflow": st.fixed_dictionaries(
            {"type": st.just("serial"), "specification": st.fixed_dictionaries({"steps": st.lists(STEPS, min_size=1)})},
            optional={"resources": st.just({"cvmfs": ["a.cern.ch", "b.cern.ch"]})},
        ),
    }
)


@st.composite
def shuffled(draw: st.DrawFn, value: Any) -> Any:
    """Return an equal value whose mappings have their keys in another order."""
    if isinstance(value, list):
        return [draw(shuffled(each)) for each in value]
    if isinstance(value, dict):
        return {key: draw(shuffled(value[key])) for key in draw(st.permutations(list(value)))}
    return value


def compiled(path: Path, analysis: Any, backend: str) -> Compilation:
    """Return the compilation of an analysis. All of its places are in one line."""
    path.write_text(json.dumps(analysis), "utf-8")
    return pipeline.compile_spec(path, Options(backend=backend, ignore_unsupported=True), Diagnostics())


@settings(max_examples=50)
@given(st.data(), ANALYSES, BACKENDS)
def test_the_order_of_keys_does_not_matter(data: st.DataObject, analysis: Any, backend: str) -> None:
    other = data.draw(shuffled(analysis))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "reana.yaml"
        first, again, moved = (compiled(path, each, backend) for each in (analysis, analysis, other))
        assert (first.workflow, hash(first.workflow)) == (again.workflow, hash(again.workflow))
        without_columns = [
            rebuilt(each.workflow, lambda place: Place(place.file, place.line)) for each in (first, moved)
        ]
        assert without_columns[0] == without_columns[1]
        assert hash(without_columns[0]) == hash(without_columns[1])
        assert texts(first) == texts(again) == texts(moved)
