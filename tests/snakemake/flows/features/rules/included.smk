rule included:
    input: "out/header.txt"
    output: "out/included.txt"
    shell: "cp {input} {output}"
