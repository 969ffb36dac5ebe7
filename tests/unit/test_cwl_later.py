"""The expansions of a CWL workflow, and what their planners find."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reana_batch import frontends
from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.cwl import later
from reana_batch.frontends.cwl.graph import graph
from reana_batch.frontends.cwl.process import Reading
from reana_batch.frontends.cwl.records import (
    EndRecord,
    JobRecord,
    Part,
    PendingRecord,
    StepRecord,
    TaskRecord,
    ValueRecord,
)
from reana_batch.ir import Expansion
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.spec import Spec

PLACE = ("flow.cwl", 7, 1)


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    (tmp_path / "flow.cwl").touch()
    (tmp_path / "reana.yaml").write_text("workflow: {type: cwl, file: flow.cwl, resources: {kerberos: true}}\n")
    return read_spec(tmp_path / "reana.yaml", frontends.FRONTENDS, Diagnostics())


def out(job: str, port: str = "files") -> dict[str, Any]:
    return {"$out": [job, port]}


def after(pending: str, port: str = "files") -> dict[str, Any]:
    return {"$later": [pending, port]}


def reading(jobs: dict[str, Any], pending: dict[str, Any], tasks: Sequence[Any] = ("frozen",)) -> Reading:
    """Return jobs and pending records, each with one input. A record's label is its name without an index."""
    found = Reading(tasks=[TaskRecord(task) for task in tasks])
    for name, value in jobs.items():
        found.values.append(ValueRecord(value))
        label = name.partition("[")[0]
        if label not in [each.label for each in found.steps]:
            nothing = (None,) * 5
            found.steps.append(StepRecord(label, PLACE, 0, "", False, [], *nothing, True))
        number = [each.label for each in found.steps].index(label)
        found.jobs.append(JobRecord(number, name, {"in": len(found.values) - 1}))
    for name, value in pending.items():
        found.values.append(ValueRecord(value))
        label = name.partition("[")[0]
        task = len(found.pending) % len(tasks)
        inputs = {"in": len(found.values) - 1}
        found.pending.append(PendingRecord(label, name, PLACE, f"how many {label} makes", task, inputs))
    return found


def expansions(spec: Spec, read: Reading, part: str = "") -> dict[str, Expansion]:
    folded = graph(read, part, with_outputs=not part)
    return {each.name: each for each in later.expansions(spec, read, folded, part)}


def parts(workspace: Path, expansion: Expansion, learned: Any = None) -> list[Part]:
    """Return what the planner finds in the workspace. The state goes through JSON, as in a run."""
    state = json.loads(json.dumps(expansion.state))
    said = Diagnostics()
    for path, content in (learned or {}).items():
        folders = "/".join(f"expansions/{name}" for name in path.split("/"))
        write(workspace.parent, f"{folders}/batch/learned.json", **{path: content})
    found = later.parts({"state": state, "workspace": str(workspace)}, said)
    said.stop_if_errors()
    return found


def write(workspace: Path, result: str, **ports: Any) -> None:
    (workspace / result).parent.mkdir(parents=True, exist_ok=True)
    (workspace / result).write_text(json.dumps(ports))


def test_a_pending_step_is_an_expansion_after_its_sources(spec: Spec) -> None:
    (found,) = expansions(spec, reading({"split": 1, "other": 2}, {"fit": out("split")})).values()
    assert (found.name, found.label, str(found.origin), found.needs) == ("fit.rest", "fit", "flow.cwl:7", ("split",))
    assert found.reason == "how many fit makes"
    assert found.state["part"] == "fit.rest"
    assert found.credentials == {"kerberos"}


def test_the_place_of_a_step_does_not_depend_on_that_of_the_analysis(spec: Spec) -> None:
    read = reading({}, {"fit": 1})
    read.pending = [each._replace(place=(str(spec.directory / "code/flow.cwl"), 7, 1)) for each in read.pending]
    (found,) = expansions(spec, read).values()
    assert found.state["parts"][0][2] == ["code/flow.cwl", 7, 1]


def test_a_pending_step_can_wait_for_another(spec: Spec) -> None:
    found = expansions(spec, reading({"split": 1}, {"fit": out("split"), "plot": after("fit")}))
    assert {name: each.needs for name, each in found.items()} == {"fit.rest": ("split",), "plot.rest": ("fit.rest",)}


def test_each_slice_is_an_expansion_of_its_own(spec: Spec) -> None:
    pending = {f"fit[{n}]": out(f"split[{n}]") for n in range(3)}
    found = expansions(spec, reading({f"split[{n}]": n for n in range(3)}, pending))
    assert list(found) == ["fit.rest", "fit.rest2", "fit.rest3"]
    assert [len(each.state["parts"]) for each in found.values()] == [1, 1, 1]


