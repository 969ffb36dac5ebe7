cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'for tree; do (cd "$tree" && find -L . -type f | sort); done', sh]
inputs: {trees: {type: 'Directory[]', inputBinding: {}}}
stdout: names.txt
outputs: {names: stdout}
