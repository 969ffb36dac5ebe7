cwlVersion: v1.2
class: CommandLineTool
baseCommand: python3
inputs:
  code:
    type: File
    inputBinding: {position: 1}
  run:
    type: int
    inputBinding: {position: 2}
stdout: run-$(inputs.run).txt
outputs:
  times:
    type: stdout
