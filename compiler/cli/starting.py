"""The start of a run, on this machine or on a batch system."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

import reana_batch
from reana_batch import backends
from reana_batch.amounts import counted
from reana_batch.cli.answers import Answer, wants_json
from reana_batch.cli.following import end_answer
from reana_batch.cli.progress import watching
from reana_batch.cli.terminal import say

if TYPE_CHECKING:
    import subprocess

    from reana_batch.backends.drivers import Here
    from reana_batch.compilation import Compilation
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.run.parts import Run


def asked_site(directory: Path, settings: Sequence[str]) -> str | None:
    """Ask the user for a site and return it. None if a site is named, or if this machine has no batch system.

    The project's own settings are in ``directory``.
    """
    from reana_batch.diagnostics import Diagnostics, refuse
    from reana_batch.reading import sites

    found = backends.found_here()
    if not found:
        return None
    resolved = sites.resolve(None, settings, directory, Diagnostics(), known=backends.known_settings())
    if resolved.chosen_by or not resolved.origins["backend"].startswith(("default", "shipped")):
        return None
    machine = f"This machine submits to {' and '.join(found)}, and nothing says which site to use."
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        hint = "name it once: --site NAME (local runs here, with make); to keep it: REANA_BATCH_SITE=NAME,"
        where = f"or site: NAME in {sites.PROJECT_FILE} next to the analysis or in your home; see reana-batch sites."
        raise refuse("no-site", machine, hint=f"{hint} {where}")
    say(f"{machine} local runs here, with make.")
    known = click.Choice(list(sites.profiles(backends.known_settings(), Diagnostics())))
    site: str = click.prompt("Site", type=known, err=True)
    if click.confirm(f"Keep it in ~/{sites.PROJECT_FILE}?", err=True):
        sites.keep_choice(site)
    return site


def create(
    compilation: Compilation, root: Path, name: str, reused: Path | None = None, *, checksum: bool = False
) -> Path:
    """Write the directory of a new run, and return it. It is deleted if it cannot be written completely.

    It takes over the jobs of the run ``reused`` that are the same.
    """
    import shutil

    from reana_batch.diagnostics import Refused
    from reana_batch.lifecycle import creation
    from reana_batch.run.names import new_run

    directory = new_run(root, name)
    before = creation.facts_now(compilation)
    try:
        if reused is None:
            creation.write_run(compilation, directory)
        else:
            from reana_batch.lifecycle import reuse

            plan = reuse.create(directory, compilation, reused, checksum=checksum)
            say(f"==> {directory.name} takes over {plan.kept:,} of its {counted(plan.jobs, 'job')} from {reused.name}.")
    except Refused:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    creation.note_creation(directory, compilation, before)
    return directory


def starting(here: Here, jobs: int | None) -> Callable[[Run], subprocess.Popen[bytes]]:
    """Return a function that starts a run on this machine."""
    return lambda run: here.start(run, jobs)


def watch_here(
    directory: Path,
    here: Here,
    process: subprocess.Popen[bytes],
    diagnostics: Diagnostics | None = None,
    *,
    quiet: bool = False,
) -> Answer:
    """Wait until a run on this machine has ended, and return its state. Show its progress unless ``quiet``."""
    if not quiet:
        say(f"==> Running {directory.name} in {directory}")
    with watching(quiet=quiet or wants_json()) as report:
        here.watch(directory, process, report)
    return end_answer(reana_batch.Run(directory), diagnostics)
