"""A workflow with loops of all kinds, in both forms that cwltool reads."""

from __future__ import annotations

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
NEXT
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
NEXT
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

# A step of workflows in loops.
NEXT = """\
        next:
          run: *next
          in: {number: number}
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
        made |= {"TWICE": loop.format("last", "", twice), "NEXT": NEXT}
        found.append(made.get(word, line))
    return head + "".join(found)
