cwlVersion: v1.2
class: CommandLineTool
requirements:
  DockerRequirement: {dockerPull: "example/image", dockerOutputDirectory: /inner}
  InitialWorkDirRequirement:
    listing:
      - {entryname: /etc/own.conf, entry: "a b"}
      - {entryname: next.txt, entry: "$(inputs.letter)"}
baseCommand: [cat]
stdin: $(inputs.letter.path)
stdout: copy.txt
inputs: {letter: File}
outputs: {copy: stdout}
