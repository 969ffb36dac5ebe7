"""The process in which Yadage expands a workflow: its records for a request."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import glob2
import jq
import jsonpath_rw
import packtivity.datamodel
import packtivity.handlers.publisher_handlers
import packtivity.statecontexts.posixfs_context
import packtivity.utils
import pytest
import yadage.handlers.expression_handlers
import yadage.handlers.predicate_handlers
import yadage.handlers.scheduler_handlers
import yadage.stages
import yadage.state_providers.localposix
import yadage.wflowview
import yaml

from reana_batch.frontends.yadage import reader
from reana_batch.frontends.yadage.records import Past, Request

Records = dict[str, list[Any]]

# The reader replaces functions in these, because it has a process of its own.
REPLACED = (
    glob2,
    jq,
    jsonpath_rw,
    packtivity.datamodel,
    packtivity.handlers.publisher_handlers,
    packtivity.statecontexts.posixfs_context,
    packtivity.utils,
    yadage.handlers.expression_handlers,
    yadage.handlers.predicate_handlers,
    yadage.handlers.scheduler_handlers,
    yadage.stages,
    yadage.state_providers.localposix,
    yadage.wflowview,
)


@pytest.fixture(autouse=True)
def yadage_as_before() -> Iterator[None]:
    """Undo what the reader replaces, because other tests in this process use Yadage's own engine."""
    before = [dict(vars(module)) for module in REPLACED]
    jq_stage = yadage.handlers.scheduler_handlers.handlers["jq-stage"]
    yield
    for module, variables in zip(REPLACED, before, strict=True):
        vars(module).update(variables)
    yadage.handlers.scheduler_handlers.handlers["jq-stage"] = jq_stage
    logging.disable(logging.NOTSET)


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


def test_jobs_share_a_group_of_inputs(tmp_path: Path) -> None:
    text = workflow(
        stage("gen", "{a: {step: init, output: n}}", SCATTER),
        stage("use", "{a: [x, y], all: {stages: gen, output: out}}", SCATTER, dependencies="[gen]"),
    )
    found = ask(tmp_path, text, {"n": list(range(20))})
    assert found["group"] == [["inputs of gen_0", [f"gen_{number}" for number in range(20)]]]
    assert [record[4] for record in found["job"][20:]] == [["inputs of gen_0"]] * 2


def test_parents_are_found_through_steps_without_a_job(tmp_path: Path) -> None:
    only = "{process: null, environment: null, " + PUBLISHER + "}"
    inner = stage("inner", "{a: {step: init, output: a}}")[2:]
    text = workflow(
        stage("gen", "{a: x}"),
        stage("pub", "{a: {step: gen, output: out}}", step=only, dependencies="[gen]"),
        stage("sub", "{a: {step: pub, output: out}}", f"workflow: {{stages: [{inner}]}}", dependencies="[pub]"),
    )
    found = ask(tmp_path, text, {"p": 1})
    assert [record[1:] for record in found["job"]] == [["gen", ["x"], "", []], ["sub/inner", ["x"], "", ["gen"]]]
    assert found["stage"][1][:2] == [
        ["stages", 2, "scheduler", "workflow", "stages", 0, "scheduler", "step"],
        "sub/inner",
    ]


def test_first_jobs_of_a_sub_workflow_wait_for_what_it_waits_for(tmp_path: Path) -> None:
    inner = (
        stage("first", "{a: 1}", dependencies="[]")[2:],
        stage("next", "{a: {step: first, output: out}}", dependencies="[first]")[2:],
    )
    text = workflow(
        stage("gen", "{a: x}"),
        stage("sub", "{a: 1}", f"workflow: {{stages: [{inner[0]}, {inner[1]}]}}", dependencies="[gen]"),
    )
    found = ask(tmp_path, text, {"p": 1})
    assert {record[1]: record[4] for record in found["job"]} == {
        "gen": [],
        "sub/first": ["gen"],
        "sub/next": ["sub/first"],
    }


# --- what only the run knows ---------------------------------------------------------------------

