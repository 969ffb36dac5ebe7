cwlVersion: v1.2
$namespaces: {reana: "https://www.reana.io/"}
$graph:
- id: main
  class: Workflow
  requirements: {ScatterFeatureRequirement: {}, SubworkflowFeatureRequirement: {}, InlineJavascriptRequirement: {}}
  hints:
    DockerRequirement: {dockerPull: docker.io/library/debian:12}
    reana:reana: {kubernetes_job_timeout: 900}
  inputs:
    text: File
    lengths: int[]
    suffix: Any
  outputs:
    all: {type: File, outputSource: join/joined}
    total: {type: int, outputSource: sum/total}
  steps:
    sum:
      run:
        class: ExpressionTool
        inputs: {lengths: "int[]"}
        outputs: {total: int}
        expression: "${return {total: inputs.lengths.reduce((a, b) => a + b, 0)};}"
      in: {lengths: lengths}
      out: [total]
    word:
      run: '#word'
      scatter: length
      in: {text: text, length: lengths, suffix: suffix}
      out: [sorted]
    join:
      run: '#join'
      in: {parts: word/sorted}
      out: [joined]
- id: word
  class: Workflow
  inputs: {text: File, length: int, suffix: Any}
  outputs:
    sorted: {type: File, outputSource: sort/sorted}
  steps:
    pick:
      run: '#pick'
      in: {text: text, length: length, suffix: suffix}
      out: [picked]
    sort:
      run: '#sort'
      in: {picked: pick/picked}
      out: [sorted]
- id: pick
  class: CommandLineTool
  requirements:
    ResourceRequirement: {coresMin: 2, ramMin: 2048, outdirMin: 100, tmpdirMin: 28}
    ToolTimeLimit: {timelimit: 600}
  baseCommand: grep
  arguments: [-E, '^.{$(inputs.length)}$']
  inputs:
    text: {type: File, inputBinding: {position: 1}}
    length: int
    suffix: Any
  stdout: $(inputs.length)$(inputs.suffix.unit).txt
  outputs: {picked: stdout}
- id: sort
  class: CommandLineTool
  baseCommand: sort
  inputs:
    picked: {type: File, inputBinding: {}}
  stdout: sorted.txt
  outputs: {sorted: stdout}
- id: join
  class: CommandLineTool
  hints:
    reana:reana: {slurm_time: '60', htcondor_max_runtime: espresso}
  baseCommand: cat
  inputs:
    parts: {type: 'File[]', inputBinding: {}}
  stdout: all.txt
  outputs: {joined: stdout}
