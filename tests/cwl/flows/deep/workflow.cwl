cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  InlineJavascriptRequirement: {}
inputs:
  sizes: int[]
outputs:
  table:
    type: {type: array, items: {type: array, items: string}}
    outputSource: rows/cells
  grid:
    type: {type: array, items: {type: array, items: string}}
    outputSource: matrix/text
  flat: {type: 'string[]', outputSource: line/text}
  joined: {type: File, outputSource: join/file}
steps:
  # Lists of lists that only the run knows.
  make:
    run: tools/lists.cwl
    in: {sizes: sizes}
    out: [lists, letters]
  rows:
    scatter: row
    in: {row: make/lists, letters: make/letters}
    out: [cells]
    run:
      class: Workflow
      inputs: {row: 'int[]', letters: 'string[]'}
      outputs:
        cells: {type: 'string[]', outputSource: cell/text}
      steps:
        cell:
          run: tools/text.cwl
          scatter: number
          in: {number: row, letter: {source: letters, valueFrom: '$(self[inputs.number % self.length])'}}
          out: [text]
    requirements: [{class: StepInputExpressionRequirement}]
  matrix:
    run: tools/text.cwl
    scatter: [letter, number]
    scatterMethod: nested_crossproduct
    in: {letter: make/letters, number: sizes}
    out: [text]
  line:
    run: tools/text.cwl
    scatter: [number, letter]
    scatterMethod: flat_crossproduct
    in: {letter: make/letters, number: sizes}
    out: [text]
  join:
    run: tools/join.cwl
    in: {table: rows/cells, grid: matrix/text, flat: line/text}
    out: [file]