GLOBBING = (
    "{process: {process_type: string-interpolated-cmd, cmd: 'split {a}'}, "
    + ENVIRONMENT
    + "publisher: {publisher_type: fromglob-pub, globexpression: '*.txt', outputkey: out}}"
)
WAITING = workflow(
    stage("split", "{a: x}", step=GLOBBING),
    stage("other", "{a: [1, 2]}", SCATTER),
    stage("count", "{a: {stages: split, output: out, flatten: true}}", SCATTER, dependencies="[split]"),
    stage("sum", "{a: {stages: count, output: out}}", dependencies="[count, other]"),
)


def test_stages_that_wait_for_the_run_are_pending(tmp_path: Path) -> None:
    found = ask(tmp_path, WAITING, {"p": 1})
    assert [record[1] for record in found["job"]] == ["split", "other_0", "other_1"]
    assert found["pending"] == [
        [["stages", 2], "", "count", "count", ["split"], [], []],
        [["stages", 3], "", "sum", "sum", [], [0], ["all of /other"]],
    ]


def test_a_step_without_a_job_can_wait_for_the_files_of_jobs(tmp_path: Path) -> None:
    look = "{process: null, environment: null, publisher: {publisher_type: interpolated-pub, glob: true, publish: {out: '{a}'}}}"
    text = workflow(
        stage("make", "{a: '{workdir}/*.txt'}"),
        stage("look", "{a: {step: make, output: out}}", step=look, dependencies="[make]"),
        stage("count", "{a: {step: look, output: out}}", SCATTER, dependencies="[look]"),
    )
    found = ask(tmp_path, text, {"p": 1})
    assert found["pending"] == [[["stages", 2], "", "count", "count", ["look"], [], ["make"]]]
    (tmp_path / "make").mkdir()
    (tmp_path / "make" / "a.txt").touch()
    past = Past([("", "count")], ["look"], [], found["end"][0][0])
    assert ask(tmp_path, text, {"p": 1}, past)["job"] == [[0, "count_0", ["$REANA_WORKSPACE/make/a.txt"], "", []]]


def test_work_directories_of_jobs_do_not_make_paths_of_words(tmp_path: Path) -> None:
    inner = stage("i", "{a: {step: init, output: a}}")[2:]
    text = workflow(
        stage("split", "{a: x}", step=GLOBBING),
        stage(
            "sub",
            "{a: split, b: {step: split, output: out}}",
            f"workflow: {{stages: [{inner}]}}",
            dependencies="[split]",
        ),
    )
    known = ask(tmp_path, text, {"p": 1})["end"][0][0]
    (tmp_path / "split").mkdir()
    found = ask(tmp_path, text, {"p": 1}, Past([("", "sub")], ["split"], [], known))
    assert found["job"] == [[0, "sub/i", ["split"], "", []]]


def test_an_expansion_has_the_jobs_that_its_stages_add(tmp_path: Path) -> None:
    known = ask(tmp_path, WAITING, {"p": 1})["end"][0][0]
    (tmp_path / "split").mkdir()
    for name in ("b.txt", "a.txt"):
        (tmp_path / "split" / name).touch()
    past = Past([("", "count"), ("", "sum")], ["split"], [], known)
    found = ask(tmp_path, WAITING, {"p": 1}, past)
    assert [record[1:] for record in found["job"]] == [
        ["count_0", ["$REANA_WORKSPACE/split/a.txt"], "", []],
        ["count_1", ["$REANA_WORKSPACE/split/b.txt"], "", []],
        ["sum", ["$REANA_WORKSPACE/split/a.txt $REANA_WORKSPACE/split/b.txt"], "", ["count_0", "count_1"]],
    ]
    names = ["$REANA_WORKSPACE/split/a.txt", "$REANA_WORKSPACE/split/b.txt"]
    assert found["end"] == [[{"init": {"p": 1}, "split": {"out": names}}]]


def test_an_expansion_uses_the_results_that_were_read_before(tmp_path: Path) -> None:
    past = Past(
        [("", "count"), ("", "sum")], ["split"], [], {"init": {"p": 1}, "split": {"out": ["$REANA_WORKSPACE/z"]}}
    )
    found = ask(tmp_path, WAITING, {"p": 1}, past)
    assert found["job"][0] == [0, "count_0", ["$REANA_WORKSPACE/z"], "", []]


