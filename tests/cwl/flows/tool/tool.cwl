cwlVersion: v1.2
class: CommandLineTool
requirements: {InlineJavascriptRequirement: {}}
baseCommand: printf
inputs:
  count: int
  text: {type: string, default: none}
arguments: ['%s\n', '$(Array.apply(null, {length: inputs.count}).map(function (_, i) {return inputs.text + i}))']
stdout: out.txt
outputs:
  said: stdout
  code: {type: int, outputBinding: {outputEval: $(runtime.exitCode)}}
