cwlVersion: v1.0
class: Workflow
$namespaces: {reana: "https://www.reana.io"}
hints:
  - class: reana
    kubernetes_memory_limit: 512Mi
inputs:
  notebook: File
  input_file: File
  output_file: string
  region: string
  year_min: int
  year_max: int
outputs:
  result: {type: File, outputSource: worldpopulation/result}
steps:
  worldpopulation:
    run: report.cwl
    in:
      notebook: notebook
      input_file: input_file
      output_file: output_file
      region: region
      year_min: year_min
      year_max: year_max
    out: [result]
