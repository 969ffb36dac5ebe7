"""The command that writes the report on a run."""

from __future__ import annotations

from pathlib import Path

import click

from reana_batch import backends
from reana_batch.amounts import readable_size
from reana_batch.cli.answers import Answer, answering, write_file
from reana_batch.cli.options import open_run, run_options
from reana_batch.cli.terminal import line, show


@click.command("report")
@run_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; it is replaced.  [default: NAME.N.html]",
)
@answering
def report(name: str, runs: Path | None, output: Path | None) -> Answer:
    """Write a page about a run, with charts, failures and usage.

    The page is one file that a browser shows without a network. The run may be in any state.
    """
    from reana_batch.report.page import page
    from reana_batch.report.run_reading import run_facts
    from reana_batch.report.vega import demand_library

    demand_library()
    current = open_run(name, runs).status()
    if current.silence is not None:
        show(current.silence.diagnostics)
    facts = run_facts(current, lambda name: backends.lowering(name).TARGET.title)
    target = output or Path(f"{facts.name}.html")
    content = page(facts).encode()
    write_file(target, content, private=True)
    record = {"file": str(target), "bytes": len(content), "status": facts.state, "jobs": len(facts.jobs)}
    diagnostics = current.silence.diagnostics if current.silence else None
    text = f"==> SUCCESS: The report on {facts.name} is in {target} ({readable_size(len(content))})."
    return Answer(record, [line(text, "green")], diagnostics)
