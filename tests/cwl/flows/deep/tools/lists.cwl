cwlVersion: v1.2
class: CommandLineTool
requirements: [{class: InlineJavascriptRequirement}, {class: ShellCommandRequirement}]
inputs:
  sizes: int[]
arguments:
  - shellQuote: false
    valueFrom: |
      printf '{"lists": $(JSON.stringify(inputs.sizes.map(function (n) {return Array.apply(null, {length: n}).map(function (_, i) {return 10 * n + i})}))), "letters": ["p", "q"]}' > cwl.output.json
outputs:
  lists: {type: {type: array, items: {type: array, items: int}}}
  letters: string[]
