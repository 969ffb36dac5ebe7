cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {}
  ResourceRequirement: {coresMin: $(inputs.cores), ramMin: '$(64 + inputs.lines.size)', outdirMin: 1}
baseCommand: [sh, -c, 'echo "$0" > cores']
arguments: [$(runtime.cores)]
inputs: {cores: int, lines: File}
outputs: {used: {type: int, outputBinding: {glob: cores, loadContents: true, outputEval: '$(parseInt(self[0].contents))'}}}
