name = "inner"
cut = config["cut"]


rule select:
    output: "selected.txt"
    params: s=config["sample"], nested=config["more"]
    shell: "echo {params.s} {config} {config[more][deep]} {name} {cut} {params.nested[deep]} {rule} > {output}"
