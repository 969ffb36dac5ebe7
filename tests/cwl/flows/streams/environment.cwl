cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {}
  EnvVarRequirement:
    envDef:
      TEXT: $(inputs.text) and "more" $HOME
      FILE: $(inputs.lines.basename)
baseCommand: [sh, -c, 'echo "$TEXT"; echo "$FILE"; test "$HOME" = "$PWD" && test -d "$TMPDIR" && test -w "$TMPDIR" && echo as asked > place; test -n "$PATH"']
inputs: {text: string, lines: File}
stdout: words.txt
outputs: {words: stdout, place: {type: File, outputBinding: {glob: place}}}
