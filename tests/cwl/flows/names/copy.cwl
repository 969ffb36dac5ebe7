cwlVersion: v1.2
class: CommandLineTool
baseCommand: cp
inputs: {file: {type: File, inputBinding: {position: 1}}}
arguments: [{position: 2, valueFrom: 'copy of $(inputs.file.basename)'}]
outputs: {copy: {type: File, outputBinding: {glob: 'copy of *'}}}
