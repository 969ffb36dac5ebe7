"""The whole story: read, front end, passes, back end, write."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reana_batch import backends, credentials, frontends, jobs, layout, sites, staging
from reana_batch.diagnostics import Diagnostics, Refused, refuse
from reana_batch.ir import CredentialPlan, Workflow
from reana_batch.passes import run_passes
from reana_batch.passes.context import Context
from reana_batch.render import File
from reana_batch.runstate import Run
from reana_batch.sites import Site
from reana_batch.spec import Spec, read_spec
from reana_batch.target import Target

# What REANA itself only warns of, or passes over.
LENIENT_CODES = frozenset({"unknown-key", "step-range"})


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose on the command line."""

    parameters: Sequence[str] = ()
    operational_options: Sequence[str] = ()
    site: str | None = None
    settings: Sequence[str] = ()
    backend: str | None = None
    fuse: bool = False
    strict_outputs: bool = False
    strict: bool = False
    measured: Path | None = None  # an earlier run, whose jobs' durations are known
    lenient: bool = False
    ignore_unsupported: bool = False


@dataclass(frozen=True, slots=True)
class Compilation:
    """A workflow ready to be written for one batch system."""

    workflow: Workflow
    site: Site
    target: Target
    spec: Spec | None = None
    inputs: list[str] = field(default_factory=list)

    @property
    def start_command(self) -> str:
        """What the user types, in the run directory, to hand the run to the batch system."""
        has_credentials = self.workflow.credential_plan != CredentialPlan()
        return (
            f"bash {credentials.SCRIPT} && {self.target.start_command}"
            if has_credentials
            else self.target.start_command
        )

    def files(self) -> Iterator[File]:
        """Yield every generated file; tables and long lists are made while they are written."""
        yield from jobs.job_files(self.workflow, self.site, self.target)
        yield from backends.backend(self.target.name).lower(self.workflow, self.site)
        for name in sorted({step.target.name for step in self.workflow.steps if step.target}):
            yield from backends.guest(name).lower_nodes(self.workflow, self.site)


def compile_spec(path: Path, options: Options, diagnostics: Diagnostics) -> Compilation:
    """Return the compilation of the analysis in ``path``.

    Raises :class:`Refused` with every fault; warnings stay in ``diagnostics``.
    """
    if options.lenient:
        diagnostics.ignored_codes |= LENIENT_CODES
    if options.ignore_unsupported:
        diagnostics.ignored_codes |= {"unsupported"}
    resolved = sites.resolve(options.site, options.settings, path.parent, diagnostics, backend=options.backend)
    spec = read_spec(path, diagnostics, options.parameters, options.operational_options, strict=options.strict)
    workflow = frontends.load(spec, diagnostics)
    inputs = list(staging.input_paths(spec, diagnostics))
    if workflow is None:
        raise Refused(diagnostics)
    workflow = replace(workflow, data=spec.data)
    _check_directories(inputs, resolved.site, diagnostics)
    if options.measured is not None:
        workflow = _with_durations(workflow, Run(options.measured))
    choice = backends.choose(workflow, resolved.site, options.backend, diagnostics)
    if options.backend == "auto":
        resolved = sites.resolve(options.site, options.settings, path.parent, diagnostics, backend=choice.engine)
    workflow = backends.hand_on(workflow, choice, resolved.site, diagnostics)
    chosen = {"fuse": options.fuse, "strict_outputs": options.strict_outputs}
    compilation = lower(workflow, resolved.site, choice.engine, diagnostics, **chosen)
    return Compilation(compilation.workflow, compilation.site, compilation.target, spec, inputs)


def _with_durations(workflow: Workflow, earlier: Run) -> Workflow:
    """Return ``workflow`` with what the steps of the same names took in an earlier run."""
    durations = earlier.durations()
    steps = (replace(step, duration=durations.get(step.name)) for step in workflow.steps)
    return replace(workflow, steps=tuple(steps))


def _check_directories(inputs: list[str], site: Site, diagnostics: Diagnostics) -> None:
    most = site.limits.directory_entries
    for folder, count in Counter(path.rpartition("/")[0] for path in inputs).items():
        if most is not None and count > most:
            message = (
                f"{folder or 'The analysis'} has {count:,} input files; {site.name} bears {most:,} in a directory."
            )
            diagnostics.warning("over-limit", message, hint="spread them over directories, or pack them.")


def lower(
    workflow: Workflow,
    site: Site,
    backend: str,
    diagnostics: Diagnostics,
    *,
    fuse: bool = False,
    strict_outputs: bool = False,
) -> Compilation:
    """Return ``workflow`` after all passes for ``backend``; raises :class:`Refused`."""
    target = backends.backend(backend).TARGET
    workflow = run_passes(workflow, Context(target, site, diagnostics, fuse, strict_outputs))
    diagnostics.stop_if_errors()
    return Compilation(workflow, site, target)


def write(compilation: Compilation, directory: Path, *, force: bool = False) -> None:
    """Write the run directory: batch files, workspace with the inputs, folders for logs and records.

    ``force`` replaces what an earlier compilation left there, except the workspace's other files.
    Raises :class:`Refused` if the directory is in use or cannot be written.
    """
    _check_directory(compilation.site, directory, force)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (layout.BATCH, layout.STATE, layout.LOGS):
            if force and (directory / name).exists():
                shutil.rmtree(directory / name)
        for name in (layout.BATCH, layout.STATE, layout.LOGS, layout.WORKSPACE):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
        for folder in jobs.run_folders(compilation.workflow):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        if compilation.spec is not None:
            staging.copy_inputs(compilation.spec, compilation.inputs, directory / layout.WORKSPACE)
        _write_files(compilation.files(), directory)
    except OSError as error:
        for name in (layout.BATCH, layout.STATE, layout.LOGS, *(() if force else (layout.WORKSPACE,))):
            shutil.rmtree(directory / name, ignore_errors=True)
        reason = f"{error.filename or directory}: {error.strerror}"
        raise refuse("cannot-write", f"The run cannot be written: {reason}.") from error


def _check_directory(site: Site, directory: Path, force: bool) -> None:
    for refused in site.refused_directories:
        if os.path.realpath(directory).startswith(refused.prefix):
            message = f"A run cannot be in {directory}: {refused.reason}"
            raise refuse("over-limit", message, hint=refused.hint)
    if directory.exists() and not directory.is_dir():
        raise refuse("output-exists", f"{directory} is not a directory.", hint="name another with --output.")
    if not force and directory.is_dir() and any(directory.iterdir()):
        hint = "name another with --output, or replace the run in it with --force."
        raise refuse("output-exists", f"{directory} is not empty.", hint=hint)
    if force and directory.is_dir() and any(directory.iterdir()) and not (directory / layout.MANIFEST).exists():
        message = f"{directory} is not empty and holds no run of reana-batch."
        raise refuse("output-exists", message, hint="name another with --output.")


def _write_files(files: Iterator[File], directory: Path) -> None:
    """Write each file readable by its owner only, streaming those that come in pieces."""
    made: set[str] = set()
    for file in files:
        path = f"{directory}/{file.path}"
        folder = path.rpartition("/")[0]
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        mode = 0o700 if file.executable else 0o600
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.writelines((file.text,) if isinstance(file.text, str) else file.text)
