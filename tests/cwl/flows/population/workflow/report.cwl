cwlVersion: v1.0
class: CommandLineTool
requirements:
  - class: InlineJavascriptRequirement
hints:
  - class: DockerRequirement
    dockerPull: docker.io/reanahub/reana-env-jupyter:2.0.0
inputs:
  notebook: File
  input_file: File
  output_file: string
  region: string
  year_min: int
  year_max: int
baseCommand: sh
arguments:
  - position: 1
    valueFrom: $(inputs.notebook.path)
  - {position: 2, valueFrom: $(inputs.notebook.path)}
  - {position: 3, valueFrom: /dev/null}
  - {position: 4, prefix: -p, valueFrom: input_file}
  - {position: 5, valueFrom: $(inputs.input_file.path)}
  - {position: 6, prefix: -p, valueFrom: output_file}
  - {position: 7, valueFrom: $(inputs.output_file)}
  - {position: 8, prefix: -p, valueFrom: region}
  - {position: 9, valueFrom: $(inputs.region)}
  - {position: 10, prefix: -p, valueFrom: year_min}
  - {position: 11, valueFrom: $(inputs.year_min)}
  - {position: 12, prefix: -p, valueFrom: year_max}
  - {position: 13, valueFrom: "$(String(inputs.year_max))"}
outputs:
  result: {type: File, outputBinding: {glob: $(inputs.output_file)}}
