"""The commands for the user's secrets, as in reana-client: secrets-add, secrets-list, secrets-delete."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reana_batch.cli import completing
from reana_batch.cli.answers import Answer, answering
from reana_batch.cli.options import the_store
from reana_batch.cli.terminal import Table, line

if TYPE_CHECKING:
    from reana_batch.facts import Secret

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@click.command("secrets-add")
@click.option(
    "--env",
    "values",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="A value. Without =VALUE it comes from the environment, or the command asks for it.",
)
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file, stored under its own name.",
)
@click.option("--overwrite", is_flag=True, help="Replace secrets of the same names.")
@answering
def secrets_add(values: tuple[str, ...], files: tuple[Path, ...], overwrite: bool) -> Answer:
    """Store values and files that jobs need for credentials.

    While the command runs, all users of the machine can see its command line: give passphrases and passwords as
    --env NAME, without a value.
    """
    from reana_batch.diagnostics import refuse
    from reana_batch.facts import ENV, FILE, Secret

    if not values and not files:
        raise click.UsageError("Give at least one --env or --file.")
    given = {Secret(_name(word), ENV): _value(word) for word in values}
    given |= {Secret(path.name, FILE): _content(path) for path in files}
    store = the_store()
    known = [secret.name for secret in store.secrets() if secret in given]
    if known and not overwrite:
        message = f"{_listed(known)} there already; nothing was added."
        raise refuse("secret-exists", message, hint="replace them with --overwrite.")
    for secret, content in given.items():
        store.add(secret, content)
    text = f"==> SUCCESS: {_listed([secret.name for secret in given])} kept in {store.directory}."
    return Answer({"added": [_record(secret) for secret in given]}, [line(text, "green")])


def _name(word: str) -> str:
    name = word.partition("=")[0]
    if not _NAME.fullmatch(name):
        raise click.UsageError(f'--env must be NAME or NAME=VALUE, and "{name}" is not a name.')
    return name


def _value(word: str) -> bytes:
    name, equals, value = word.partition("=")
    if not equals:
        value = os.environ.get(name) or click.prompt(name, hide_input=True, err=True)
    return os.fsencode(value)


def _content(path: Path) -> bytes:
    from reana_batch.files import read_regular

    try:
        return read_regular(path)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}.", param_hint="--file") from error


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _record(secret: Secret) -> dict[str, str]:
    return {"name": secret.name, "type": secret.type}


@click.command("secrets-list")
@answering
def secrets_list() -> Answer:
    """List the secrets by name, never their values."""
    found = list(the_store().secrets())
    table = Table(("NAME", "TYPE"), [(secret.name, secret.type) for secret in found])
    return Answer({"secrets": [_record(secret) for secret in found]}, [table])


@click.command("secrets-delete")
@click.argument("names", nargs=-1, required=True, shell_complete=completing.secrets)
@answering
def secrets_delete(names: tuple[str, ...]) -> Answer:
    """Delete secrets by name."""
    from reana_batch.diagnostics import closest, refuse

    store = the_store()
    found = [secret for secret in store.secrets() if secret.name in names]
    known = {secret.name for secret in store.secrets()}
    unknown = [name for name in names if name not in known]
    if unknown:
        meant = closest(unknown[0], known)
        hint = f"did you mean {meant}?" if meant else "list them with reana-batch secrets-list."
        raise refuse("missing-secret", f"{_listed(unknown)} not there; nothing was deleted.", hint=hint)
    for secret in found:
        store.delete(secret)
    text = f"==> SUCCESS: {_listed([secret.name for secret in found])} deleted."
    return Answer({"deleted": [_record(secret) for secret in found]}, [line(text, "green")])
