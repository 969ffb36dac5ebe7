cwlVersion: v1.2
class: CommandLineTool
baseCommand: python3
inputs:
  code:
    type: File
    inputBinding: {position: 1}
  times:
    type: File
    inputBinding: {position: 2}
stdout: $(inputs.times.nameroot).fit
outputs:
  fitted:
    type: stdout
