cwlVersion: v1.2
class: CommandLineTool
requirements:
  SchemaDefRequirement: {types: [{$import: types.yml}]}
  InlineJavascriptRequirement: {}
baseCommand: sh
arguments: [-c, 'wc -l < "$(inputs.file.path)"']
inputs:
  sample: types.yml#sample
  file: File
stdout: lines.txt
outputs:
  size: {type: int, outputBinding: {glob: lines.txt, loadContents: true, outputEval: "$(parseInt(self[0].contents))"}}
  described:
    type:
      type: record
      fields:
        name: {type: string, outputBinding: {outputEval: '$(inputs.sample.name + "!")'}}
        lines: {type: File, outputBinding: {glob: lines.txt, outputEval: '${self[0].basename = "renamed.txt"; return self[0]}'}}
        files: {type: 'File[]', outputBinding: {glob: '*.absent'}}
