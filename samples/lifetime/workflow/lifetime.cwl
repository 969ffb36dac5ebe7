cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
hints:
  DockerRequirement:
    dockerPull: docker.io/library/python:3.11-slim
  reana:
    kubernetes_job_timeout: 300
inputs:
  runs: int[]
  record_code: File
  select_code: File
  fit_code: File
  average_code: File
outputs:
  lifetime:
    type: File
    outputSource: average/table
steps:
  record:
    run: record.cwl
    scatter: run
    in:
      code: record_code
      run: runs
    out: [times]
  select:
    run: select.cwl
    in:
      code: select_code
      runs: record/times
    out: [good]
  fit:
    run: fit.cwl
    scatter: times
    in:
      code: fit_code
      times: select/good
    out: [fitted]
  average:
    run: average.cwl
    in:
      code: average_code
      fits: fit/fitted
    out: [table]
