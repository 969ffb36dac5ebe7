cwlVersion: v1.2
class: Workflow
requirements:
  InlineJavascriptRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  ScatterFeatureRequirement: {}
inputs: {words: "string[]", size: int}
outputs: []
steps:
  maybe:
    run: greet.cwl
    when: $(inputs.size > 3)
    in: {name: {default: you}, size: size}
    out: [greeting]
  lengths:
    in: {words: words}
    out: [all]
    run:
      class: Workflow
      inputs: {words: "string[]"}
      outputs:
        all: {type: "File[]", outputSource: each/greeting}
      steps:
        each:
          run: greet.cwl
          scatter: name
          in: {name: words}
          out: [greeting]
  failing:
    in: {size: size}
    out: [n]
    run:
      class: ExpressionTool
      inputs: {size: int}
      outputs: {n: int}
      expression: |
        ${ return {n: inputs.size.no.such}; }
