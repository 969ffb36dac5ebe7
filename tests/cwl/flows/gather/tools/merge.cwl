cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  parts: {type: 'File[]', inputBinding: {}}
outputs:
  merged: stdout
stdout: merged.txt
