"""The whole story: read, front end, passes, back end, write."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reana_batch import backends, frontends, layout
from reana_batch.diagnostics import Diagnostics, Refused, refuse
from reana_batch.files import naming
from reana_batch.ir import CredentialPlan, Workflow
from reana_batch.lifecycle import submission
from reana_batch.passes import run_passes
from reana_batch.passes.context import Context
from reana_batch.reading import sites
from reana_batch.reading.expressions import FLAVOURS
from reana_batch.reading.sites import Site
from reana_batch.reading.spec import Spec, read_spec
from reana_batch.run import frozen
from reana_batch.run.lock import locked
from reana_batch.run.parts import Run
from reana_batch.target import Target
from reana_batch.writing import credential_files, jobs, replacing, staging
from reana_batch.writing.render import File

# What REANA itself only warns of, or passes over.
LENIENT_CODES = frozenset({"unknown-key", "step-range", "input-missing"})


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


# The choices that hold for expansions as well; the others have become settings.
_KEPT_CHOICES = (
    "parameters",
    "operational_options",
    "backend",
    "fuse",
    "strict",
    "strict_outputs",
    "lenient",
    "ignore_unsupported",
)


@dataclass(frozen=True, slots=True)
class Compilation:
    """A workflow ready to be written for one batch system."""

    workflow: Workflow
    site: Site
    target: Target
    spec: Spec | None = None
    inputs: list[str] = field(default_factory=list)
    options: Options = Options()
    durations: Mapping[str, float] = field(default_factory=dict)  # seconds by step, of an earlier run

    @property
    def start_command(self) -> str:
        """What the user types, in the run directory, to hand the run to the batch system."""
        has_credentials = self.workflow.credential_plan != CredentialPlan()
        return (
            f"bash {credential_files.SCRIPT} && {self.target.start_command}"
            if has_credentials
            else self.target.start_command
        )

    def files(self) -> Iterator[File]:
        """Yield every generated file; tables and long lists are made while they are written."""
        yield from jobs.job_files(self.workflow, self.site, self.target)
        if self.workflow.expansions:
            assert self.spec is not None, "only an analysis can be compiled again"
            yield from frozen.files(self._frozen(self.spec), self.spec)
        yield from backends.backend(self.target.name).lower(self.workflow, self.site)
        for name in sorted({step.target.name for step in self.workflow.steps if step.target}):
            yield from backends.guest(name).lower_nodes(self.workflow, self.site)

    def _frozen(self, spec: Spec) -> frozen.Frozen:
        return frozen.Frozen(
            name=self.workflow.name,
            within=self.workflow.within,
            spec=spec.path.name,
            choices={name: getattr(self.options, name) for name in _KEPT_CHOICES},
            site=self.site,
            backend=self.target.name,
            credential_plan=self.workflow.credential_plan,
            durations=self.durations,
            states={expansion.name: expansion.state for expansion in self.workflow.expansions},
        )


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python from looking for circles of objects: a compilation makes millions of objects, and few circles."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@_without_collector()
def compile_spec(path: Path, options: Options, diagnostics: Diagnostics) -> Compilation:
    """Return the compilation of the analysis in ``path``.

    Raises :class:`Refused` with every fault; warnings stay in ``diagnostics``.
    """
    _ignore_codes(options, diagnostics)
    resolved = sites.resolve(options.site, options.settings, path.parent, diagnostics, backend=options.backend)
    spec = read_spec(path, diagnostics, options.parameters, options.operational_options, strict=options.strict)
    workflow = frontends.load(spec, diagnostics)
    inputs = list(staging.input_paths(spec, diagnostics))
    if workflow is None:
        raise Refused(diagnostics)
    _check_directories(inputs, resolved.site, diagnostics)
    durations = Run(options.measured).durations() if options.measured is not None else {}
    workflow = _with_durations(workflow, durations)
    choice = backends.choose(workflow, resolved.site, options.backend, diagnostics)
    if options.backend == "auto":
        resolved = sites.resolve(options.site, options.settings, path.parent, diagnostics, backend=choice.engine)
    _warn_of_default_runtime(workflow, resolved, backends.backend(choice.engine).TARGET, diagnostics)
    compilation = _lower_as_chosen(workflow, resolved.site, choice, options, diagnostics)
    return replace(compilation, spec=spec, inputs=inputs, options=options, durations=durations)


# Below this, a default of the site is likely to end a job that meant to run on, in seconds.
_LONG = 86_400
_NAMED = 5


def _warn_of_default_runtime(
    workflow: Workflow, resolved: sites.ResolvedSite, target: Target, diagnostics: Diagnostics
) -> None:
    """Warn of the steps to which the site gives a short time limit, because they ask for none."""
    site, names = resolved.site, target.hints["runtime"]
    default = FLAVOURS[site.default_runtime] if isinstance(site.default_runtime, str) else site.default_runtime
    if default is None or default >= _LONG or sites.is_chosen(resolved.origins["default_runtime"]):
        return
    steps = [each for each in workflow.steps if each.resources.runtime is None and each.hints.keys().isdisjoint(names)]
    if steps:
        labels = list(dict.fromkeys(f'"{step.label}"' for step in steps))
        named = ", ".join(labels[:_NAMED]) + (f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else "")
        message = f"{site.name} ends jobs after {default:,} s where a step asks for no runtime: {named}."
        hint = f"give each its {names[0]}, or choose for all: --set default_runtime=SECONDS."
        diagnostics.warning("default-runtime", message, steps[0].origin, hint)


def _ignore_codes(options: Options, diagnostics: Diagnostics) -> None:
    if options.lenient:
        diagnostics.ignored_codes |= LENIENT_CODES
    if options.ignore_unsupported:
        diagnostics.ignored_codes |= {"unsupported"}


def _lower_as_chosen(
    workflow: Workflow, site: Site, choice: backends.Choice, options: Options, diagnostics: Diagnostics
) -> Compilation:
    workflow = backends.hand_on(workflow, choice, site, diagnostics)
    # What compiled here compiles on the workers, unless the site has another for them.
    site = replace(site, python=site.python or sys.executable) if workflow.expansions else site
    chosen = {"fuse": options.fuse, "strict_outputs": options.strict_outputs}
    return lower(workflow, site, choice.engine, diagnostics, **chosen)


def _with_durations(workflow: Workflow, durations: Mapping[str, float]) -> Workflow:
    """Return ``workflow`` with what the steps of the same names took in an earlier run."""
    if not durations:
        return workflow
    steps = (step._replace(duration=durations.get(step.name)) for step in workflow.steps)
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

    ``force`` replaces what an earlier compilation left there, except the workspace's other files. All is made in a
    folder of its own and renamed at the end: if that fails, the earlier run is as it was.
    Raises :class:`Refused` if the directory is in use or cannot be written.
    """
    _check_path(compilation.site, compilation.target, directory)
    _check_directory(directory, force)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(directory):
            _check_free(directory, force)
            # What cannot be removed of it, the next command removes.
            temporary = tempfile.TemporaryDirectory(prefix=replacing.PREFIX, dir=directory, ignore_cleanup_errors=True)
            with temporary as folder:
                new = Path(folder) / "new"
                (new / layout.WORKSPACE).mkdir(mode=0o700, parents=True)
                if compilation.spec is not None:
                    staging.copy_inputs(compilation.spec, compilation.inputs, new / layout.WORKSPACE)
                staging.write_made(compilation.workflow.made, new / layout.WORKSPACE)
                _fill(compilation, new)
                replacing.replace(directory, new, Path(folder) / "old")
    except OSError as error:
        raise _cannot_write(error, directory) from error
    finally:
        if not (directory / layout.MANIFEST).exists():
            with contextlib.suppress(OSError):  # the lock's folder, where nothing else was made
                (directory / layout.STATE).rmdir()


