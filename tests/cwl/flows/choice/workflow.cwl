cwlVersion: v1.2
class: Workflow
requirements: [{class: ScatterFeatureRequirement}, {class: SubworkflowFeatureRequirement}]
inputs:
  counts: int[]
outputs:
  picked:
    type: {type: array, items: {type: array, items: File}}
    outputSource: one/picked
  merged: {type: 'File[]', outputSource: one/merged}
  first: {type: 'Any[]', outputSource: one/first}
steps:
  one:
    run: one.cwl
    scatter: count
    in: {count: counts}
    out: [picked, merged, first]