# --- faults --------------------------------------------------------------------------------------


def command(text: str) -> str:
    """Return a step with a command."""
    return f"{{process: {{process_type: string-interpolated-cmd, cmd: '{text}'}}, {ENVIRONMENT}{PUBLISHER}}}"


def publishing(text: str) -> str:
    """Return a step with a publisher."""
    return f"{{process: {{process_type: string-interpolated-cmd, cmd: x}}, {ENVIRONMENT}publisher: {{{text}}}}}"


CASES = f"cases: [{{if: '.a == 2', step: {command('x')}}}]"
NEVER = "{dependency_type: expressions_fulfilled, expressions: [{expression_type: fromvalue, key: no}]}"
PARAMETER = ["stages", 0, "scheduler", "parameters", "a"]
CMD = ["stages", 0, "scheduler", "step", "process", "cmd"]
PUB = ["stages", 0, "scheduler", "step", "publisher"]

# The stages, and the faults.
FAULTS: dict[str, tuple[tuple[str, ...], list[Any]]] = {
    "a dependency that does not exist": (
        (stage("s", "{a: 1}", dependencies="[ini]"), stage("t", "{a: 1}", dependencies="[s]")),
        [["unknown-stage", ["stages", 0, "dependencies", 0], ["ini", "init"]]],
    ),
    "a list without items that a stage waits for": (
        (stage("s", "{a: {step: init, output: none}}", SCATTER), stage("t", "{a: 1}", dependencies="[s]")),
        [["empty-scatter", ["stages", 1, "dependencies", 0], ["s"]]],
    ),
    "a list without items": (
        (stage("s", "{a: {step: init, output: none}}", SCATTER),),
        [["unused-scatter", ["stages", 0, "scheduler", "scatter"], ["s"]]],
    ),
    "a step of many": (
        (stage("s", "{a: {step: t, output: out}}", dependencies="[t]"), stage("t", "{a: [1, 2]}", SCATTER)),
        [["several-steps", PARAMETER, ["t"]]],
    ),
    "references that find nothing": (
        (stage("s", "{a: {step: init, output: x}, b: {stages: t}}"),),
        [
            ["no-output", PARAMETER, ["x", "init", "none", "word"]],
            ["no-step", ["stages", 0, "scheduler", "parameters", "b"], ["t", "init"]],
        ],
    ),
    "a reference to no step of a stage that exists": (
        (stage("s", "{a: {stages: 'init[*].hist'}}"),),
        [["no-match", PARAMETER, ["init[*].hist"]]],
    ),
    "a circle": (
        (stage("s", "{a: 1}", dependencies="[t]"), stage("t", "{a: 1}", dependencies="[s]")),
        [["circle", ["stages", 0, "dependencies"], ["s", "t"]]],
    ),
    "braces in parameters": (
        (stage("s", "{a: '{no}', b: '{'}"),),
        [
            ["unknown-field", PARAMETER, ["no", "{no}"]],
            ["braces", ["stages", 0, "scheduler", "parameters", "b"], ["{"]],
        ],
    ),
    "fields without a parameter": (
        (stage("s", "{a: 1}", step=command("{no} {workdir}")),),
        [["unknown-parameter", CMD, ["no", "a"]], ["unknown-parameter", CMD, ["workdir", "a"]]],
    ),
    "a brace in a command": (
        (stage("s", "{a: 1}", step=command("x }")),),
        [["format", CMD, ["Single '}' encountered in format string"]]],
    ),
    "a form that does not fit": (
        (stage("s", "{a: x}", step=command("{a:d}")),),
        [["format", CMD, ["Unknown format code 'd' for object of type 'str'"]]],
    ),
    "a result of no parameter": (
        (stage("s", "{a: 1}", step=publishing("publisher_type: frompar-pub, outputmap: {out: b}")),),
        [["unknown-parameter", [*PUB, "outputmap", "out"], ["b", "a"]]],
    ),
    "a jq program that fails": (
        (stage("s", "{a: 1}", step=publishing("publisher_type: fromparjq-pub, script: .a.b")),),
        [["jq", [*PUB, "script"], ['Cannot index number with string ("b")']]],
    ),
    "a jq program that cannot be read": (
        (stage("s", "{a: 1}", CASES.replace(".a == 2", ".a ==")),),
        [["jq", ["stages", 0, "scheduler", "cases", 0, "if"], ["syntax error, unexpected end of file"]]],
    ),
    "a scattered number": (
        (stage("s", "{a: 1}", SCATTER),),
        [["no-list", ["stages", 0, "scheduler", "scatter", "parameters", 0], ["a"]]],
    ),
    "too many jobs": (
        (
            stage(
                "s",
                f"{{a: {list(range(1001))}, b: {list(range(1000))}}}",
                "scatter: {method: cartesian, parameters: [a, b]}",
            ),
        ),
        [["too-many", ["stages", 0, "scheduler", "scatter"], ["1,001,000", "1,000,000"]]],
    ),
    "no case": (
        (
            stage("s", "{a: 1}", CASES),
            stage("t", "{a: 1}", dependencies="[s]"),
            stage("u", "{a: 1}", dependencies="[t]"),
        ),
        [
            ["left-out", ["stages", 1, "dependencies", 0], ["t", "s"]],
            ["left-out", ["stages", 2, "dependencies"], ["u", "t"]],
            ["no-case", ["stages", 0, "scheduler", "cases"], ["s"]],
        ],
    ),
    "a condition that is false": (
        (stage("s", "{a: 1}", dependencies=NEVER),),
        [["condition", ["stages", 0, "dependencies"], ["s"]]],
    ),
    "a dependency on a step": (
        (stage("s", "{a: 1}", dependencies="['t[0]', '[']"), stage("t", "{a: 1}")),
        [["step-dependency", ["stages", 0, "dependencies", 0], ["t[0]"]]],
    ),
    "a text that is not a JSONPath": (
        (stage("s", "{a: {stages: '['}}"), stage("t", "{a: 1}", dependencies="['[']")),
        [["jsonpath", ["stages", 1, "dependencies", 0], ["["]], ["jsonpath", PARAMETER, ["["]]],
    ),
    "a stage of a sub-workflow": (
        (stage("s", "{a: 1}", f"workflow: {{stages: [{stage('i', '{a: 1}', dependencies='[ini]')[2:]}]}}"),),
        [
            [
                "unknown-stage",
                ["stages", 0, "scheduler", "workflow", "stages", 0, "dependencies", 0],
                ["ini", "init"],
            ]
        ],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_path(tmp_path: Path, name: str) -> None:
    stages, faults = FAULTS[name]
    assert ask(tmp_path, workflow(*stages), {"none": [], "word": "Africa"})["fault"] == faults


def test_words_that_are_files_and_numbers_that_change_are_warnings(tmp_path: Path) -> None:
    (tmp_path / "Africa").touch()
    (tmp_path / "data").mkdir()
    parameters = {"word": "Africa", "folder": "data", "big": 12345678901234567890, "real": 3.0}
    found = ask(tmp_path, workflow(stage("s", "{a: {step: init, output: word}}")), parameters)
    assert found["fault"] == [
        ["number", [], ["big", "12345678901234567890", "12345678901234567168"]],
        ["path", [], ["word", "Africa"]],
    ]
    assert found["job"] == [[0, "s", ["$REANA_WORKSPACE/Africa"], "", []]]


def test_a_result_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    step = publishing("publisher_type: fromyaml-pub, yamlfile: out.yaml")
    text = workflow(stage("s", "{a: 1}", step=step), stage("t", "{a: {step: s, output: x}}", dependencies="[s]"))
    found = ask(tmp_path, text, {"p": 1}, Past([("", "t")], ["s"], [], {"init": {"p": 1}}))
    words = ["s", "$REANA_WORKSPACE/s/out.yaml: No such file or directory"]
    assert found["fault"] == [["no-result", PUB, words]]
