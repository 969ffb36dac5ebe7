cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  parts:
    type: File[]
    inputBinding: {}
stdout: last.txt
outputs:
  made: stdout
