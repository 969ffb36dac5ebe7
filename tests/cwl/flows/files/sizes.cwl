cwlVersion: v1.2
class: ExpressionTool
requirements: {InlineJavascriptRequirement: {}, LoadListingRequirement: {loadListing: deep_listing}}
inputs: {tree: Directory, files: 'File[]', readme: File}
outputs: {text: string}
expression: |
  ${
    function names(directory) {
      return directory.listing.map(function (each) {
        return each.class === "Directory" ? each.basename + "(" + names(each) + ")" : each.basename + each.size;
      }).sort().join(",");
    }
    return {text: names(inputs.tree) + ";" + inputs.files.map(function (each) {return each.nameroot + each.nameext + each.size}) + inputs.readme.size};
  }
