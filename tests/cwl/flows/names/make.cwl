cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'for name in "$0" "x y" "-d" "%41"; do printf %s "$name" > "./$name.out"; done']
inputs: {text: {type: string, inputBinding: {}}}
outputs: {made: {type: 'File[]', outputBinding: {glob: '*.out'}}}
