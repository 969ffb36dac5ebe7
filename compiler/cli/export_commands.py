"""The command that exports a run."""

from __future__ import annotations

from pathlib import Path

import click

from reana_batch.cli.answers import Answer, answering
from reana_batch.cli.options import open_run, run_options
from reana_batch.cli.terminal import line, show


@click.command("export")
@run_options
@click.option(
    "--ro-crate",
    "crate",
    type=click.Path(path_type=Path),
    help="Write an RO-Crate: a directory, or a zip file if it ends so.",
)
@click.option("--no-data", is_flag=True, help="Leave inputs and outputs out of the crate, except sizes and checksums.")
@click.option("--logs", is_flag=True, help="Put the logs of the jobs into the crate.")
@click.option("--agent", default="", metavar="NAME", help="Who ran the analysis: a name, or an ORCID as https://...")
@click.option(
    "--license", "license_", default="", metavar="TEXT", help="The license of the crate: an address or a text."
)
@click.option("--force", is_flag=True, help="Replace what an earlier export wrote.")
@answering
def export(
    name: str, runs: Path | None, crate: Path | None, no_data: bool, logs: bool, agent: str, license_: str, force: bool
) -> Answer:
    """Write the provenance of a run: jobs, files and software.

    The run may be in any state.
    """
    from reana_batch.report import crate as crates
    from reana_batch.report.crate_files import write_crate
    from reana_batch.report.provenance import facts_of

    if crate is None:
        raise click.UsageError("export needs --ro-crate PATH.")
    current = open_run(name, runs).status()
    if current.silence is not None:
        show(current.silence.diagnostics)
    facts = facts_of(current)
    wish = crates.Wish(with_data=not no_data, with_logs=logs, agent=agent, license=license_)
    write_crate(crates.crate_of(facts, wish), crate, force=force)
    record = {"name": facts.name, "status": facts.state, "files": [str(crate)]}
    diagnostics = current.silence.diagnostics if current.silence else None
    return Answer(record, [line(f"==> SUCCESS: {facts.name} is in {crate}.", "green")], diagnostics)
