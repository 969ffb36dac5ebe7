"""Steps that are made of the jobs of a CWL workflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reana_batch import frontends
from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.cwl.graph import graph
from reana_batch.frontends.cwl.process import Reading
from reana_batch.frontends.cwl.records import (
    CommandRecord,
    EndRecord,
    FileRecord,
    JobRecord,
    PendingRecord,
    StepRecord,
    TaskRecord,
    ValueRecord,
)
from reana_batch.frontends.cwl.steps import steps
from reana_batch.ir import Column, Need, Pattern, RowMapping, Step
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.spec import Spec

Made = dict[str, Step]


@pytest.fixture
def said() -> Diagnostics:
    return Diagnostics()


@pytest.fixture
def spec(tmp_path: Path, said: Diagnostics) -> Spec:
    (tmp_path / "flow.cwl").write_text("cwlVersion: v1.2\n")
    (tmp_path / "reana.yaml").write_text("workflow: {type: cwl, file: flow.cwl}\n")
    return read_spec(tmp_path / "reana.yaml", frontends.FRONTENDS, said)


@pytest.fixture
def make(spec: Spec, said: Diagnostics) -> Callable[..., Made]:
    """Return a function that makes steps of what was read, by their names."""

    def made(reading: Reading, part: str = "") -> Made:
        found = graph(reading, part, {each.name for each in reading.jobs}, with_outputs=not part)
        return {step.name: step for step in steps(spec, reading, found, part, said)}

    return made


def record(label: str = "fit", **fields: Any) -> StepRecord:
    """Return a step that asks for nothing."""
    standard: dict[str, Any] = {
        "label": label,
        "place": ("flow.cwl", 3, 5),
        "task": 0,
        "image": "",
        "image_required": False,
        "hints": [],
        "cpus": None,
        "memory": None,
        "disk": None,
        "runtime": None,
        "gpus": None,
        "command": True,
    }
    return StepRecord(**standard | fields)


def flow(jobs: dict[str, dict[str, Any]], *records: StepRecord, outputs: Any = None, later: str = "") -> Reading:
    """Return jobs with these inputs. A job belongs to the record with its label, which is its name without an index.

    The names in ``later`` are pending records.
    """
    reading = Reading(tasks=[TaskRecord({"frozen": 1})], end=EndRecord(outputs or {}, "v1.2"))
    plain = [name.partition("[")[0] for name in jobs]
    reading.steps = list(records) or [record(label) for label in dict.fromkeys(plain) if label not in later.split()]
    labels = [each.label for each in reading.steps]
    for (name, inputs), label in zip(jobs.items(), plain, strict=True):
        numbers = {}
        for port, value in inputs.items():
            written = ValueRecord(value)
            if written not in reading.values:
                reading.values.append(written)
            numbers[port] = reading.values.index(written)
        if label in later.split():
            reading.pending.append(PendingRecord(label, name, ("flow.cwl", 7, 1), "how many", 0, numbers))
        else:
            reading.jobs.append(JobRecord(labels.index(label), name, numbers))
    return reading


def out(job: str, port: str = "file") -> dict[str, Any]:
    return {"$out": [job, port]}


def task(step: Step) -> Any:
    assert step.action.server is not None
    ((name, text),) = step.action.server.files
    assert name == "task.json"
    return json.loads(text)


def cells(step: Step) -> list[dict[str, str]]:
    return [dict(zip(step.table.columns, row, strict=True)) for row in step.table]


def requests(step: Step) -> list[Any]:
    """Return the inputs of each row, as the worker finds them."""
    common = task(step)["common"]
    return [common | json.loads(step.action.commands[0].text(row)) for row in cells(step)]


def made(step: Step) -> list[list[str]]:
    """Return what each row makes."""
    return [[row[each.name] if isinstance(each, Column) else each for each in step.outputs] for row in cells(step)]


def test_slices_of_a_step_are_rows_in_their_order(make: Callable[..., Made]) -> None:
    step = make(flow({f"fit[{n}]": {"mass": n, "name": "same"} for n in range(11)}))["fit"]
    assert step.label == "fit"
    assert requests(step) == [{"mass": n, "name": "same"} for n in range(11)]
    assert task(step)["common"] == {"name": "same"}
    assert made(step)[10] == ["cwl/fit/10", "cwl/fit/10.json"]
    assert [name for name, _ in step.row_names] == [f"fit[{n}]" for n in range(11)]


def test_one_job_has_all_its_inputs_in_the_task(make: Callable[..., Made]) -> None:
    step = make(flow({"fit": {"mass": 5}}))["fit"]
    assert task(step) == {
        "kind": "step",
        "base": "cwl/fit",
        "checksum": False,
        "strict": False,
        "common": {"mass": 5},
        "task": {"frozen": 1},
    }
    assert step.action.commands[0].is_literal
    assert requests(step) == [{"mass": 5}]
    assert step.outputs == ("cwl/fit/0", "cwl/fit/0.json")
    assert step.row_names == ()


def test_a_step_without_a_command_has_no_directory(make: Callable[..., Made]) -> None:
    step = make(flow({"fit": {}}, record(command=False)))["fit"]
    assert step.outputs == ("cwl/fit/0.json",)


def test_results_have_the_paths_of_their_rows(make: Callable[..., Made]) -> None:
    jobs = {f"a[{n}]": {"n": n} for n in range(3)} | {f"b[{n}]": {"in": out(f"a[{n}]")} for n in range(3)}
    found = make(flow(jobs))
    assert requests(found["b"]) == [{"in": out(f"cwl/a/{n}")} for n in range(3)]
    assert found["b"].needs == (Need("a", Pattern.EACH),)


def test_results_in_an_expansion_are_in_its_folder(make: Callable[..., Made]) -> None:
    found = make(flow({"a": {}, "b": {"in": out("a")}}), "outer.rest/inner.rest")
    assert requests(found["b"]) == [{"in": out("cwl/outer.rest/inner.rest/a/0")}]
    assert found["a"].outputs == ("cwl/outer.rest/inner.rest/a/0", "cwl/outer.rest/inner.rest/a/0.json")
    assert found.keys() == {"a", "b"}


def test_a_value_with_many_results_is_written_once(make: Callable[..., Made]) -> None:
    listed = {"$items": [out(f"a[{n}]") for n in range(20)]}
    jobs = {f"a[{n}]": {"n": n} for n in range(20)} | {f"b[{n}]": {"all": listed, "n": n} for n in range(20)}
    found = make(flow(jobs))
    assert task(found["b"])["common"] == {"all": {"$items": [out(f"cwl/a/{n}") for n in range(20)]}}
    assert found["b"].needs == (Need("a"),)


def test_a_row_waits_for_each_result_in_its_values(make: Callable[..., Made]) -> None:
    jobs = {f"a[{n}]": {"n": n} for n in range(4)} | {
        f"b[{n}]": {"two": {"$picked": ["all_non_null", {"$items": [out(f"a[{n}]"), out(f"a[{n + 2}]")]}]}}
        for n in range(2)
    }
    need = make(flow(jobs))["b"].needs[0]
    assert isinstance(need.pattern, RowMapping)
    assert [sorted(rows) for rows in need.pattern.parents] == [[0, 2], [1, 3]]


def test_equal_records_are_one_step(make: Callable[..., Made]) -> None:
    reading = flow({"a": {"n": 1}, "b": {"n": 2}}, record("a"), record("b"))
    reading.steps = [record("fit"), record("fit")]
    reading.jobs = [JobRecord(0, "x/fit", {"n": 0}), JobRecord(1, "y/fit", {"n": 1})]
    assert make(reading)["fit"].table.count == 2


def test_records_that_ask_for_different_resources_are_steps(make: Callable[..., Made]) -> None:
    reading = flow({"a": {"n": 1}, "b": {"n": 2}}, record("a"), record("b"))
    reading.steps = [record("fit", cpus=1), record("fit", cpus=2)]
    found = make(reading)
    assert [found[name].asked.resources.cpus for name in ("fit.1", "fit.2")] == [1, 2]


def test_labels_that_need_the_same_name_are_numbered(make: Callable[..., Made]) -> None:
    found = make(flow({"a/b": {}, "a-b": {"in": out("a/b")}}))
    assert [(step.name, step.label) for step in found.values()] == [
        ("a-b.1", "a/b"),
        ("a-b.2", "a-b"),
        ("outputs.json", "outputs"),
    ]
    assert requests(found["a-b.2"]) == [{"in": out("cwl/a-b.1/0")}]


def test_the_last_step_brings_the_outputs_together(make: Callable[..., Made]) -> None:
    reading = flow({"outputs": {}, "late": {}}, outputs={"plot": out("outputs"), "n": 3})
    *_, last = make(reading).values()
    assert (last.name, last.label, last.needs) == ("outputs.json", "outputs", (Need("outputs"),))
    assert task(last) == {"kind": "outputs", "checksum": True, "outputs": {"plot": out("cwl/outputs/0"), "n": 3}}
    assert last.outputs == ("outputs", "cwl/outputs.json")


def known(reading: Reading) -> Reading:
    """Return the jobs with known command lines."""
    made = CommandRecord(["echo"], "", "said.txt", "", [], [FileRecord("file", "said.txt", "")])
    reading.jobs = [each._replace(command=made) for each in reading.jobs]
    return reading


def test_a_file_of_a_known_command_is_known(make: Callable[..., Made]) -> None:
    reading = known(flow({"say[0]": {}, "say[1]": {}}))
    taker = flow({"look": {"all": {"$picked": ["first_non_null", {"$items": [out("say[0]"), out("say[1]")]}]}}})
    reading.steps += taker.steps
    reading.values += taker.values
    reading.jobs += [each._replace(step=1) for each in taker.jobs]
    found = make(reading)
    files = [
        {"class": "File", "location": f"workspace:cwl/say/{row}/said.txt", "basename": "said.txt"} for row in (0, 1)
    ]
    assert requests(found["look"]) == [{"all": {"$picked": ["first_non_null", {"$items": files}]}}]
    assert made(found["say"]) == [["cwl/say/0/said.txt"], ["cwl/say/1/said.txt"]]
    assert found["look"].needs == (Need("say"),)


def test_one_job_before_the_outputs_brings_them_together_too(make: Callable[..., Made]) -> None:
    found = make(known(flow({"say": {}}, outputs={"said": out("say")})))
    assert list(found) == ["say"]
    assert found["say"].outputs == ("cwl/say/0/said.txt", "outputs", "cwl/outputs.json")
    assert len(found["say"].action.commands) == 2
    several = known(flow({"say[0]": {}, "say[1]": {}}, outputs={"said": out("say[0]")}))
    assert list(make(several)) == ["say", "outputs.json"]
    in_image = known(flow({"say": {}}, record("say", image="busybox"), outputs={"said": out("say")}))
    assert list(make(in_image)) == ["say", "outputs.json"]


def test_a_workflow_without_jobs_has_its_outputs(make: Callable[..., Made]) -> None:
    assert list(make(flow({}, outputs={"n": 3}))) == ["outputs.json"]


def test_the_last_step_runs_where_all_others_do(make: Callable[..., Made]) -> None:
    wish = [("compute_backend", "slurmcern", ("flow.cwl", 2, 1))]
    alone = make(flow({"a": {}, "b": {}}, record("a", hints=wish), record("b", hints=wish)))["outputs.json"]
    assert alone.asked.hints["compute_backend"].value == "slurmcern"
    mixed = make(flow({"a": {}, "b": {}}, record("a", hints=wish), record("b")))["outputs.json"]
    assert mixed.asked.hints == {}


def test_rows_wait_for_all_of_an_expansion(make: Callable[..., Made]) -> None:
    jobs = {"a": {}, "more": {"in": out("a")}, "b": {"in": {"$later": ["more", "files"]}}}
    step = make(flow(jobs, later="more"))["b"]
    assert step.needs == (Need("more.rest"),)
    assert requests(step) == [{"in": {"$later": ["more.rest:more", "files"]}}]


def test_rows_that_wait_for_other_expansions_are_other_steps(make: Callable[..., Made]) -> None:
    jobs: dict[str, dict[str, Any]] = {f"more[{n}]": {"n": n} for n in range(2)}
    jobs |= {f"b[{n}]": {"in": {"$later": [f"more[{n}]", "files"]}} for n in range(2)}
    found = make(flow(jobs, later="more"))
    assert {name: step.needs for name, step in found.items() if name.startswith("b")} == {
        "b.1": (Need("more.rest"),),
        "b.2": (Need("more.rest2"),),
    }


def test_a_table_of_many_rows_keeps_its_shards(make: Callable[..., Made]) -> None:
    step = make(flow({f"fit[{n}]": {"mass": n} for n in range(600)}))["fit"]
    assert made(step)[599] == ["cwl/fit/2/599", "cwl/fit/2/599.json"]
