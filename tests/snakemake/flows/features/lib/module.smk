rule copy:
    input: "out/header.txt"
    output: "out/other.txt"
    params: config["scale"]
    shell: "cat {input} > {output}; echo {params} >> {output}"
