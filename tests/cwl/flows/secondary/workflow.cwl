cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs:
  reads:
    type: File[]
    secondaryFiles: [.bai, {pattern: ^.crai, required: false}]
outputs:
  sorted:
    type: File[]
    outputSource: sort/sorted
    secondaryFiles: [.bai]
  called: {type: 'File[]', outputSource: call/called}
  all: {type: File, outputSource: list/names}
steps:
  sort:
    run: sort.cwl
    scatter: reads
    in: {reads: reads}
    out: [sorted]
  mark:
    run: mark.cwl
    scatter: reads
    in: {reads: sort/sorted}
    out: [marked]
  call:
    run: call.cwl
    scatter: reads
    in: {reads: mark/marked}
    out: [called]
  list:
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'for each; do ls "$each" "$each.bai" "$each.bai.md5" | sed "s#.*/##"; done', sh]
      inputs:
        reads:
          type: File[]
          secondaryFiles: [.bai]
          inputBinding: {}
      stdout: names.txt
      outputs: {names: stdout}
    in: {reads: mark/marked}
    out: [names]
