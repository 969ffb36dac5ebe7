cwlVersion: v1.1
class: CommandLineTool
hints:
  ToolTimeLimit: {timelimit: 60}
  WorkReuse: {enableReuse: true}
requirements:
  InitialWorkDirRequirement:
    listing:
      - {entryname: $(inputs.name), entry: "$({class: 'Directory', listing: [inputs.text]})", writable: true}
      - {entryname: lines.txt, entry: $(inputs.lines)}
  InlineJavascriptRequirement: {}
  InplaceUpdateRequirement: {inplaceUpdate: false}
inputs:
  text: File
  name: string
  lines: string
baseCommand: [sh, -c, 'cat lines.txt "$0"/*; echo new > "$0"/new.txt']
arguments: [$(inputs.name)]
outputs:
  made: stdout
  inner: {type: File, outputBinding: {glob: $(inputs.name)/new.txt}}
stdout: out.$(inputs.name)
