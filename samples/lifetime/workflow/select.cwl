cwlVersion: v1.2
class: CommandLineTool
baseCommand: python3
inputs:
  code:
    type: File
    inputBinding: {position: 1}
  runs:
    type: File[]
    inputBinding: {position: 2}
outputs:
  good:
    type: File[]
    outputBinding: {glob: good/*.txt}
