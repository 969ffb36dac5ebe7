cwlVersion: v1.0
class: CommandLineTool

hints:
  DockerRequirement:
    dockerPull: docker.io/library/python:2.7-slim

baseCommand: python3

inputs:
  helloworld:
    type: File
    inputBinding:
      position: 0
  sleeptime:
    type: int
    inputBinding:
      position: 1
      prefix: --sleeptime
  inputfile:
    type: File
    inputBinding:
      position: 2
      prefix: --inputfile
  outputfile:
    type: string
    inputBinding:
      position: 3
      prefix: --outputfile

outputs:
  result:
    type: File
    outputBinding:
      glob: $(inputs.outputfile)
