"""The verbs of reana-client that are not needed here, each with the command that does the same."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click


class Elsewhere(NamedTuple):
    """Why a verb is not here, and the command to use.

    In it, ``{run}``, ``{workspace}`` and ``{runs}`` are directories. ``{A}`` and ``{B}`` are the first words of the
    user, or capitals in their place.
    """

    reason: str
    command: str


class NotHere(click.ClickException):
    """A verb that has another name here. It ends as every word that is not a command."""

    exit_code = 2


_DIRECTORY = "the workspace is a directory"
_SERVER = "there is no server"
_ACCESS = "a run is a directory, and its modes say who can read it"
VERBS = {
    "create": Elsewhere("run makes and starts a run", "reana-batch run -w {name}, or reana-batch compile -o DIRECTORY"),
    "start": Elsewhere("run makes and starts a run", "reana-batch run -w {name}, or reana-batch submit DIRECTORY"),
    "upload": Elsewhere("the inputs are copied when a run is made", "cp {A} {workspace}/"),
    "mv": Elsewhere(_DIRECTORY, "mv {workspace}/{A} {workspace}/{B}"),
    "rm": Elsewhere(_DIRECTORY, "rm {workspace}/{A}, or reana-batch prune"),
    "quota-show": Elsewhere("the quota is that of your directories", "du -sh {runs}, or reana-batch list -v -h"),
    "retention-rules-list": Elsewhere("nothing is deleted by itself", "reana-batch delete --older-than 30d --dry-run"),
    "share-add": Elsewhere(_ACCESS, "cp -r {workspace} DIRECTORY"),
    "share-remove": Elsewhere(_ACCESS, "chmod -R go-rwx {run}"),
    "share-status": Elsewhere(_ACCESS, "ls -ld {run}"),
    "ping": Elsewhere(_SERVER, "reana-batch doctor"),
    "info": Elsewhere(_SERVER, "reana-batch doctor"),
    "version": Elsewhere("it is an option", "reana-batch --version"),
}


def command_of(verb: str) -> click.Command:
    """Return a command that accepts the words of reana-client and says what to use."""

    @click.command(verb, hidden=True, context_settings={"ignore_unknown_options": True, "help_option_names": []})
    @click.option("-w", "--workflow", "-n", "--name", "name", envvar="REANA_WORKON")
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def answer(name: str | None, words: tuple[str, ...]) -> None:
        found = VERBS[verb]
        given = [word for word in words if not word.startswith("-")]
        message = f'reana-batch has no "{verb}", because {found.reason}.'
        raise NotHere(f"{message} Use: {found.command.format_map(_places(name, given))}")

    return answer


def _places(name: str | None, given: Sequence[str]) -> dict[str, str]:
    """Return what the fields of a command stand for. A run that is not found is called RUN."""
    from reana_batch.diagnostics import Refused
    from reana_batch.run.names import default_root, find_run

    run = Path("RUN")
    if name:
        with contextlib.suppress(OSError, Refused):
            run = find_run(default_root(), name)
    first, second = [*map(shlex.quote, given), *("FILE", "TARGET")[len(given) :]][:2]
    return {
        "name": shlex.quote(name or "NAME"),
        "run": shlex.quote(str(run)),
        "workspace": shlex.quote(os.path.join(run, "workspace")),
        "runs": shlex.quote(str(default_root())),
        "A": first,
        "B": second,
    }
