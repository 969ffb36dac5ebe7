cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  given: {type: float, inputBinding: {position: 1}}
  large: {type: float, default: 1.23e5, inputBinding: {position: 2}}
  plain: {type: float, default: 1.0, inputBinding: {position: 3}}
outputs: []
