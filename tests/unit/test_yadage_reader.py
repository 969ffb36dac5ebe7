"""The process in which Yadage expands a workflow: its records for a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from reana_batch.frontends.yadage import reader
from reana_batch.frontends.yadage.records import Past, Request

Records = dict[str, list[Any]]


def ask(
    directory: Path, text: str, parameters: Mapping[str, Any] | None = None, past: Past | None = None, initdir: str = ""
) -> Records:
    """Return the records by kind."""
    request = Request(yaml.safe_load(text), parameters or {}, str(directory), initdir, past)
    found: Records = {}
    for line in reader.lines(request):
        kind, record = json.loads(line)
        found.setdefault(kind, []).append(record)
    return found


def stage(name: str, parameters: str, more: str = "", step: str = "", dependencies: str = "[init]") -> str:
    """Return a stage whose jobs print their parameter ``a`` and publish it as ``out``."""
    kind = "multistep" if "scatter" in more else "singlestep"
    step = (
        step or "{process: {process_type: string-interpolated-cmd, cmd: 'echo {a}'}, " + ENVIRONMENT + PUBLISHER + "}"
    )
    body = more if "workflow:" in more or "cases:" in more else f"{more}{', ' if more else ''}step: {step}"
    return (
        f"- {{name: {name}, dependencies: {dependencies}, "
        f"scheduler: {{scheduler_type: {kind}-stage, parameters: {parameters}, {body}}}}}\n"
    )


ENVIRONMENT = "environment: {environment_type: docker-encapsulated, image: busybox}, "
PUBLISHER = "publisher: {publisher_type: frompar-pub, outputmap: {out: a}}"
SCATTER = "scatter: {method: zip, parameters: [a]}"


def workflow(*stages: str) -> str:
    """Return a workflow of these stages."""
    return "stages:\n" + "".join(stages)


def test_each_job_has_its_texts_and_parents(tmp_path: Path) -> None:
    text = workflow(
        stage("gen", "{a: {step: init, output: seeds}}", SCATTER),
        stage("merge", "{a: {stages: gen, output: out}}", dependencies="[gen]"),
    )
    found = ask(tmp_path, text, {"seeds": [1, 2]})
    assert [record[1] for record in found["stage"]] == ["gen", "merge"]
    assert found["stage"][0][4:6] == [["echo ", ""], ["a"]]
    assert found["job"] == [
        [0, "gen_0", ["1"], "", []],
        [0, "gen_1", ["2"], "", []],
        [1, "merge", ["1 2"], "", ["gen_0", "gen_1"]],
    ]
    assert found["end"] == [[{"init": {"seeds": [1, 2]}}]]
    assert "fault" not in found


def test_nothing_is_written_to_the_workspace(tmp_path: Path) -> None:
    ask(tmp_path, workflow(stage("a", "{a: '{workdir}/x'}", dependencies="[]")))
    assert list(tmp_path.iterdir()) == []


def test_the_workspace_is_replaced_by_its_mark(tmp_path: Path) -> None:
    (tmp_path / "one.txt").touch()
    parameters = f"{{a: ['{{workdir}}/x', '{tmp_path}2/y', {{step: init, output: file}}]}}"
    text = workflow(
        stage("a", "{a: '{workdir}/x'}"), stage("b", parameters.replace(", {step: init, output: file}", ""))
    )
    found = ask(tmp_path, text, {"file": "one.txt"})
    assert found["job"][0][2] == ["$REANA_WORKSPACE/a/x"]
    assert found["job"][1][2] == [f"$REANA_WORKSPACE/b/x {tmp_path}2/y"]
    assert found["end"] == [[{"init": {"file": "$REANA_WORKSPACE/one.txt"}}]]


def test_a_job_waits_for_a_whole_stage_of_which_it_takes_no_result(tmp_path: Path) -> None:
    text = workflow(
        stage("gen", "{a: [x, y]}", SCATTER),
        stage("after", "{a: z}", dependencies="[gen]"),
        stage("takes", "{a: {step: after, output: out}}", dependencies="[gen, after]"),
    )
    found = ask(tmp_path, text, {"p": 1})
    assert found["group"] == [["all of /gen", ["gen_0", "gen_1"]]]
    parents = {record[1]: record[4] for record in found["job"]}
    assert parents == {"gen_0": [], "gen_1": [], "after": ["all of /gen"], "takes": ["after", "all of /gen"]}
