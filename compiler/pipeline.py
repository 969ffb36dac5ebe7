"""The whole way of an analysis: read, front end, passes, back end, write."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from reana_batch import backends, frontends, layout
from reana_batch.backends.placement import Choice, choose, delegate
from reana_batch.call_rate import check_calls
from reana_batch.compilation import Compilation, Options
from reana_batch.diagnostics import Diagnostics, Refused
from reana_batch.ir import Workflow
from reana_batch.laws import warn_of_limit
from reana_batch.machine import facts_for
from reana_batch.passes import fused, run_passes
from reana_batch.passes.context import Context
from reana_batch.reading import sites
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.expressions import FLAVOURS
from reana_batch.run import frozen, learned
from reana_batch.run.parts import Run
from reana_batch.site import Site
from reana_batch.target import Target
from reana_batch.writing import staging

# Faults that REANA only warns about, or ignores.
LENIENT_CODES = frozenset({"unknown-key", "step-range", "input-missing"})


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Turn off Python's search for circles of objects: a compilation makes millions of objects, and few circles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


@_without_collector()
def compile_spec(path: Path, options: Options, diagnostics: Diagnostics) -> Compilation:
    """Return the compilation of the analysis in ``path``.

    Faults raise :class:`Refused`, with all of them. Warnings stay in ``diagnostics``.
    """
    _ignore_codes(options, diagnostics)
    resolved = sites.resolve(
        options.site,
        options.settings,
        path.parent,
        diagnostics,
        default=backends.default_site(options.backend),
        known=backends.known_settings(),
    )
    given = (options.parameters, options.operational_options)
    spec = read_spec(
        path, frontends.FRONTENDS, diagnostics, *given, strict=options.strict, definition=options.definition
    )
    workflow = frontends.load(spec, diagnostics)
    inputs = list(staging.input_paths(spec, diagnostics))
    if workflow is None:
        raise Refused(diagnostics)
    _check_directories(inputs, resolved.site, diagnostics)
    durations = Run(options.measured).durations() if options.measured is not None else {}
    workflow = _with_durations(workflow, durations)
    choice = choose(workflow, resolved.site, options.backend, diagnostics)
    if options.backend == "auto":
        resolved = resolved.or_default(backends.default_site(choice.engine), diagnostics)
    _warn_of_default_runtime(workflow, resolved, backends.lowering(choice.engine).TARGET, diagnostics)
    compilation = _lower_as_chosen(workflow, resolved.site, choice, options, diagnostics)
    return replace(compilation, spec=spec, inputs=inputs, options=options, durations=durations)


# A site's default below this many seconds is likely to end jobs too early.
_LONG = 86_400
_NAMED = 5


def _warn_of_default_runtime(
    workflow: Workflow, resolved: sites.ResolvedSite, target: Target, diagnostics: Diagnostics
) -> None:
    """Warn about steps that ask for no time limit and get a short one from the site."""
    site, names = resolved.site, target.hints["runtime"]
    default = FLAVOURS[site.default_runtime] if isinstance(site.default_runtime, str) else site.default_runtime
    if default is None or default >= _LONG or sites.is_chosen(resolved.origins["default_runtime"]):
        return
    steps = [
        step
        for step in workflow.steps
        if step.asked.resources.runtime is None and step.asked.hints.keys().isdisjoint(names)
    ]
    if steps:
        labels = list(dict.fromkeys(f'"{step.label}"' for step in steps))
        named = ", ".join(labels[:_NAMED]) + (f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else "")
        message = f"{site.name} ends the jobs of steps that ask for no runtime after {default:,} s: {named}."
        hint = f"set {names[0]} in each step, or a default for all: --set default_runtime=SECONDS."
        diagnostics.warning("default-runtime", message, steps[0].origin, hint)


def _ignore_codes(options: Options, diagnostics: Diagnostics) -> None:
    if options.lenient:
        diagnostics.ignored_codes |= LENIENT_CODES
    if options.ignore_unsupported:
        diagnostics.ignored_codes |= {"unsupported"}


def _lower_as_chosen(
    workflow: Workflow, site: Site, choice: Choice, options: Options, diagnostics: Diagnostics
) -> Compilation:
    workflow = delegate(workflow, choice, site, diagnostics)
    chosen = {name: getattr(options, name) for name in ("fuse", "strict_outputs", "without_secrets")}
    return lower(workflow, site, choice.engine, diagnostics, **chosen)


def _with_durations(workflow: Workflow, durations: Mapping[str, float]) -> Workflow:
    """Return ``workflow`` with the durations that steps of the same names had in an earlier run."""
    if not durations:
        return workflow
    steps = (step.with_placed(duration=durations.get(step.name)) for step in workflow.steps)
    return replace(workflow, steps=tuple(steps))


def _check_directories(inputs: list[str], site: Site, diagnostics: Diagnostics) -> None:
    most = site.limits.directory_entries
    for folder, count in Counter(path.rpartition("/")[0] for path in inputs).items():
        if most is not None and count > most:
            message = (
                f"{folder or 'The analysis'} has {count:,} input files; {site.name} allows {most:,} per directory."
            )
            hint = "spread them over directories, or pack them."
            warn_of_limit(diagnostics, site, "limits.directory_entries", message, None, hint)


def lower(
    workflow: Workflow,
    site: Site,
    backend: str,
    diagnostics: Diagnostics,
    *,
    fuse: bool = False,
    strict_outputs: bool = False,
    without_secrets: bool = False,
) -> Compilation:
    """Return ``workflow`` after all passes for ``backend``. Faults raise :class:`Refused`."""
    if workflow.expansions or any(step.action.needs_python for step in workflow.steps):
        # The Python that runs here runs on the workers too, unless the site names another one for them.
        site = replace(site, python=site.python or sys.executable)
    target = backends.lowering(backend).target(site)
    facts = facts_for(workflow, site, without_secrets=without_secrets)
    context = Context(target, site, diagnostics, fuse, strict_outputs, facts)
    workflow = run_passes(workflow, context)
    diagnostics.stop_if_errors()
    compilation = Compilation(workflow, site, target, diagnostics=diagnostics)
    check_calls(compilation, partial(fused, context=context))
    return compilation


# --- expansions: what only a run can know ----------------------------------------------------------


@_without_collector()
def compile_expansion(run: Path, name: str, diagnostics: Diagnostics) -> Compilation:
    kept = frozen.read(run, name, backends.known_settings())
    options = Options(**kept.choices)
    _ignore_codes(options, diagnostics)
    workspace = _root(run, len(kept.within)) / layout.WORKSPACE
    given = (options.parameters, options.operational_options)
    source = kept.spec_path(run)
    spec = read_spec(
        source,
        frontends.FRONTENDS,
        diagnostics,
        *given,
        strict=options.strict,
        definition=options.definition,
        workspace=workspace,
    )
    facts = learned.known(run, name, len(kept.within))
    results = {"expansion": name, "state": kept.states[name], "workspace": str(workspace), "learned": facts}
    workflow = frontends.load(spec, diagnostics, results)
    if workflow is None:
        raise Refused(diagnostics)
    workflow = replace(
        _with_durations(workflow, kept.durations),
        name=kept.name,
        within=(*kept.within, name),
        awaited=name in kept.awaited,
        credential_plan=kept.credential_plan,
    )
    choice = choose(workflow, kept.site, options.backend, diagnostics, kept.backend)
    compilation = _lower_as_chosen(workflow, kept.site, choice, options, diagnostics)
    return replace(compilation, spec=spec, options=options, durations=kept.durations)


def _root(run: Path, depth: int) -> Path:
    """Return the directory of the whole run. The part ``run`` is ``depth`` expansions below it.

    Links are not followed.
    """
    return [run.absolute(), *run.absolute().parents][2 * depth]
