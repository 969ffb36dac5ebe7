cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {}
  InitialWorkDirRequirement:
    listing: ['$(inputs.reads)', '$(inputs.reads.secondaryFiles)']
baseCommand: [sh, -c, 'for file in *.bai; do wc -c < $file > $file.md5; done; ls']
inputs:
  reads:
    type: File
    secondaryFiles: [.bai]
stdout: listing.txt
outputs:
  marked:
    type: File
    outputBinding: {glob: $(inputs.reads.basename)}
    secondaryFiles:
      - .bai
      - $(inputs.reads.basename + '.bai.md5')
  listing: stdout