def _check_free(directory: Path, force: bool) -> None:
    """Raise Refused if another command has made a run here meanwhile, or if the one to replace is live."""
    if (directory / layout.MANIFEST).exists():
        if not force:
            raise refuse("output-exists", f"Another command has just made a run in {directory}.")
        submission.check_replaceable(directory)
    for left in directory.glob(f"{replacing.PREFIX}*"):  # by a command that was killed
        shutil.rmtree(left)


def _fill(compilation: Compilation, directory: Path) -> None:
    """Write batch files, and folders for logs and records, beside the workspace."""
    for name in (layout.BATCH, layout.STATE, layout.LOGS):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    for expansion in compilation.workflow.expansions:  # DAGMan looks for the folders when it starts
        (directory / layout.expansion_folder(expansion.name)).mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in jobs.run_folders(compilation.workflow):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    _write_files(compilation.files(), directory)


def _cannot_write(error: OSError, directory: Path) -> Refused:
    reason = f"{error.filename2 or error.filename or directory}: {error.strerror}"  # of two, the copy
    return refuse("cannot-write", f"The run cannot be written: {reason}.")


def _check_path(site: Site, target: Target, directory: Path) -> None:
    path = f"{os.path.realpath(directory)}/"
    for refused in site.refused_directories:
        if path.startswith(refused.prefix):
            message = f"A run cannot be in {directory}: {refused.reason}"
            raise refuse("over-limit", message, hint=refused.hint)
    misread = target.misread_paths and re.search(target.misread_paths, path)
    if misread:
        message = f'A run cannot be in {directory}: {target.title} does not take "{misread[0]}" in a path literally.'
        raise refuse("unsupported", message, hint="name another directory with --output or --runs.")


