cwlVersion: v1.2
class: Workflow
doc: Each expression throws if the input at has its name.
requirements:
  InlineJavascriptRequirement: {}
  StepInputExpressionRequirement: {}
  ToolTimeLimit:
    timelimit: $(inputs.at == "limit" && inputs.no.such || 20)
inputs:
  at: string
outputs: {}
steps:
  try:
    when: $(inputs.at == "when" && inputs.no.such || true)
    in:
      at: at
      word:
        default: x
        valueFrom: $(inputs.at == "value" && inputs.no.such || "x")
    out: [file, text, numbers]
    run:
      class: CommandLineTool
      requirements:
        EnvVarRequirement:
          envDef: {MOOD: $(inputs.at == "variable" && inputs.no.such || "x")}
        InitialWorkDirRequirement:
          listing:
            - entryname: $(inputs.at == "entryname" && inputs.no.such || "a")
              entry: $(inputs.at == "entry" && inputs.no.such || "a")
            - $(inputs.at == "listing" && inputs.no.such || null)
        ResourceRequirement:
          ramMin: $(inputs.at == "memory" && inputs.no.such || 1)
      baseCommand: [sh, -c, 'echo made > made.txt; test "$0" != written || echo "{}" > cwl.output.json']
      arguments:
        - $(inputs.at)
        - $(inputs.at == "argument" && inputs.no.such || "x")
        - valueFrom: $(inputs.at == "argument again" && inputs.no.such || "x")
      inputs:
        at: string
        word:
          type: string
          inputBinding:
            position: $(inputs.at == "position" && inputs.no.such || 1)
            valueFrom: $(inputs.at == "binding" && inputs.no.such || "x")
      stdout: $(inputs.at == "stdout" && inputs.no.such || "out")
      stderr: $(inputs.at == "stderr" && inputs.no.such || "err")
      outputs:
        file: # "written"
          type: File
          format: $(inputs.at == "format" && inputs.no.such || "https://example.org/text")
          secondaryFiles: $(inputs.at == "secondary" && inputs.no.such || [])
          outputBinding:
            glob: $(inputs.at == "glob" && inputs.no.such || inputs.at == "missing" && "none.txt" || "made.txt")
        text:
          type: string
          outputBinding:
            glob: made.txt
            loadContents: true
            outputEval: $(inputs.at == "output" && inputs.no.such || ["x"][+(inputs.at == "nothing")])
        numbers: # "type"
          type: int[]
          outputBinding:
            outputEval: $(inputs.at == "type" && ["x"] || [1])
