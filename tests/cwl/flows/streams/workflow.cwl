cwlVersion: v1.2
class: Workflow
requirements: {InlineJavascriptRequirement: {}, StepInputExpressionRequirement: {}, ScatterFeatureRequirement: {}}
inputs: {lines: File, code: int}
outputs:
  sorted: {type: File, outputSource: sort/sorted}
  out: {type: File, outputSource: both/out}
  err: {type: File, outputSource: both/err}
  listed: {type: Any, outputSource: json/table}
  file: {type: File, outputSource: json/file}
  words: {type: File, outputSource: environment/words}
  piped: {type: File, outputSource: shell/piped}
  cores: {type: 'int[]', outputSource: resources/used}
  ended: {type: 'int[]', outputSource: codes/ended}
  quiet: {type: File, outputSource: silent/out}
  place: {type: File, outputSource: environment/place}
steps:
  sort:
    run:
      class: CommandLineTool
      baseCommand: sort
      inputs: {lines: stdin}
      outputs: {sorted: stdout}
    in: {lines: lines}
    out: [sorted]
  both:
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'echo to stdout; echo to stderr >&2; wc -c']
      inputs: {lines: File}
      stdin: $(inputs.lines.path)
      stderr: errors/all.txt
      stdout: $(inputs.lines.size).txt
      outputs: {out: stdout, err: {type: stderr}}
    in: {lines: sort/sorted}
    out: [out, err]
  silent:
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'echo; echo to the log; cat > /dev/null; echo x > x']
      inputs: []
      outputs: {out: {type: File, outputBinding: {glob: x}}}
    in: []
    out: [out]
  json:
    run: json.cwl
    in: {lines: sort/sorted}
    out: [table, file, cores]
  environment:
    run: environment.cwl
    in: {text: {source: json/table, valueFrom: '$(self.text)'}, lines: lines}
    out: [words, place]
  shell:
    run:
      class: CommandLineTool
      requirements: {ShellCommandRequirement: {}}
      inputs: {lines: File, pattern: string}
      arguments:
        - cat
        - $(inputs.lines)
        - {valueFrom: '|', shellQuote: false}
        - grep
        - -v
        - {valueFrom: $(inputs.pattern)}
        - {valueFrom: '> "piped $HOME_.txt"; echo $((1 + 2)) >> "piped $HOME_.txt"', shellQuote: false}
      outputs: {piped: {type: File, outputBinding: {glob: 'piped *'}}}
    in: {lines: lines, pattern: {default: "$(echo a)*|\"'"}}
    out: [piped]
  # Each slice asks for other cores, which only the run knows.
  resources:
    run: resources.cwl
    scatter: cores
    in: {cores: json/cores, lines: sort/sorted}
    out: [used]
  codes:
    run: codes.cwl
    scatter: code
    in: {code: {default: [0, 3, 4]}}
    out: [ended]
