cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'echo "$0" "$@"']
inputs:
  letter: {type: string, inputBinding: {position: 1}}
  digit: {type: int, inputBinding: {position: 2}}
  before: {type: File?, inputBinding: {position: 3, loadContents: true, valueFrom: $(self.contents.length)}}
requirements: [{class: InlineJavascriptRequirement}]
outputs:
  said: stdout
stdout: $(inputs.letter)$(inputs.digit).txt
