cwlVersion: v1.2
class: CommandLineTool
requirements:
  SchemaDefRequirement: {types: [{$import: types.yml}]}
  InlineJavascriptRequirement: {}
baseCommand: [sh, -c, 'for word; do echo "${word##*/}"; done', sh]
inputs:
  sample: {type: types.yml#sample, inputBinding: {position: 1}}
  mode: {type: {type: enum, symbols: [fast, slow, other]}, inputBinding: {position: 2}}
  numbers: {type: 'int[]', inputBinding: {position: 3, itemSeparator: ','}}
  lists: {type: Any, inputBinding: {position: 4, valueFrom: $(JSON.stringify(self))}}
  word: {type: string, inputBinding: {position: 5}}
  scaled: {type: int, inputBinding: {position: 6, prefix: --scaled}}
  literal: {type: string, inputBinding: {position: 7}}
  yes: {type: boolean, inputBinding: {position: 8, prefix: --yes}}
  files: {type: 'File[]', inputBinding: {position: 9, valueFrom: '$(self.map(function (f) {return f.basename + ":" + f.size}))'}}
stdout: shown.txt
outputs: {out: stdout}
