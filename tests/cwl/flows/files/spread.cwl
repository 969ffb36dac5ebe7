cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'cp -rL "$0" all; mkdir one two; echo 1 > one/1.txt; cp one/1.txt two/b.txt; cp one/1.txt two/a.txt; cp all/leaf.txt all/inner/deep.txt .']
inputs: {tree: {type: Directory, inputBinding: {}}}
outputs:
  files: {type: 'File[]', outputBinding: {glob: ['*.txt', two/*, all/new/literal.txt]}}
  dirs: {type: 'Directory[]', outputBinding: {glob: [one, two]}}
  nothing: {type: File?, outputBinding: {glob: '*.nothing'}}
