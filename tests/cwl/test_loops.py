"""Steps that run again until their condition is false. All iterations are one job."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import flows, oracle, ours
from .driver import Driver
from .records import FEATURES, HEAD, Found, expanded, find

pytestmark = pytest.mark.usefixtures("measured")  # the reader and the workers are processes of their own

ANALYSIS = """\
inputs:
  parameters: {start: 0, stop: 5}
workflow:
  type: cwl
  file: workflow.cwl
outputs:
  directories: [outputs]
"""

STEPS = """\
class: Workflow
requirements:
  InlineJavascriptRequirement: {}
  SubworkflowFeatureRequirement: {}
  StepInputExpressionRequirement: {}
inputs: {start: int, stop: int}
outputs:
  counted: {type: 'File[]', outputSource: counted/file}
  twice: {type: int, outputSource: twice/number}
  known: {type: int, outputSource: known/number}
  file: {type: File, outputSource: grown/file}
  files: {type: 'File[]', outputSource: written/file}
  skipped: {type: 'int?', outputSource: skipped/number}
steps:
  make:
    run:
      class: CommandLineTool
      baseCommand: [echo, first]
      inputs: {}
      stdout: first.txt
      outputs:
        file: stdout
        number: {type: int, outputBinding: {outputEval: '$(1)'}}
    in: {}
    out: [file, number]
  known:
LOOP number
    run: &next
      class: ExpressionTool
      inputs: {number: int}
      outputs: {number: int}
      expression: '${ return {number: inputs.number + 2}; }'
    in: {number: start, stop: stop}
    out: [number]
  skipped:
LOOP number
    run: *next
    in: {number: stop, stop: start}
    out: [number]
  grown:
LOOP number, file
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'cat "$0" > text.txt; echo more >> text.txt']
      inputs: {file: {type: File, inputBinding: {}}, number: int, stop: int}
      outputs:
        file: {type: File, outputBinding: {glob: text.txt}}
        number: {type: int, outputBinding: {outputEval: $(inputs.number + 1)}}
    in: {file: make/file, number: make/number, stop: stop}
    out: [file, number]
  written:
ALL number
    run:
      class: Workflow
      inputs: {number: int}
      outputs:
        number: {type: int, outputSource: next/number}
        file: {type: File, outputSource: write/file}
      steps:
        next:
          run: *next
          in: {number: number}
          out: [number]
        write:
          run: &write
            class: CommandLineTool
            baseCommand: echo
            inputs: {number: {type: int, inputBinding: {}}}
            stdout: number.txt
            outputs: {file: stdout}
          in: {number: next/number}
          out: [file]
    in: {number: make/number, stop: stop}
    out: [number, file]
  counted:
ALL number
    run: &counted
      class: Workflow
      inputs: {number: int}
      outputs:
        number: {type: int, outputSource: copy/number}
        file: {type: File, outputSource: copy/file}
      steps:
        next:
          run: *next
          in: {number: number}
          out: [number]
        write:
          run: {<<: *write, hints: {DockerRequirement: {dockerPull: 'debian:12'}}}
          in: {number: next/number}
          out: [file]
        copy:
          run:
            class: CommandLineTool
            baseCommand: cat
            inputs: {file: {type: File, inputBinding: {}}}
            hints: {DockerRequirement: {dockerPull: 'debian:13'}}
            stdout: copied.txt
            outputs:
              file: stdout
              number:
                type: int
                outputBinding: {glob: copied.txt, loadContents: true, outputEval: '$(parseInt(self[0].contents))'}
          in: {file: write/file}
          out: [file, number]
    in: {number: start, stop: stop}
    out: [number, file]
  twice:
TWICE
    run: *counted
    in: {number: make/number, stop: stop}
    out: [number]
"""

DRAFT = "    when: $(inputs.number < inputs.stop)\n    outputMethod: {0}_iteration{1}\n    loop: {{{2}}}\n"
EXTENSION = """\
    requirements:
      cwltool:Loop:
        loopWhen: $(inputs.number < inputs.stop)
        outputMethod: {0}
        loop: {{{2}}}
"""
# The first lines of a document, a loop, and the key of the source of an input in it.
FORMS = {
    "v1.3.0-dev1": ("cwlVersion: v1.3.0-dev1\n", DRAFT, "outputSource"),
    "extension": (
        'cwlVersion: v1.2\n$namespaces: {cwltool: "http://commonwl.org/cwltool#"}\n',
        EXTENSION,
        "loopSource",
    ),
}


def document(form: str) -> str:
    head, loop, source = FORMS[form]
    twice = f"number: {{{source}: number, valueFrom: $(self + inputs.number)}}"
    found = []
    for line in STEPS.splitlines(keepends=True):
        word, _, names = line.strip().partition(" ")
        ports = ", ".join(f"{name}: {name}" for name in names.split(", "))
        made = {"LOOP": loop.format("last", "", ports), "ALL": loop.format("all", "s", ports)}
        made["TWICE"] = loop.format("last", "", twice)
        found.append(made.get(word, line))
    return head + "".join(found)


@pytest.mark.parametrize("form", FORMS)
def test_a_loop_makes_what_cwltool_makes(form: str, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "reana.yaml").write_text(ANALYSIS)
        (tmp_path / name / "workflow.cwl").write_text(document(form))
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
