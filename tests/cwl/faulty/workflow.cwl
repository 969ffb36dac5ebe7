cwlVersion: v1.2
class: Workflow
requirements:
  StepInputExpressionRequirement: {}
  InlineJavascriptRequirement: {}
  ScatterFeatureRequirement: {}
inputs:
  text: File
  number: int
  folder: string
outputs:
  made: {type: File, outputSource: last/made}
steps:
  start:
    run: start.cwl
    in:
      text: text
      number: number
    out: [made]
  each:
    run: each.cwl
    scatter: number
    in:
      number: {default: [1, 2, 3]}
      text: start/made
      folder: folder
      size:
        source: start/made
        valueFrom: $(self.size)
    out: [made]
  last:
    run: last.cwl
    in:
      parts: each/made
    out: [made]
