"""``python -m reana_batch``: the command line."""

from reana_batch.cli.main import main

main(prog_name="reana-batch")
