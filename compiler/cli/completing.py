"""What Tab completes: the names of runs, steps, sites, samples, settings, parameters and secrets.

The shell starts the program for each Tab. Therefore the names of runs and steps load no compiler.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Names = Iterable[str] | Mapping[str, str]  # a mapping also has a sentence about each name
Completer = Callable[[click.Context, click.Parameter, str], list["CompletionItem[str]"]]

_MOST_BYTES = 1_000_000  # of an analysis that is read for Tab


def completer(names: Callable[[click.Context, str], Names]) -> Completer:
    """Return a completer for click of a function that returns names, given the incomplete word."""

    @functools.wraps(names)
    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        try:
            found = names(context, incomplete)
            texts = found if isinstance(found, Mapping) else dict.fromkeys(found, "")
        except Exception:  # noqa: BLE001  # a message would appear in the line that the user is writing
            return []
        return [CompletionItem(n, help=texts[n] or None) for n in texts if n.startswith(incomplete) and n.isprintable()]

    return complete


def pairs(values: Callable[[click.Context], Mapping[str, Callable[[click.Context], Names]]]) -> Completer:
    """Return a completer of NAME=VALUE. ``values`` returns the names, each with a function that returns its values."""

    def names(context: click.Context, incomplete: str) -> list[str]:
        name, equals, _ = incomplete.partition("=")
        known = values(context)
        if not equals:
            return [f"{each}=" for each in known]
        return [f"{name}={value}" for value in known[name](context)] if name in known else []

    return completer(names)


# --- runs and their steps ----------------------------------------------------------------------------


def _runs(context: click.Context) -> list[Path]:
    from reana_batch.cli.options import root_of
    from reana_batch.run.names import all_runs

    return all_runs(root_of(context.params.get("runs")))


def _run_names(context: click.Context, _: str) -> list[str]:
    found = [run.name for run in _runs(context)]
    return [*dict.fromkeys(name.partition(".")[0] for name in found), *found]


def runs(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Return the names and numbers of runs. The shell itself completes a path to a run."""
    from click.shell_completion import CompletionItem

    if "/" in incomplete:
        return [CompletionItem(incomplete, type="dir")]
    return completer(_run_names)(context, option, incomplete)


def _steps_of_run(context: click.Context, _: str) -> dict[str, str]:
    from reana_batch.cli.options import find_run
    from reana_batch.run.parts import Run

    run = Run(find_run(context.params["name"], context.params.get("runs")))
    return {step.label: step.origin for _, step in run.steps()}


# --- analyses ----------------------------------------------------------------------------------------


def _analysis(context: click.Context) -> Any:
    """Return the plain data of the analysis that a command reads."""
    import yaml

    from reana_batch.files import read_regular
    from reana_batch.reading.analysis import find_spec

    path = find_spec(context.params.get("file"), Path())
    return yaml.safe_load(read_regular(path)) if path.stat().st_size <= _MOST_BYTES else {}


def _steps_of_analysis(context: click.Context) -> list[str]:
    """Return the names of the steps of a serial workflow. Those of others only their engines know."""
    steps = _analysis(context)["workflow"]["specification"]["steps"]
    return [each["name"] for each in steps if each.get("name")]


def _parameters(context: click.Context) -> dict[str, Callable[[click.Context], Names]]:
    return dict.fromkeys(_analysis(context)["inputs"]["parameters"], _nothing)


def _nothing(_: click.Context) -> Names:
    return ()


# --- sites, settings, samples, secrets ---------------------------------------------------------------


def _sites(_context: click.Context, _: str) -> dict[str, str]:
    from reana_batch import backends
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.reading.sites import profiles

    return profiles(backends.known_settings(), Diagnostics())


def _settings(_: click.Context) -> dict[str, Callable[[click.Context], Names]]:
    from reana_batch import backends
    from reana_batch.site import settings_of

    known = settings_of(backends.known_settings())
    values: dict[str, Names] = {n: ("true", "false") if isinstance(v, bool) else () for n, v in known.items()}
    values["backend"] = tuple(backends.BACKENDS)
    return {name: functools.partial(_constant, each) for name, each in values.items() if name != "sources"}


def _constant(values: Names, _: click.Context) -> Names:
    return values


def _samples(_context: click.Context, _: str) -> dict[str, str]:
    from reana_batch.samples import catalogue

    return catalogue.descriptions()


def _kinds_of_session(_context: click.Context, _: str) -> Names:
    from reana_batch.writing.sessions import KINDS

    return KINDS.keys()


def _secrets(_context: click.Context, _: str) -> dict[str, str]:
    from reana_batch.cli.options import the_store

    return {secret.name: secret.type for secret in the_store().secrets()}


# --- columns and filters -----------------------------------------------------------------------------


def _log_filters(_: click.Context) -> dict[str, Callable[[click.Context], Names]]:
    from reana_batch import backends
    from reana_batch.run.log_filters import FILTERS, STATES

    nothing: dict[str, Callable[[click.Context], Names]] = dict.fromkeys(FILTERS, _nothing)
    return nothing | {
        "step": lambda context: _steps_of_run(context, ""),
        "status": functools.partial(_constant, STATES),
        "compute_backend": functools.partial(_constant, tuple(backends.BACKENDS)),
    }


def _ls_filters(_: click.Context) -> dict[str, Callable[[click.Context], Names]]:
    from reana_batch.run.workspace import LS_FILTERS

    return dict.fromkeys(LS_FILTERS, _nothing)


def _du_filters(_: click.Context) -> dict[str, Callable[[click.Context], Names]]:
    from reana_batch.run.workspace import DU_FILTERS

    return dict.fromkeys(DU_FILTERS, _nothing)


def _filters(_: click.Context) -> dict[str, Callable[[click.Context], Names]]:
    from reana_batch import backends
    from reana_batch.lifecycle.status import STATES

    names = functools.partial(map, lambda run: run.name.partition(".")[0])
    return {
        "name": lambda context: sorted({*names(_runs(context))}),
        "status": functools.partial(_constant, STATES),
        "backend": functools.partial(_constant, tuple(backends.BACKENDS)),
    }


labels = completer(lambda context, _: {run.name.partition(".")[0]: "" for run in _runs(context)})
steps_of_run = completer(_steps_of_run)
steps_of_analysis = completer(lambda context, _: _steps_of_analysis(context))
operational_options = pairs(lambda _: {"FROM": _steps_of_analysis, "TARGET": _steps_of_analysis})
parameters = pairs(_parameters)
sites = completer(_sites)
settings = pairs(_settings)
samples = completer(_samples)
kinds_of_session = completer(_kinds_of_session)
secrets = completer(_secrets)
filters = pairs(_filters)
log_filters = pairs(_log_filters)
ls_filters = pairs(_ls_filters)
du_filters = pairs(_du_filters)


def columns(names: Iterable[str]) -> Completer:
    """Return a completer of column names, also after a comma."""

    def complete(_: click.Context, incomplete: str) -> list[str]:
        before = incomplete[: incomplete.rfind(",") + 1]
        return [f"{before}{name}" for name in names]

    return completer(complete)
