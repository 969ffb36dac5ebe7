cwlVersion: v1.0
class: CommandLineTool
requirements: [{class: ShellCommandRequirement}, {class: InlineJavascriptRequirement}]
inputs:
  - {id: text, type: File, secondaryFiles: [^.idx], inputBinding: {position: 1, loadContents: true}}
  - {id: name, type: string}
  - {id: number, type: int}
  - {id: tree, type: Directory?}
baseCommand: cat
arguments:
  - {position: 2, valueFrom: "$(inputs.text.secondaryFiles[0].path)"}
  - {position: 3, shellQuote: false, valueFrom: '; echo $(inputs.text.contents.length) $(inputs.number)'}
outputs:
  - {id: made, type: File, outputBinding: {glob: $(inputs.name).txt}}
  - {id: size, type: int, outputBinding: {glob: $(inputs.name).txt, loadContents: true, outputEval: "$(self[0].size)"}}
stdout: $(inputs.name).txt
