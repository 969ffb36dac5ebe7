cwlVersion: v1.2
class: ExpressionTool
requirements: [{class: InlineJavascriptRequirement}]
inputs:
  numbers: int[]
  file: {type: File, loadContents: true}
outputs: {sum: int}
expression: |
  ${
    var sum = parseInt(inputs.file.contents);
    inputs.numbers.forEach(function (number) {sum += number});
    return {sum: sum};
  }
