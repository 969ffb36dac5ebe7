cwlVersion: v1.2
class: CommandLineTool
requirements: {InitialWorkDirRequirement: {listing: [{entryname: made.json, entry: '{"table": {"text": "two words", "list": [1, null, "ü"]}, "cores": [1, 2, 1], "file": {"class": "File", "path": "own.txt"}}'}]}}
baseCommand: [sh, -c, 'cp made.json cwl.output.json; cat "$0" > own.txt']
inputs: {lines: {type: File, inputBinding: {}}}
outputs: {table: Any, file: File, cores: 'int[]'}
