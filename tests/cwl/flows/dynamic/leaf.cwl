cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
arguments: [$(inputs.seed), $(inputs.branch), $(inputs.number)]
inputs: {seed: int, branch: int, number: int}
stdout: $(inputs.seed)-$(inputs.branch)-$(inputs.number).txt
outputs: {file: stdout}
