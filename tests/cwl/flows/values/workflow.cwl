cwlVersion: v1.2
class: Workflow
requirements:
  SchemaDefRequirement:
    types:
      - $import: types.yml
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  InlineJavascriptRequirement:
    expressionLib: ["function twice(x) {return 2 * x}"]
  ScatterFeatureRequirement: {}
inputs:
  sample: types.yml#sample
  mode: {type: {type: enum, symbols: [fast, slow]}, default: slow}
  numbers: int[]
  more: int[]
  file: {type: File, loadContents: true}
  files: File[]
  word: {type: string, default: "a default"}
  big: long
  flag: boolean
  absent: string?
outputs:
  shown: {type: File, outputSource: show/out}
  record: {type: Any, outputSource: describe/described}
  sum: {type: int, outputSource: add/sum}
  late: {type: int, outputSource: add_later/sum}
  order: {type: string, outputSource: words/text}
  contents: {type: string, outputSource: read/text}
  passed: {type: File, outputSource: file}
  nested: {type: Any, outputSource: [add/sum, word, absent, numbers], linkMerge: merge_nested}
  flat: {type: Any, outputSource: [numbers, more, add/sum], linkMerge: merge_flattened}
  chosen: {type: string, outputSource: [absent, word], pickValue: first_non_null}
  huge: {type: Any, outputSource: big}
  halves: {type: 'Any[]', outputSource: half/value}
steps:
  show:
    run: show.cwl
    in:
      sample: sample
      mode: mode
      numbers: {source: [numbers, more], linkMerge: merge_flattened}
      lists: {source: [numbers, more]}
      word: {source: absent, default: "it's \"quoted\" $HOME"}
      scaled: {source: sample, valueFrom: '$(twice(self.size) + inputs.numbers.length)'}
      literal: {valueFrom: "a literal: $(inputs.word.length)"}
      yes: flag
      files: files
    out: [out]
  describe:
    run: describe.cwl
    in: {sample: sample, file: show/out}
    out: [described, size]
  # An expression whose inputs are known when the analysis is compiled.
  add:
    run: add.cwl
    in: {numbers: numbers, file: file}
    out: [sum]
  # One that has to wait.
  add_later:
    run: add.cwl
    in:
      numbers: {source: [add/sum, describe/size], linkMerge: merge_flattened}
      file: {source: file}
    out: [sum]
  read:
    run:
      class: ExpressionTool
      requirements: [{class: InlineJavascriptRequirement}]
      inputs: {files: 'File[]', head: string}
      outputs: {text: string}
      expression: '${return {text: inputs.head + inputs.files.map(function (f) {return f.contents === undefined ? "-" : f.contents}).join("|")}}'
    in:
      files: {source: [show/out, file], loadContents: true}
      head: {source: show/out, loadContents: true, valueFrom: '$(self.contents.split("\n")[0])'}
    out: [text]
  words:
    run:
      class: CommandLineTool
      baseCommand: echo
      inputs:
        b: {type: string, inputBinding: {position: 2, prefix: -b}}
        a: {type: 'string[]', inputBinding: {position: 2, prefix: --a=, separate: false, itemSeparator: ','}}
        each: {type: {type: array, items: string, inputBinding: {prefix: -e}}, inputBinding: {position: 1}}
        flag: {type: boolean, inputBinding: {prefix: --flag, position: 3}}
        off: {type: boolean, default: false, inputBinding: {prefix: --off, position: 3}}
        number: {type: double, inputBinding: {position: '${return 0}'}}
        none: {type: string?, inputBinding: {prefix: --none}}
        union: {type: [int, string, File], inputBinding: {position: 5}}
      requirements: [{class: InlineJavascriptRequirement}]
      stdout: order
      outputs: {text: {type: string, outputBinding: {glob: order, loadContents: true, outputEval: "$(self[0].contents)"}}}
    in:
      a: {default: [x, y z]}
      b: {default: "-b"}
      each: {default: [one, "*", "two  blanks"]}
      flag: flag
      number: {default: 0.25}
      union: {default: 12}
    out: [text]
  half:
    run:
      class: ExpressionTool
      requirements: [{class: InlineJavascriptRequirement}]
      inputs: {number: int}
      outputs: {value: Any}
      expression: '${return {value: {half: inputs.number / 2, of: [inputs.number], nothing: null}}}'
    scatter: number
    in: {number: {source: [numbers, describe/size], linkMerge: merge_flattened}}
    out: [value]
