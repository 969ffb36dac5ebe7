cwlVersion: v1.2
class: CommandLineTool
requirements: [{class: InlineJavascriptRequirement}, {class: ShellCommandRequirement}]
inputs:
  reads:
    type: File
    secondaryFiles: [.bai, '^.crai?']
arguments:
  - shellQuote: false
    valueFrom: >-
      cat $(inputs.reads.path) $(inputs.reads.path).bai > $(inputs.reads.nameroot).sorted.bam;
      echo $(inputs.reads.secondaryFiles.map(function (each) {return each.basename}).sort().join(" ")) > $(inputs.reads.nameroot).sorted.bam.bai
outputs:
  sorted:
    type: File
    outputBinding: {glob: '*.sorted.bam'}
    secondaryFiles: [.bai]
