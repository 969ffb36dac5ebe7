cwlVersion: v1.1
class: Workflow
requirements: {ScatterFeatureRequirement: {}, StepInputExpressionRequirement: {}}
hints:
  WorkReuse: {enableReuse: false}
  NetworkAccess: {networkAccess: true}
inputs:
  text: {type: File, secondaryFiles: [{pattern: ^.idx}, {pattern: .absent, required: false}]}
  names: string[]
outputs:
  made: {type: 'File[]', outputSource: each/made}
  inner: {type: 'File[]', outputSource: each/inner}
steps:
  each:
    run: each.cwl
    scatter: name
    in: {text: text, name: {source: names}, lines: {source: text, loadContents: true, valueFrom: $(self.contents)}}
    out: [made, inner]
