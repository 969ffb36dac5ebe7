cwlVersion: v1.2
class: CommandLineTool
requirements: {InlineJavascriptRequirement: {}}
baseCommand: [printf, '<%s>\n']
inputs:
  word: {type: string, inputBinding: {position: 1}}
  nothing: {type: string, inputBinding: {position: 2}}
  files: {type: 'File[]?', inputBinding: {position: 3, valueFrom: '$(self === null ? null : self.map(function (file) {return file.basename}))'}}
stdout: 'said $(inputs.word.length).txt'
outputs: {said: stdout}
