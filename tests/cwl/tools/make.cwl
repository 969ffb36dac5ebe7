cwlVersion: v1.2
class: CommandLineTool
requirements:
  ShellCommandRequirement: {}
  InlineJavascriptRequirement: {}
  InitialWorkDirRequirement:
    listing:
      - {entryname: made.txt, entry: "made for $(inputs.word)", writable: true}
  EnvVarRequirement:
    envDef: {MOOD: $(inputs.word)}
  ToolTimeLimit: {timelimit: 20}
  ResourceRequirement: {coresMin: 2, coresMax: 8, ramMin: 300}
baseCommand: []
arguments: [{valueFrom: $(inputs.script), shellQuote: false}, {valueFrom: $(inputs.more)}]
inputs:
  word: string
  script: string
  more: File[]?
outputs:
  made: {type: File, outputBinding: {glob: made.txt}}
  found:
    type: string
    outputBinding:
      glob: found.txt
      loadContents: true
      outputEval: ${ return self[0].contents.trim(); }
  code: {type: int, outputBinding: {outputEval: $(runtime.exitCode)}}
stdout: found.txt
successCodes: [0, 7]
temporaryFailCodes: [8]
