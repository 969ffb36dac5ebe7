#!/usr/bin/env cwl-runner

cwlVersion: v1.0
class: Workflow

inputs:
  helloworld: File
  inputfile: File
  sleeptime: int
  outputfile: string

outputs:
  result:
    type: File
    outputSource: first/result

steps:
  first:
    hints:
      reana:
        compute_backend: kubernetes
        kubernetes_memory_limit: 256Mi
    run: hello.tool
    in:
      helloworld: helloworld
      inputfile: inputfile
      sleeptime: sleeptime
      outputfile: outputfile
    out: [result]
