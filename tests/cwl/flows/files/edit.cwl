cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {}
  InitialWorkDirRequirement:
    listing:
      - {entry: $(inputs.tree), entryname: copy, writable: true}
      - {entry: $(inputs.readme), writable: true}
      - $(inputs.literal)
      - entryname: script.sh
        entry: |
          # $(inputs.readme.basename) and \$(not this)
          echo added >> copy/leaf.txt
          rm copy/other.dat
          mkdir copy/new
          cat $(inputs.literal.basename) > copy/new/literal.txt
          echo more >> readme.txt
          cat readme.txt inner/moved.txt config.json
      - {entryname: config.json, entry: '${return {readme: inputs.readme.basename, list: [1, 2.5, null]}}'}
      - {entryname: inner/moved.txt, entry: $(inputs.extra)}
baseCommand: [sh, script.sh]
inputs: {tree: Directory, readme: File, literal: File, extra: {type: File, default: {class: File, location: data/extra.txt}}}
stdout: written.txt
outputs:
  edited: {type: Directory, outputBinding: {glob: copy}}
  written: stdout
