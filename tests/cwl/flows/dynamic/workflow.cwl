cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
inputs:
  count: int
outputs:
  leaves:
    type: {type: array, items: {type: array, items: {type: array, items: File}}}
    outputSource: first/leaves
  total: {type: File, outputSource: sum/total}
steps:
  seeds:
    run: numbers.cwl
    in: {count: count}
    out: [numbers]
  # Each level scatters over what a scattered job of the level above made.
  first:
    scatter: seed
    in: {seed: seeds/numbers}
    out: [leaves]
    run:
      class: Workflow
      inputs: {seed: int}
      outputs:
        leaves:
          type: {type: array, items: {type: array, items: File}}
          outputSource: second/leaves
      steps:
        split:
          run: numbers.cwl
          in: {count: seed}
          out: [numbers]
        second:
          scatter: branch
          in: {seed: seed, branch: split/numbers}
          out: [leaves]
          run:
            class: Workflow
            inputs: {seed: int, branch: int}
            outputs:
              leaves: {type: 'File[]', outputSource: leaf/file}
            steps:
              split:
                run: numbers.cwl
                in: {count: branch}
                out: [numbers]
              leaf:
                run: leaf.cwl
                scatter: number
                in: {seed: seed, branch: branch, number: split/numbers}
                out: [file]
  sum:
    run:
      class: CommandLineTool
      requirements: [{class: InlineJavascriptRequirement}]
      baseCommand: cat
      inputs:
        leaves: {type: {type: array, items: {type: array, items: {type: array, items: File}}}}
      arguments:
        - |
          ${
            var found = [];
            inputs.leaves.forEach(function (a) {a.forEach(function (b) {b.forEach(function (c) {found.push(c.path)})})});
            return found;
          }
      stdout: total.txt
      outputs: {total: stdout}
    in: {leaves: first/leaves}
    out: [total]
