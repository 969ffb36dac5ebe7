#!/usr/bin/env cwl-runner
cwlVersion: v1.0
class: Workflow
requirements:
  - class: ScatterFeatureRequirement
  - class: InlineJavascriptRequirement
  - class: StepInputExpressionRequirement
inputs:
  - id: text
    type: File
    secondaryFiles: [^.idx]
  - id: names
    type: {type: array, items: string}
outputs:
  - id: made
    type: {type: array, items: File}
    outputSource: "#each/made"
  - {id: sum, type: int, outputSource: "#sum/sum"}
steps:
  - id: each
    run: each.cwl
    scatter: "#each/name"
    in:
      - {id: text, source: "#text"}
      - {id: name, source: "#names"}
      - {id: number, valueFrom: $(inputs.name.length + 1)}
    out: [{id: made}, {id: size}]
  - id: sum
    in: [{id: sizes, source: "#each/size"}]
    out: [sum]
    run:
      class: ExpressionTool
      inputs: [{id: sizes, type: 'int[]'}]
      outputs: [{id: sum, type: int}]
      expression: '${return {sum: inputs.sizes.reduce(function (a, b) {return a + b}, 0)};}'
