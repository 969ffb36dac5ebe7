"""The commands that make room: delete, prune."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reana_batch import layout
from reana_batch.amounts import counted, readable_size
from reana_batch.cli import completing
from reana_batch.cli.answers import EXIT_REFUSED, Answer, answering
from reana_batch.cli.choosing import Choice, choice_options, look_at_each, named_runs
from reana_batch.cli.options import WORKON, find_run, run_options, runs_option
from reana_batch.cli.run_columns import runs_table
from reana_batch.cli.terminal import Note, Table, line, show

if TYPE_CHECKING:
    from reana_batch import RunStatus
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.run.pruning import Surplus

dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be deleted, and delete nothing.")


@click.command("delete")
@click.argument("named", nargs=-1, metavar="[NAME[.N]]...", shell_complete=completing.runs)
@click.option(
    "-w",
    "--workflow",
    "names",
    multiple=True,
    metavar="NAME[.N]",
    help=f"A run; without a number the latest.  [env: {WORKON}]",
    shell_complete=completing.runs,
)
@runs_option
@choice_options
@click.option("--include-all-runs", "all_runs", is_flag=True, help="All runs of each NAME.")
@click.option("--include-workspace", is_flag=True, help="Accepted; the workspace is always deleted.")
@dry_run_option
@answering
def delete(
    named: tuple[str, ...],
    names: tuple[str, ...],
    runs: Path | None,
    choice: Choice,
    all_runs: bool,
    include_workspace: bool,
    dry_run: bool,
) -> Answer:
    """Delete ended runs, with their workspaces.

    With --filter and --older-than, all runs that `list` shows with the same options. If one of several runs cannot be
    deleted, for example because it is running, none is.
    """
    from reana_batch.lifecycle.deletion import check_all_deletable

    del include_workspace
    chosen = _chosen(runs, (*named, *names), choice, all_runs)
    check_all_deletable(chosen)
    if dry_run:
        return _would_delete(chosen)
    gone, diagnostics = _delete_all(chosen)
    records = [{"name": name, "status": "deleted"} for name in gone]
    shown = [line(f"==> SUCCESS: {name} has been deleted.", "green") for name in gone]
    show(diagnostics)
    return Answer(
        records[0] if len(chosen) == 1 and not choice else {"runs": records},
        shown or [line("==> No run fits.")],
        diagnostics,
        EXIT_REFUSED if diagnostics.errors else 0,
    )


def _chosen(runs: Path | None, names: Sequence[str], choice: Choice, all_runs: bool) -> list[RunStatus]:
    """Return the runs to delete, restarts before their originals."""
    from reana_batch.diagnostics import Refused

    if not names and (all_runs or not choice):
        names = [name for name in [os.environ.get(WORKON)] if name]
        if not names:
            raise click.UsageError("Missing option '-w' / '--workflow'.")
    if all_runs:
        names = [name if "/" in name else name.partition(".")[0] for name in names]
    several = all_runs or bool(choice)
    found, diagnostics = look_at_each(
        named_runs(runs, names) if several else dict.fromkeys(find_run(name, runs) for name in names)
    )
    if diagnostics.errors:
        raise Refused(diagnostics)
    chosen = [each for each in found if choice.fits(each)]
    return sorted(chosen, key=lambda each: not (each.run.directory / layout.WORKSPACE).is_symlink())


def _would_delete(chosen: Sequence[RunStatus]) -> Answer:
    columns = ("name", "run_number", "created", "status", "size")
    records = [{"name": each.run.directory.name, "status": each.state, "size": each.size} for each in chosen]
    return Answer({"runs": records}, [*runs_table(chosen, columns), Note("Nothing was deleted.")])


def _delete_all(chosen: Sequence[RunStatus]) -> tuple[list[str], Diagnostics]:
    """Delete runs, and return the names of those that are gone, with the faults. Raises Refused if none is."""
    from reana_batch.diagnostics import Diagnostics, Refused
    from reana_batch.lifecycle.deletion import delete as delete_run

    gone, diagnostics = [], Diagnostics()
    for each in chosen:
        try:
            delete_run(each.run.directory)
            gone.append(each.run.directory.name)
        except Refused as refused:
            diagnostics.add(refused.diagnostics)
    if diagnostics.errors and not gone:
        raise Refused(diagnostics)
    return gone, diagnostics


# --- pruning -----------------------------------------------------------------------------------------


@click.command("prune")
@run_options
@click.option("--include-inputs", is_flag=True, help="Remove the inputs too.")
@click.option("--include-outputs", is_flag=True, help="Remove the declared outputs too.")
@click.option("--force", is_flag=True, help="Also if the run could be resumed.")
@dry_run_option
@answering
def prune(
    name: str, runs: Path | None, include_inputs: bool, include_outputs: bool, force: bool, dry_run: bool
) -> Answer:
    """Remove files that are neither inputs nor outputs.

    What links among these lead to stays too. The run must have ended.
    """
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle import pruning

    directory, wishes = find_run(name, runs), pruning.Wishes(include_inputs, include_outputs, force)
    if dry_run:
        files = pruning.planned(directory, wishes)
        rows = [(str(each.size), f"./{each.name}") for each in files]
        return Answer(_pruned(files), [Table(("SIZE", "NAME"), rows), Note(f"{_sum(files)}. Nothing was deleted.")])
    diagnostics, files = Diagnostics(), []
    for each in pruning.prune(directory, wishes):
        if isinstance(each, OSError):
            diagnostics.error("cannot-write", f"{each.filename}: {each.strerror}.")
        else:
            files.append(each)
    show(diagnostics)
    success = line(f"==> SUCCESS: {directory.name} is pruned: {_sum(files)}.", "green")
    return Answer(
        _pruned(files),
        [] if diagnostics.errors else [success],
        diagnostics,
        EXIT_REFUSED if diagnostics.errors else 0,
    )


def _pruned(files: Sequence[Surplus]) -> dict[str, object]:
    return {
        "total": sum(each.size for each in files),
        "files": [{"name": each.name, "size": each.size} for each in files],
    }


def _sum(files: Sequence[Surplus]) -> str:
    return f"{counted(len(files), 'file')}, {readable_size(sum(each.size for each in files))}"
