cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  text:
    type: File
    inputBinding: {}
  number: int
stdout: start.txt
outputs:
  made: stdout
