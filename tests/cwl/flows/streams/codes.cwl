cwlVersion: v1.2
class: CommandLineTool
requirements: {InlineJavascriptRequirement: {}}
baseCommand: [sh, -c, 'exit $0']
inputs: {code: {type: int, inputBinding: {}}}
successCodes: [0, 3, 4]
outputs: {ended: {type: int, outputBinding: {outputEval: '$(100 * runtime.exitCode + inputs.code)'}}}
