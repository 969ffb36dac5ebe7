cwlVersion: v1.0
class: CommandLineTool
hints:
  DockerRequirement: {dockerPull: "docker.io/reanahub/reana-env-root6:6.18.04"}
requirements:
  InitialWorkDirRequirement: {listing: [$(inputs.gendata_tool)]}
inputs:
  gendata_tool: File
  events: int
baseCommand: /bin/sh
arguments:
  - prefix: -c
    valueFrom: |
      set -e
      awk -v events=$(inputs.events) -f $(inputs.gendata_tool.basename) > data.root
      echo generated $(inputs.events)
stdout: gendata.log
outputs:
  data: {type: File, outputBinding: {glob: data.root}}
  log: {type: stdout}
