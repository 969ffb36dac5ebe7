cwlVersion: v1.2
class: ExpressionTool
requirements: {InlineJavascriptRequirement: {}}
inputs: {files: 'File[]', tree: Directory}
outputs: {packed: Directory}
expression: |
  ${
    var note = {class: "File", basename: "note.txt", contents: "a note\n"};
    var inner = {class: "Directory", basename: "inner", listing: inputs.files.slice(0, 2)};
    return {packed: {class: "Directory", basename: "packed", listing: [note, inner, inputs.tree, inputs.files[2]]}};
  }
