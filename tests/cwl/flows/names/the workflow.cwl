cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, InlineJavascriptRequirement: {}, StepInputExpressionRequirement: {}}
inputs: {files: 'File[]', words: 'string[]', nothing: string}
outputs:
  copies: {type: 'File[]', outputSource: copy-them/copy}
  said: {type: 'File[]', outputSource: say_it.all/said}
  all: {type: File, outputSource: all/said}
  echoed: {type: 'string[]', outputSource: Echo/text}
  made: {type: 'File[]', outputSource: Make/made}
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
