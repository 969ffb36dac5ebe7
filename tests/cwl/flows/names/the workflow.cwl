cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, SubworkflowFeatureRequirement: {}, InlineJavascriptRequirement: {}, StepInputExpressionRequirement: {}}
inputs: {files: 'File[]', words: 'string[]', nothing: string}
outputs:
  copies: {type: 'File[]', outputSource: copy-them/copy}
  said: {type: 'File[]', outputSource: say_it.all/said}
  all: {type: File, outputSource: all/said}
  echoed: {type: 'string[]', outputSource: Echo/text}
  made: {type: 'File[]', outputSource: Make/made}
  stems: {type: 'File[]', outputSource: stem/said}
  inside: {type: 'File?', outputSource: inside/said}
steps:
  copy-them:
    run: copy.cwl
    scatter: file
    in: {file: files}
    out: [copy]
  say_it.all:
    run: say.cwl
    scatter: word
    in: {word: {source: words, valueFrom: $(self)}, nothing: nothing}
    out: [said]
  all:
    run: say.cwl
    in: {word: {source: words, valueFrom: '$(self.join(""))'}, files: copy-them/copy, nothing: nothing}
    out: [said]
  Echo:
    run: echo.cwl
    scatter: word
    in: {word: words}
    out: [text]
  Make:
    run: make.cwl
    in: {text: {default: "a 'b' \"c\" $d \\e ü"}}
    out: [made]
  stem:
    run: say.cwl
    scatter: file
    in: {file: copy-them/copy, word: {valueFrom: $(inputs.file.nameroot)}, nothing: nothing}
    out: [said]
  inside:
    when: $(inputs.file.nameext == ".txt")
    in:
      file: {source: copy-them/copy, valueFrom: '$(self[0])'}
      word: {source: copy-them/copy, valueFrom: '$(self[0].nameroot)'}
      nothing: nothing
    out: [said]
    run:
      class: Workflow
      inputs: {word: string, nothing: string}
      outputs: {said: {type: File, outputSource: within/said}}
      steps:
        within: {run: say.cwl, in: {word: word, nothing: nothing}, out: [said]}
