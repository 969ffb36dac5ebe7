cwlVersion: v1.2
class: CommandLineTool
requirements: [{class: InlineJavascriptRequirement}]
baseCommand: seq
inputs: {count: {type: int, inputBinding: {}}}
stdout: numbers.txt
outputs:
  numbers:
    type: int[]
    outputBinding:
      glob: numbers.txt
      loadContents: true
      outputEval: $(self[0].contents.trim().split("\n").map(Number))
