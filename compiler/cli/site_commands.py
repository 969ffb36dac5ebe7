"""The commands about this machine and its site: samples, sites, config, doctor, completion."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from reana_batch import backends
from reana_batch.cli import completing
from reana_batch.cli.answers import EXIT_FAILED, Answer, answering, guarded, json_option
from reana_batch.cli.options import amount, root_of, runs_option, site_line, site_option
from reana_batch.cli.terminal import Note, Raw, Table, line, print_pieces, say


@click.command("samples")
@click.argument("name", required=False, shell_complete=completing.samples)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@answering
def samples(name: str | None, directory: Path | None) -> Answer:
    """List the samples, or copy one to start from."""
    from reana_batch.samples import catalogue

    known = catalogue.descriptions()
    if name is None:
        return Answer({"samples": known}, [Table(("SAMPLE", "WHAT IT SHOWS"), list(known.items()))])
    copied = catalogue.copy(name, directory or Path(name))
    shown = [
        line(f"==> SUCCESS: {name} is in {copied}.", "green"),
        line(f"To run it: reana-batch run -f {shlex.quote(str(copied))}/reana.yaml"),
    ]
    return Answer({"sample": name, "directory": str(copied)}, shown)


# --- sites and settings ------------------------------------------------------------------------------


@click.group("sites", invoke_without_command=True)
@json_option
@click.pass_context
def sites(context: click.Context) -> None:
    """List the site profiles, or show one."""
    if context.invoked_subcommand is None:
        _list_sites()


@answering
def _list_sites() -> Answer:
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.reading.sites import profiles, user_file

    known = profiles(backends.known_settings(), Diagnostics())
    table = Table(("SITE", "DESCRIPTION"), list(known.items()))
    return Answer({"sites": known}, [table, Note(f"Your own profiles go into {user_file()}.")])


@sites.command("show")
@click.argument("name", shell_complete=completing.sites)
@answering
def show_site(name: str) -> Answer:
    """Show the rules of a site with their sources, then the other settings of its profile."""
    return _settings_answer(name, (), column="SOURCE")


@click.command("config")
@site_option
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting.",
    shell_complete=completing.settings,
)
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@answering
def config(site: str | None, settings: tuple[str, ...], origin: bool) -> Answer:
    """Show the settings in force here."""
    return _settings_answer(site, settings, column="ORIGIN" if origin else None)


def _settings_answer(site: str | None, settings: tuple[str, ...], column: str | None) -> Answer:
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.reading.sites import resolve
    from reana_batch.site import settings_of

    resolved = resolve(site, settings, Path(), Diagnostics(), known=backends.known_settings())
    values = settings_of(resolved.site)
    sources = values.pop("sources")
    record = {
        "site": resolved.site.name,
        "chosen_by": resolved.chosen_by or None,
        "settings": values,
        "sources": sources,
        "origins": dict(resolved.origins),
    }
    if column == "SOURCE":
        values = dict(sorted(values.items(), key=lambda each: each[0] not in sources))
    notes = {"ORIGIN": resolved.origins, "SOURCE": sources, None: {}}[column]
    header = ("SETTING", "VALUE", *([column] if column else []))
    rows = [(key, _shown(value), *([notes.get(key, "")] if column else [])) for key, value in values.items()]
    title = f"==> Site {resolved.site.name}" if column == "SOURCE" else site_line(resolved)
    return Answer(record, [Note(title), Table(header, rows)])


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


@click.command("doctor")
@site_option
@runs_option
@click.option("--probe", is_flag=True, help="Start a small job that looks at a worker, and wait for it.")
@click.option("--timeout", metavar="TIME", callback=amount, help="How long --probe waits.  [default: 5m]")
@answering
def doctor(site: str | None, runs: Path | None, probe: bool, timeout: int | None) -> Answer:
    """Check what works on this machine and its site.

    Exits with 1 if something that the site needs does not work, or if --probe got no answer.
    """
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle import doctor as doctors
    from reana_batch.lifecycle import probe as probes
    from reana_batch.reading.sites import resolve

    if timeout is not None and not probe:
        raise click.UsageError("--timeout needs --probe.")
    resolved = resolve(site, (), Path(), Diagnostics(), known=backends.known_settings())
    found, root = list(doctors.examine(resolved.site, root_of(runs))), root_of(runs)
    if probe:
        found += probes.probe(resolved.site, root, timeout or probes.DEFAULT_PATIENCE, say)
    else:
        found += doctors.unseen(resolved.site)
    keys = ("subject", "state", "note", "cure")
    findings = [{key: getattr(f, key) for key in keys} for f in found]
    record = {"site": resolved.site.name, "chosen_by": resolved.chosen_by or None, "findings": findings}
    table = Table(("WHAT", "STATE", "FOUND", "CURE"), [(f.subject, f.state, f.note, f.cure) for f in found])
    silent = probe and any(f.subject == probes.WORKER and f.state != "ok" for f in found)
    code = EXIT_FAILED if silent or any(f.state == "missing" for f in found) else 0
    return Answer(record, [Note(site_line(resolved)), table], code=code)


# --- completion --------------------------------------------------------------------------------------


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    For bash, put into ~/.bashrc: eval "$(reana-batch completion bash)"

    For zsh, put into ~/.zshrc, after compinit: eval "$(reana-batch completion zsh)"

    For fish, put into ~/.config/fish/config.fish: reana-batch completion fish | source
    """
    from click.shell_completion import get_completion_class

    from reana_batch.cli import shells
    from reana_batch.cli.main import COMPLETE

    shells.register()
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "reana-batch", COMPLETE).source()
    with guarded(as_json=False):
        print_pieces([Raw([script])])
