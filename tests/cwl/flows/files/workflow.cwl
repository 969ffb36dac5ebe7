cwlVersion: v1.2
class: Workflow
requirements: {InlineJavascriptRequirement: {}, StepInputExpressionRequirement: {}, ScatterFeatureRequirement: {}, MultipleInputFeatureRequirement: {}}
inputs: {tree: Directory, readme: File, literal: File, made: Directory}
outputs:
  listed: {type: File, outputSource: list/names}
  edited: {type: Directory, outputSource: edit/edited}
  written: {type: File, outputSource: edit/written}
  all: {type: 'File[]', outputSource: spread/files}
  dirs: {type: 'Directory[]', outputSource: spread/dirs}
  upper: {type: 'File[]', outputSource: shout/upper}
  given: {type: Directory, outputSource: made}
  sizes: {type: string, outputSource: measure/text}
  packed: {type: Directory, outputSource: pack/packed}
  nothing: {type: File?, outputSource: spread/nothing}
  entries: {type: File, outputSource: again/names}
steps:
  list:
    run: list.cwl
    in: {trees: {source: [tree, made, edit/edited]}}
    out: [names]
  # Files that change in the work directory, while the inputs do not.
  edit:
    run: edit.cwl
    in: {tree: tree, readme: readme, literal: literal}
    out: [edited, written]
  spread:
    run: spread.cwl
    in: {tree: edit/edited}
    out: [files, dirs, nothing]
  shout:
    run: upper.cwl
    scatter: text
    in: {text: spread/files}
    out: [upper]
  measure:
    run: sizes.cwl
    in: {tree: edit/edited, files: spread/files, readme: readme}
    out: [text]
  pack:
    run: pack.cwl
    in: {files: shout/upper, tree: edit/edited}
    out: [packed]
  again:
    run: list.cwl
    in: {trees: {source: pack/packed, valueFrom: '$([self])'}}
    out: [names]
