cwlVersion: v1.2
class: CommandLineTool
requirements: {InlineJavascriptRequirement: {}, EnvVarRequirement: {envDef: {WORD: $(inputs.word)}}, InitialWorkDirRequirement: {listing: [{entryname: 'word ü.txt', entry: '$(inputs.word)'}]}}
baseCommand: [sh, -c, 'printf "%s|" "$WORD"; printf "%s|" "$0"; cat "word ü.txt"']
arguments: [{valueFrom: $(inputs.word)}]
inputs: {word: string}
stdout: text
outputs: {text: {type: string, outputBinding: {glob: text, loadContents: true, outputEval: '$(self[0].contents)'}}}
