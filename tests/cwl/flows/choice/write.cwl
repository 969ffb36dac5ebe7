cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  number: {type: int, inputBinding: {position: 1}}
  other: {type: int, inputBinding: {position: 2}}
outputs:
  written: stdout
stdout: $(inputs.number).txt
