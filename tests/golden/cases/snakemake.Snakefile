container: "docker://docker.io/library/debian:12"

rule all:
    input: "table.txt", "checked.txt"

rule select:
    input: "data/{sample}.txt"
    output: "selected/{sample}.txt"
    log: "logs/{sample}.log"
    retries: 1
    threads: 2
    resources: mem_mb=500, runtime="10m", htcondor_max_runtime="espresso"
    shell: "grep -v '^#' {input} > {output} 2> {log}"

rule merge:
    input: lambda wildcards: [f"selected/{sample}.txt" for sample in config["merged"][wildcards.name]]
    output: protected("merged/{name}.txt")
    shell: "cat {input} > {output}"

rule table:
    input: expand("merged/{name}.txt", name=config["merged"])
    output: "table.txt"
    run:
        with open(output[0], "w") as table:
            table.writelines(f"{name}\n" for name in input)

checkpoint split:
    input: "table.txt"
    output: directory("parts")
    shell: "mkdir parts; split -l 1 {input} parts/"

rule checked:
    input: lambda wildcards: checkpoints.split.get().output[0]
    output: touch("checked.txt")
