cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {}
baseCommand: [sh, -c, 'echo >> "$0/tries.$1"; COMMAND; echo $1 > each.txt']
arguments:
  - $(inputs.folder)
  - $(inputs.number)
inputs:
  text: File
  number: int
  folder: string
  size: int
temporaryFailCodes: [75]
outputs:
  made:
    type: File
    outputBinding:
      glob: each.txt
