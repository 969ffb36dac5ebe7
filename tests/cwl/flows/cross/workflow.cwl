cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  InlineJavascriptRequirement: {}
inputs:
  letters: string[]
  digits: int[]
  pairs:
    type:
      type: array
      items: {type: array, items: string}
outputs:
  dot: {type: 'File[]', outputSource: zip/said}
  flat: {type: 'File[]', outputSource: cross/said}
  nested:
    type: {type: array, items: {type: array, items: File}}
    outputSource: grid/said
  rows:
    type: {type: array, items: {type: array, items: File}}
    outputSource: triangle/said
  joined: {type: File, outputSource: join/joined}
  again: {type: 'File[]', outputSource: follow/said}
  nothing: {type: 'File[]', outputSource: none/said}
steps:
  zip:
    run: say.cwl
    scatter: [letter, digit]
    scatterMethod: dotproduct
    in: {letter: letters, digit: digits}
    out: [said]
  cross:
    run: say.cwl
    scatter: [letter, digit]
    scatterMethod: flat_crossproduct
    in: {letter: letters, digit: digits}
    out: [said]
  grid:
    run: say.cwl
    scatter: [digit, letter]
    scatterMethod: nested_crossproduct
    in: {letter: letters, digit: digits}
    out: [said]
  triangle:
    scatter: row
    in: {row: pairs}
    out: [said]
    run:
      class: Workflow
      inputs: {row: 'string[]'}
      outputs:
        said: {type: 'File[]', outputSource: inner/said}
      steps:
        inner:
          run: say.cwl
          scatter: letter
          in: {letter: row, digit: {default: 7}}
          out: [said]
  follow:
    run: say.cwl
    scatter: [letter, before]
    scatterMethod: dotproduct
    in:
      before: zip/said
      letter: letters
      digit: {default: 0, valueFrom: $(self + 40)}
    out: [said]
  none:
    run: say.cwl
    scatter: letter
    in: {letter: {default: []}, digit: {default: 1}}
    out: [said]
  join:
    run:
      class: CommandLineTool
      baseCommand: cat
      inputs:
        parts: {type: 'File[]', inputBinding: {}}
      outputs:
        joined: {type: stdout}
      stdout: joined.txt
    in:
      parts: {source: [zip/said, cross/said, follow/said], linkMerge: merge_flattened}
    out: [joined]
