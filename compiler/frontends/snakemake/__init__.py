"""The Snakemake front end."""
