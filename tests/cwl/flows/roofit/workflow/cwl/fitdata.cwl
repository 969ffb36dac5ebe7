cwlVersion: v1.0
class: CommandLineTool
requirements:
  InitialWorkDirRequirement: {listing: [$(inputs.fitdata_tool), $(inputs.data)]}
hints:
  DockerRequirement: {dockerPull: "docker.io/reanahub/reana-env-root6:6.18.04"}
inputs:
  fitdata_tool: File
  data: File
baseCommand: /bin/sh
arguments:
  - prefix: -c
    valueFrom: |
      awk -f $(inputs.fitdata_tool.basename) $(inputs.data.basename) > plot.txt
stdout: fitdata.log
outputs:
  result: {type: File, outputBinding: {glob: plot.txt}}
