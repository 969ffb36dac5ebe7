"""The command that opens a shell in the place of a job."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reana_batch.cli import completing
from reana_batch.cli.answers import guarded
from reana_batch.cli.options import find_run, run_options


@click.command("shell")
@run_options
@click.argument("step", shell_complete=completing.steps_of_run)
@click.option("--row", type=click.IntRange(min=0), help="This row of the step.  [default: the first that failed]")
@click.option("--on-worker", is_flag=True, help="In a job of the batch system, which asks for what the step asks for.")
def shell(name: str, runs: Path | None, step: str, row: int | None, on_worker: bool) -> None:
    """Open a shell where a job ran, and print its command.

    It has the container, directory, variables and credentials of the job. The command is not run, and no record is
    written. Without a terminal, commands are read from standard input. The exit code is that of the shell.
    """
    from reana_batch.lifecycle.shell import open_shell
    from reana_batch.run.parts import Run

    with guarded(as_json=False):
        code = open_shell(Run(find_run(name, runs)), step, row, on_worker=on_worker)
    sys.exit(code)
