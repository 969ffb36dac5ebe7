cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  reads:
    type: File
    secondaryFiles: [.bai, .bai.md5]
    inputBinding: {}
arguments:
  - {position: 1, valueFrom: "$(inputs.reads.secondaryFiles[0].path)"}
  - {position: 2, valueFrom: "$(inputs.reads.secondaryFiles[1].path)"}
stdout: $(inputs.reads.nameroot).called
outputs: {called: stdout}
