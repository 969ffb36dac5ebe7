"""The command that exports a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reana_batch.cli.answers import Answer, answering, write_file
from reana_batch.cli.options import open_run, run_options
from reana_batch.cli.terminal import line, show

if TYPE_CHECKING:
    from reana_batch.report.crate import Wish
    from reana_batch.report.provenance import Facts

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("export")
@run_options
@click.option(
    "--ro-crate",
    "crate",
    type=click.Path(path_type=Path),
    help="Write an RO-Crate: a directory, or a zip file if it ends in .zip.",
)
@click.option("--wfformat", type=_FILE, help="Write the JSON of WfCommons: jobs, their order, times and usage.")
@click.option("--prov", type=_FILE, help="Write a W3C PROV document: PROV-JSON, or PROV-N if it ends in .provn.")
@click.option("--no-data", is_flag=True, help="Leave inputs and outputs out of the crate, except sizes and checksums.")
@click.option("--logs", is_flag=True, help="Put the logs of the jobs into the crate.")
@click.option("--agent", default="", metavar="NAME", help="Who ran the analysis: a name, or an ORCID as https://...")
@click.option(
    "--license", "license_", default="", metavar="TEXT", help="The license of the crate: an address or a text."
)
@click.option("--force", is_flag=True, help="Replace what an earlier export wrote.")
@answering
def export(
    name: str,
    runs: Path | None,
    crate: Path | None,
    wfformat: Path | None,
    prov: Path | None,
    no_data: bool,
    logs: bool,
    agent: str,
    license_: str,
    force: bool,
) -> Answer:
    """Write the provenance of a run: jobs, files and software.

    The run may be in any state.
    """
    from reana_batch.report.crate import Wish
    from reana_batch.report.provenance import facts_of

    if not (crate or wfformat or prov):
        raise click.UsageError("export needs --ro-crate PATH, --wfformat FILE or --prov FILE.")
    current = open_run(name, runs).status()
    if current.silence is not None:
        show(current.silence.diagnostics)
    facts = facts_of(current)
    if crate:
        _write_crate(facts, Wish(not no_data, logs, agent, license_), crate, force=force)
    if wfformat:
        _write_wfformat(facts, wfformat, force=force)
    if prov:
        _write_prov(facts, agent, prov, force=force)
    written = [str(path) for path in (crate, wfformat, prov) if path]
    record = {"name": facts.name, "status": facts.state, "files": written}
    diagnostics = current.silence.diagnostics if current.silence else None
    return Answer(record, [line(f"==> SUCCESS: {facts.name} is in {', '.join(written)}.", "green")], diagnostics)


def _write_crate(facts: Facts, wish: Wish, target: Path, *, force: bool) -> None:
    from reana_batch.report.crate import crate_of
    from reana_batch.report.crate_files import write_crate

    write_crate(crate_of(facts, wish), target, force=force)


def _write_wfformat(facts: Facts, target: Path, *, force: bool) -> None:
    from reana_batch.report.wfformat import instance

    text = json.dumps(instance(facts), indent=1, ensure_ascii=False)
    write_file(target, f"{text}\n".encode(), new=not force)


def _write_prov(facts: Facts, agent: str, target: Path, *, force: bool) -> None:
    from reana_batch.report.prov_document import NOTATION, document

    text = document(facts, agent, as_notation=target.suffix == NOTATION)
    write_file(target, f"{text.rstrip()}\n".encode(), new=not force)