def test_many_slices_are_one_expansion(spec: Spec) -> None:
    pending = {f"fit[{n}]": out(f"split[{n}]") for n in range(21)}
    (found,) = expansions(spec, reading({f"split[{n}]": n for n in range(21)}, pending, ["first", "second"])).values()
    assert found.needs == ("split",)
    assert found.state["tasks"] == ["first", "second"]
    assert [part[0] for part in found.state["parts"]] == [f"fit[{n}]" for n in range(21)]


def test_many_slices_in_a_chain_are_expansions_by_depth(spec: Spec) -> None:
    pending = {f"fit[{n}]": after(f"fit[{n - 1}]") if n else out("split") for n in range(22)}
    found = expansions(spec, reading({"split": 1}, pending))
    assert len(found) == 22
    assert found["fit.rest3"].needs == ("fit.rest2",)


def test_credentials_of_the_frozen_step_are_kept(spec: Spec) -> None:
    task = {"hints": [{"class": "reana", "voms_proxy": True}]}
    (found,) = expansions(spec, reading({}, {"fit": 1}, [task])).values()
    assert found.credentials == {"kerberos", "voms_proxy"}


def test_an_expansion_in_another_has_its_path(spec: Spec) -> None:
    (found,) = expansions(spec, reading({"split": 1}, {"fit": out("split")}), "outer.rest").values()
    assert found.state["part"] == "outer.rest/fit.rest"
    assert found.state["values"] == [out("cwl/outer.rest/split/0")]


# --- in the run ----------------------------------------------------------------------------------


def test_a_planner_reads_the_results(spec: Spec, tmp_path: Path) -> None:
    (found,) = expansions(spec, reading({"split": 1}, {"fit": out("split")})).values()
    write(tmp_path, "cwl/split/0.json", files=[{"class": "File", "location": "workspace:cwl/split/0/a"}])
    inputs = {"in": [{"class": "File", "location": "workspace:cwl/split/0/a"}]}
    assert parts(tmp_path, found) == [Part("fit", "fit", "frozen", inputs)]


def test_what_an_expansion_has_found_leads_to_results(spec: Spec, tmp_path: Path) -> None:
    *_, plot = expansions(spec, reading({"split": 1}, {"fit": out("split"), "plot": after("fit")})).values()
    workspace = tmp_path / "workspace"
    write(workspace, "cwl/fit.rest/one/0.json", limit=5)
    inner = {"fit.rest/more.rest": {"more[1]": {"limit": 7}}}
    listed = {"$items": [out("cwl/fit.rest/one/0", "limit"), after("fit.rest/more.rest:more[1]", "limit")]}
    (part,) = parts(workspace, plot, {"fit.rest": {"fit": {"files": listed}}} | inner)
    assert part.inputs == {"in": [5, 7]}


def test_a_result_that_looks_like_a_name_of_a_result_stays_a_value(spec: Spec, tmp_path: Path) -> None:
    (found,) = expansions(spec, reading({"split": 1}, {"fit": out("split")})).values()
    write(tmp_path, "cwl/split/0.json", files={"$known": {"$out": ["no", "job"]}})
    (part,) = parts(tmp_path, found)
    assert part.inputs == {"in": {"$known": {"$out": ["no", "job"]}}}


def test_a_choice_that_cannot_be_made_is_shown_at_the_step(spec: Spec, tmp_path: Path) -> None:
    picked = {"$picked": ["the_only_non_null", {"$items": [out("split"), out("split", "more")]}]}
    (found,) = expansions(spec, reading({"split": 1}, {"fit": picked})).values()
    write(tmp_path, "cwl/split/0.json", files=1, more=2)
    said = Diagnostics()
    state = {"state": found.state, "workspace": str(tmp_path)}
    assert later.parts(state, said) == []
    (fault,) = said
    assert fault.message == "pickValue: the_only_non_null finds 2 values that are not null."
    assert str(fault.place) == "flow.cwl:7"


def test_a_result_that_is_not_there_is_shown_at_the_step(spec: Spec, tmp_path: Path) -> None:
    (found,) = expansions(spec, reading({"split": 1}, {"fit": out("split")})).values()
    said = Diagnostics()
    assert later.parts({"state": found.state, "workspace": str(tmp_path)}, said) == []
    (fault,) = said
    assert fault.message == "The result of cwl/split/0 cannot be read: No such file or directory."
    assert str(fault.place) == "flow.cwl:7"


def test_an_expansion_leaves_what_it_has_found() -> None:
    read = reading({"one": 1}, {"more": out("one")})
    read.end = EndRecord({"fit": {"files": {"$items": [out("one"), after("more")]}}}, "")
    folded = graph(read, "fit.rest", with_outputs=False)
    files = {"$items": [out("cwl/fit.rest/one/0"), after("fit.rest/more.rest:more")]}
    assert later.learned(read, folded, "fit.rest") == {"fit.rest": {"fit": {"files": files}}}
