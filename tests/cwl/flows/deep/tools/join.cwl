cwlVersion: v1.2
class: CommandLineTool
requirements: [{class: InlineJavascriptRequirement}]
baseCommand: echo
inputs:
  table: {type: {type: array, items: {type: array, items: string}}}
  grid: {type: {type: array, items: {type: array, items: string}}}
  flat: string[]
arguments: ['$(JSON.stringify([inputs.table, inputs.grid, inputs.flat]))']
stdout: joined.json
outputs: {file: stdout}
