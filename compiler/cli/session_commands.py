"""The commands of sessions: open and close."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reana_batch.cli import completing
from reana_batch.cli.answers import Answer, answering
from reana_batch.cli.options import amount, find_run, run_options
from reana_batch.cli.terminal import line, say

if TYPE_CHECKING:
    from reana_batch.diagnostics import Refused
    from reana_batch.lifecycle.sessions import SessionStatus


def _known_kind(context: click.Context, argument: click.Parameter, given: str | None) -> str:
    """Return the kind of session that the user wants. Without a word it is the first one."""
    from reana_batch.writing.sessions import KINDS

    return str(click.Choice([*KINDS]).convert(given or next(iter(KINDS)), argument, context))


_kind_argument = click.argument(
    "kind", required=False, callback=_known_kind, shell_complete=completing.kinds_of_session
)


@click.command("open")
@run_options
@_kind_argument
@click.option(
    "--on", type=click.Choice(["login", "batch"]), help="Where.  [default: batch, if the run has a batch system]"
)
@click.option("--image", default="", help="The image that has the program.  [default: your own program]")
@click.option("--step", default="", help="Use the image of this step.")
@click.option("--runtime", metavar="TIME", callback=amount, help="When it ends, such as 90m or 8h.  [default: 4h]")
@answering
def open_command(
    name: str, runs: Path | None, kind: str, on: str | None, image: str, step: str, runtime: int | None
) -> Answer:
    """Open a notebook on a run's workspace.

    Waits until the server answers, and prints its address. The address contains a token: treat it as a password.
    """
    from reana_batch.cli.session_text import opened_lines, session_text
    from reana_batch.lifecycle import sessions
    from reana_batch.report.records import session_record

    if image and step:
        raise click.UsageError("--image and --step cannot be used together.")
    directory = find_run(name, runs)
    wanted = sessions.Wanted(kind, on, image, step, runtime)
    current, is_new = sessions.open_session(directory, wanted)
    current = sessions.await_session(current, lambda seen: say(session_text(seen)))
    if current.state != sessions.OPEN:
        raise _not_open(current)
    login = socket.getfqdn()
    return Answer({**session_record(current), "url": current.session.url}, opened_lines(current, is_new, login))


def _not_open(current: SessionStatus) -> Refused:
    from reana_batch.diagnostics import refuse

    kind, folder = current.session.kind, shlex.quote(str(current.session.folder))
    message = f"{kind} of {current.run.name} did not open: {current.reason}."
    cure = f"if {kind} is missing, activate an environment that has it, or name an image with --image."
    return refuse("run-state", message, hint=f"its logs are in {folder}; {cure}")


@click.command("close")
@run_options
@_kind_argument
@click.option("--force", is_flag=True, help="Count it as closed even if its batch system or machine does not answer.")
@answering
def close(name: str, runs: Path | None, kind: str, force: bool) -> Answer:
    """Close a notebook that `open` started."""
    from reana_batch.lifecycle import sessions

    directory = find_run(name, runs)
    sessions.close_session(directory, kind, force=force)
    shown = [line(f"==> SUCCESS: {kind} of {directory.name} has been closed.", "green")]
    return Answer({"name": directory.name, "type": kind, "status": "closed"}, shown)
