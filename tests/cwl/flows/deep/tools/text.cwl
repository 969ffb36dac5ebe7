cwlVersion: v1.2
class: CommandLineTool
requirements: [{class: InlineJavascriptRequirement}]
baseCommand: echo
arguments: [-n, $(inputs.letter)$(inputs.number)]
inputs: {letter: string, number: int}
stdout: text
outputs:
  text: {type: string, outputBinding: {glob: text, loadContents: true, outputEval: '$(self[0].contents)'}}
