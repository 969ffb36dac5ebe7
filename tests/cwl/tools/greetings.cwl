cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  InlineJavascriptRequirement: {}
inputs:
  names: string[]
  first: string
outputs:
  all:
    type: File[]
    outputSource: greet/greeting
steps:
  greet:
    run: greet.cwl
    scatter: name
    in:
      name:
        source: [first, names]
        linkMerge: merge_flattened
        valueFrom: $(self + "?")
    out: [greeting]
  sub:
    in: {who: first}
    out: [length]
    run:
      class: Workflow
      inputs: {who: string}
      outputs:
        length: {type: Any, outputSource: count/count}
      steps:
        count:
          in: {who: who}
          out: [count]
          run:
            class: ExpressionTool
            inputs: {who: string}
            outputs: {count: int}
            expression: '${ return {count: inputs.who.length}; }'
