cwlVersion: v1.2
class: Workflow
inputs:
  text: File
  word: string
outputs:
  counted: {type: File, outputSource: count/counted}
  upper: {type: File, outputSource: shout/upper}
steps:
  select:
    run:
      class: CommandLineTool
      baseCommand: [grep, -e]
      inputs:
        word: {type: string, inputBinding: {position: 1}}
        text: {type: File, inputBinding: {position: 2}}
      stdout: $(inputs.text.nameroot).selected
      outputs:
        selected: stdout
    in: {word: word, text: text}
    out: [selected]
  count:
    run:
      class: CommandLineTool
      baseCommand: [wc, -l]
      inputs:
        lines: File
      stdin: $(inputs.lines.path)
      stdout: $(inputs.lines.nameroot).count
      outputs:
        counted: stdout
    in: {lines: select/selected}
    out: [counted]
  shout:
    run:
      class: CommandLineTool
      baseCommand: [tr, a-z, A-Z]
      inputs:
        lines: stdin
      stdout: $(inputs.lines.nameroot).upper
      outputs:
        upper: stdout
    in: {lines: select/selected}
    out: [upper]
