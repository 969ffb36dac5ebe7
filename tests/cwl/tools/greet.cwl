cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - name: Style
        type: record
        fields:
          mark: string
baseCommand: echo
arguments: [hello, {valueFrom: '$(inputs.style ? inputs.style.mark : "!")', position: 9}]
inputs:
  name:
    type: string
    inputBinding: {position: 1}
  style: Style?
  letter:
    type: File
    default: {class: File, location: letter.txt}
outputs:
  greeting: stdout
stdout: greeting.txt
