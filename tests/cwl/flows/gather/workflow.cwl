cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
inputs:
  texts: File[]
  word: string
outputs:
  report: {type: File, outputSource: merge/merged}
  counts: {type: 'File[]', outputSource: each/counted}
  upper: {type: 'File[]', outputSource: each/upper}
steps:
  each:
    run: each.cwl
    scatter: text
    in: {text: texts, word: word}
    out: [counted, upper]
  merge:
    run: tools/merge.cwl
    in: {parts: each/counted}
    out: [merged]
