with open(snakemake.input[0]) as stream, open(snakemake.output[0], "w") as out:  # noqa: F821  # Snakemake gives it
    out.write(f"{len(stream.read()) * snakemake.params.scale} {snakemake.wildcards.sample}\n")  # noqa: F821  # as above
