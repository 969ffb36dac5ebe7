cwlVersion: v1.2
class: CommandLineTool
baseCommand: python3
inputs:
  code:
    type: File
    inputBinding: {position: 1}
  fits:
    type: File[]
    inputBinding: {position: 2}
stdout: lifetime.txt
outputs:
  table:
    type: stdout
