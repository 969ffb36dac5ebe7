cwlVersion: v1.0
class: Workflow
inputs:
  gendata_tool: File
  fitdata_tool: File
  events: int
outputs:
  result: {type: File, outputSource: fitdata/result}
  log: {type: File, outputSource: gendata/log}
steps:
  gendata:
    hints:
      - class: reana
        compute_backend: slurmcern
        slurm_time: "5"
    run: gendata.cwl
    in: {gendata_tool: gendata_tool, events: events}
    out: [data, log]
  fitdata:
    hints:
      reana:
        compute_backend: slurmcern
    run: fitdata.cwl
    in: {fitdata_tool: fitdata_tool, data: gendata/data}
    out: [result]