def _check_directory(directory: Path, force: bool) -> None:
    if directory.exists() and not directory.is_dir():
        raise refuse("output-exists", f"{directory} is not a directory.", hint="name another with --output.")
    if not force and directory.is_dir() and any(directory.iterdir()):
        hint = "name another with --output, or replace the run in it with --force."
        raise refuse("output-exists", f"{directory} is not empty.", hint=hint)
    if force and directory.is_dir() and any(directory.iterdir()) and not replacing.holds_run(directory):
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
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with naming(Path(path)), open(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.writelines((file.text,) if isinstance(file.text, str) else file.text)


# --- expansions: what only a run can know ----------------------------------------------------------


def expand(run: Path, name: str, diagnostics: Diagnostics) -> Path:
    """Compile what follows from an expansion of ``run``, whose jobs are done; return the directory it is in.

    That has the form of a run, and its workspace is a link to the one there is. What was compiled
    before stays as it is. Raises :class:`Refused` with every fault.
    """
    directory = run / layout.expansion_folder(name)
    if not (directory / layout.MANIFEST).exists():
        _write_expansion(_compile_expansion(run, name, diagnostics), directory)
    return directory


@_without_collector()
def _compile_expansion(run: Path, name: str, diagnostics: Diagnostics) -> Compilation:
    kept = frozen.read(run, name)
    options = Options(**kept.choices)
    _ignore_codes(options, diagnostics)
    workspace = _root(run, len(kept.within)) / layout.WORKSPACE
    given = (options.parameters, options.operational_options)
    spec = read_spec(kept.spec_path(run), diagnostics, *given, strict=options.strict, workspace=workspace)
    results = {"expansion": name, "state": kept.states[name], "workspace": str(workspace)}
    workflow = frontends.load(spec, diagnostics, results)
    if workflow is None:
        raise Refused(diagnostics)
    workflow = replace(
        _with_durations(workflow, kept.durations),
        name=kept.name,
        within=(*kept.within, name),
        credential_plan=kept.credential_plan,
    )
    choice = backends.choose(workflow, kept.site, options.backend, diagnostics, kept.backend)
    compilation = _lower_as_chosen(workflow, kept.site, choice, options, diagnostics)
    return replace(compilation, spec=spec, options=options, durations=kept.durations)


def _root(run: Path, depth: int) -> Path:
    """Return the directory of the whole run, in whose expansions ``run`` lies so deep; links are not followed."""
    return [run.absolute(), *run.absolute().parents][2 * depth]


def _write_expansion(compilation: Compilation, directory: Path) -> None:
    """Write ``directory``, whole or not at all, for its job can be ended at any time."""
    try:
        directory.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{directory.name}.", dir=directory.parent) as temporary:
            made = Path(temporary) / directory.name
            made.mkdir(mode=0o700)
            _fill(compilation, made)
            for name in layout.SHARED:
                (made / name).symlink_to(Path("../..") / name)
            made.rename(directory)  # over the empty one
    except OSError as error:
        if (directory / layout.MANIFEST).exists():
            return  # the same job, started twice, has compiled the same
        raise _cannot_write(error, directory) from error
