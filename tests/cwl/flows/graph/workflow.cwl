cwlVersion: v1.2
$namespaces: {f: 'http://example.org/formats#'}
$schemas: [formats.ttl]
$graph:
  - id: count
    class: CommandLineTool
    requirements: {InlineJavascriptRequirement: {}}
    baseCommand: sh
    inputs:
      script: {type: File, inputBinding: {position: 1}}
      table: {type: File, format: 'f:text', inputBinding: {position: 2}}
    stdout: count.csv
    outputs:
      counted: {type: stdout, format: $(inputs.table.format)}
  - id: describe
    class: CommandLineTool
    requirements:
      SchemaDefRequirement:
        types:
          - name: limits
            type: record
            fields:
              low: {type: int, inputBinding: {prefix: --low=, separate: false}}
              high: {type: float, inputBinding: {prefix: --high=, separate: false}}
          - name: options
            type: record
            fields:
              - {name: header, type: boolean, inputBinding: {prefix: --header}}
              - {name: unit, type: {type: enum, name: unit, symbols: [mm, cm]}, inputBinding: {prefix: -u}}
              - {name: limits, type: '#describe/limits'}
    baseCommand: echo
    inputs:
      options: {type: '#describe/options', inputBinding: {}}
      counted: {type: File, format: f:csv}
    arguments: [$(inputs.counted.format)]
    stdout: described.txt
    outputs: {described: stdout}
  - id: inner
    class: Workflow
    inputs: {table: File, script: File, options: Any}
    outputs:
      described: {type: File, outputSource: describe/described}
      counted: {type: File, outputSource: count/counted}
    steps:
      count:
        run: '#count'
        in: {table: table, script: script}
        out: [counted]
      describe:
        run: '#describe'
        in: {options: options, counted: count/counted}
        out: [described]
  - id: main
    class: Workflow
    requirements: {SubworkflowFeatureRequirement: {}}
    inputs:
      table: {type: File, format: f:csv}
      script: File
      options: Any
    outputs:
      described: {type: File, outputSource: inner/described}
      counted: {type: File, outputSource: inner/counted}
    steps:
      inner:
        run: '#inner'
        in: {table: table, script: script, options: options}
        out: [described, counted]
