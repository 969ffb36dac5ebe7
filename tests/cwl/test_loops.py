"""Steps that run again until their condition is false: all iterations in one job, or jobs for each iteration."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import flows, loops, oracle, ours
from .driver import Driver
from .records import FEATURES, HEAD, Found, expanded, find

pytestmark = pytest.mark.usefixtures("measured")  # the reader and the workers are processes of their own


@pytest.mark.parametrize("form", loops.FORMS)
def test_a_loop_makes_what_cwltool_makes(form: str, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "reana.yaml").write_text(loops.ANALYSIS)
        (tmp_path / name / "workflow.cwl").write_text(loops.document(form))
    theirs = oracle.run(tmp_path / "theirs", "--enable-ext", "--enable-dev")
    assert theirs.code == 0, theirs.log
    run = ours.run(tmp_path / "ours")
    assert flows.shown(ours.outputs(run)) == theirs.outputs
    assert flows.made(run / "workspace/outputs") == theirs.files
    iterations = {"write": 5, "copy": 5}  # those of loops over tools with several images
    assert ours.jobs(run) == {"make": 1, "grown": 1, "written": 1, **iterations}


def test_an_iteration_that_fails_ends_the_loop_with_its_exit_code(tmp_path: Path) -> None:
    tool = TOOL.replace("baseCommand: echo", "baseCommand: [sh, -c, 'exit $0']").replace("int,", FIRST, 1)
    found = loop(tmp_path, "tool.cwl", "number", tool)
    task = {"kind": "step", "task": found.tasks[1], "common": {}, "base": "cwl/w", "checksum": False, "strict": False}
    with Driver(tmp_path / "run", task) as driver:
        answer = driver.row("0", {"number": 0})
    assert (answer.kind, answer.text, answer.seconds) == ("failed", "1", (0, 0))


FIRST = "{type: int, inputBinding: {position: 1}},"


# --- what the job of a loop asks for --------------------------------------------------------------

TOOL = """\
class: CommandLineTool
baseCommand: echo
requirements: {InlineJavascriptRequirement: {}}
inputs: {number: int, word: string?}
outputs: {number: {type: int, outputBinding: {outputEval: $(inputs.number + 1)}}}
"""

LOOP = (
    HEAD.replace("v1.2", "v1.3.0-dev1")
    + FEATURES
    + """\
  InlineJavascriptRequirement: {}
inputs: {number: int}
outputs: []
steps:
  a: {run: split.cwl, in: {}, out: [cores]}
  w:
    when: $(inputs.number < 3)
    loop: {number: number}
    in: {number: NUMBER}
    out: [number]
    run: RUN
"""
)

INNER = """\
class: Workflow
inputs: {number: int}
outputs: {number: {type: int, outputSource: t/number}}
steps:
  t:
    run: tool.cwl
    in: {number: number}
    out: [number]
    requirements: {ResourceRequirement: {coresMin: 2, ramMin: 100}, ToolTimeLimit: {timelimit: 60}}
  u:
    run: tool.cwl
    in: {number: t/number}
    out: []
    requirements: {ResourceRequirement: {coresMin: 4}}
    hints: {DockerRequirement: {dockerPull: IMAGE}}
  v:
    run: tool.cwl
    in: {number: t/number}
    out: []
    requirements: {ResourceRequirement: {coresMin: $(inputs.number)}}
"""


def loop(directory: Path, run: str, number: str, tool: str = TOOL) -> Found:
    """Return the records of a loop over a tool or workflow in a file."""
    (directory / "tool.cwl").write_text(f"cwlVersion: v1.3.0-dev1\n{tool}")
    (directory / "inner.cwl").write_text(f"cwlVersion: v1.3.0-dev1\n{INNER}")
    return find(directory, LOOP.replace("RUN", run).replace("NUMBER", number), {"number": 1})


CORES = TOOL.replace(
    "InlineJavascriptRequirement: {}",
    "ResourceRequirement: {coresMin: $(inputs.number)}, ToolTimeLimit: {timelimit: 60}, InlineJavascriptRequirement: {}",
)


def test_the_first_iteration_decides_the_resources(tmp_path: Path) -> None:
    found = loop(tmp_path, "tool.cwl", "number", CORES)
    assert [(step.label, step.cpus, step.runtime) for step in found.steps] == [("a", None, None), ("w", 1, None)]


def test_the_first_iteration_can_have_a_result(tmp_path: Path) -> None:
    found = loop(tmp_path, "tool.cwl", "a/cores", CORES)
    assert [(each.name, each.reason) for each in found.pending] == [("w", "what resources its jobs need")]
    then = expanded(tmp_path, found, {"a.cores": 2})
    assert (then.names(), then.steps[0].cpus) == (["w"], 2)


def test_a_loop_over_a_workflow_asks_for_the_most_that_a_tool_in_it_asks_for(tmp_path: Path) -> None:
    tool = f"{TOOL}hints: {{DockerRequirement: {{dockerPull: IMAGE}}}}\n"
    step = loop(tmp_path, "inner.cwl", "number", tool).steps[1]
    assert (step.cpus, step.memory, step.runtime, step.image) == (4, 100 * 2**20, None, "IMAGE")


# --- iterations of their own ----------------------------------------------------------------------


def test_tools_with_several_images_have_jobs_for_each_iteration(tmp_path: Path) -> None:
    found = loop(tmp_path, "inner.cwl", "number")
    assert found.names() == ["a", "w[0]/t", "w[0]/u"]
    assert [(each.name, each.reason) for each in found.pending] == [
        ("w[0]/v", "what resources its jobs need"),
        ("w[1]", "what w[0]/t makes"),
    ]
    then = expanded(tmp_path, found, {"w[0]/t.number": 2})
    assert then.names() == ["w[0]/v", "w[1]/t", "w[1]/u"]
    assert [each.name for each in then.pending] == ["w[1]/v", "w[2]"]
    last = expanded(tmp_path, then, {"w[1]/t.number": 3})
    assert (last.names(), last.pending) == (["w[1]/v"], [])
    assert last.outputs["w[2]"] == {"number": 3}


NEXT = """\
  n:
    run: {class: ExpressionTool, inputs: {number: int}, outputs: {number: int}, expression: '${ return {number: inputs.number}; }'}
    in: {number: number}
    out: [number]
"""


def test_a_loop_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "next.cwl").write_text(f"cwlVersion: v1.3.0-dev1\n{INNER.replace('t/number}}', 'n/number}}', 1)}{NEXT}")
    found = loop(tmp_path, "next.cwl", "number")
    words = "a loop of more than 100 iterations over tools with several images."
    assert found.said() == [("unsupported", 15, words)]
