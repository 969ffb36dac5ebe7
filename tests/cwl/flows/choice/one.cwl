cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  InlineJavascriptRequirement: {}
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
inputs:
  count: int
outputs:
  picked: {type: 'File[]', outputSource: each/written, pickValue: all_non_null}
  merged: {type: File, outputSource: merge/merged}
  first: {type: Any, outputSource: [fallback/written, merge/merged], pickValue: first_non_null}
steps:
  split:
    run:
      class: CommandLineTool
      baseCommand: [seq]
      inputs:
        count: {type: int, inputBinding: {}}
      stdout: numbers.txt
      outputs:
        numbers:
          type: int[]
          outputBinding:
            glob: numbers.txt
            loadContents: true
            outputEval: $(self[0].contents.split("\n").filter(function (l) {return l}).map(function (l) {return parseInt(l)}))
    in: {count: count}
    out: [numbers]
  each:
    scatter: number
    when: $(inputs.number != 3)
    in:
      number: split/numbers
      doubled: {source: split/numbers, valueFrom: $(2 * inputs.number)}
    out: [written]
    run:
      class: Workflow
      inputs:
        number: int
        doubled: int
      outputs:
        written:
          type: File
          outputSource: [odd/written, even/written]
          pickValue: the_only_non_null
      steps:
        odd:
          run: write.cwl
          when: $(inputs.number % 2 == 1)
          in: {number: number, other: doubled}
          out: [written]
        even:
          run: write.cwl
          when: $(inputs.number % 2 == 0)
          in: {number: number, other: {default: 0}}
          out: [written]
  merge:
    run:
      class: CommandLineTool
      baseCommand: [cat, /dev/null]
      inputs:
        parts: {type: 'File[]', inputBinding: {}}
      outputs:
        merged: stdout
      stdout: merged.txt
    in:
      parts: {source: each/written, pickValue: all_non_null}
    out: [merged]
  fallback:
    run: write.cwl
    when: $(inputs.numbers.length == 0)
    in:
      numbers: split/numbers
      number: {default: -1}
      other: {default: -2}
    out: [written]
