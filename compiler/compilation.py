"""The options of a compilation, and its result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reana_batch import backends, layout
from reana_batch.diagnostics import Diagnostics
from reana_batch.footprint import Footprint
from reana_batch.ir import CredentialPlan, Workflow
from reana_batch.reading.spec import Spec
from reana_batch.run import frozen, learned, manifest
from reana_batch.site import Site
from reana_batch.target import Target
from reana_batch.writing import credential_files, jobs
from reana_batch.writing.render import File


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
    measured: Path | None = None  # an earlier run, which has measured durations of jobs
    lenient: bool = False
    ignore_unsupported: bool = False
    definition: str = ""  # as in Spec
    without_secrets: bool = False  # does another machine have the secrets?


# The choices that also apply to expansions. The others are saved as settings.
_KEPT_CHOICES = (
    "parameters",
    "operational_options",
    "backend",
    "fuse",
    "strict",
    "strict_outputs",
    "lenient",
    "ignore_unsupported",
    "definition",
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
    durations: Mapping[str, float] = field(default_factory=dict)  # seconds of each step in an earlier run
    diagnostics: Diagnostics = field(default_factory=Diagnostics, compare=False)  # the warnings

    @property
    def start_command(self) -> str:
        """The command that submits the run, typed in the run directory."""
        has_credentials = self.workflow.credential_plan != CredentialPlan()
        return (
            f"bash {credential_files.SCRIPT} && {self.target.start_command}"
            if has_credentials
            else self.target.start_command
        )

    def files(self) -> Iterator[File]:
        """Yield each generated file. Tables and long lists are made while they are written."""
        strict = self.options.strict_outputs and not self.workflow.within  # as in the pass require_outputs
        text = manifest.write(self.workflow, self.target, self.site.limits, self._definition, strict=strict)
        yield File(layout.MANIFEST, text)
        yield from jobs.job_files(self.workflow, self.site, self.target)
        if self.workflow.expansions:
            assert self.spec is not None, "only an analysis can be compiled again"
            yield from frozen.files(self._frozen(self.spec), self.spec)
        yield from learned.files(self.workflow)
        yield from backends.lowering(self.target.name).lower(self.workflow, self.site)
        for name in sorted({step.placed.target.name for step in self.workflow.steps if step.placed.target}):
            yield from backends.guest(name).lower_nodes(self.workflow, self.site)

    def footprint(self) -> Footprint:
        """Return what the run asks of its batch system."""
        return backends.lowering(self.target.name).footprint(self.workflow, self.site)

    @property
    def _definition(self) -> str:
        """What the expansions are compiled from, except files, as text."""
        if self.spec is None or not self.workflow.expansions:
            return ""
        spec = self.spec
        said = (spec.document.data.get("workflow"), spec.parameters, spec.given, spec.options)
        return json.dumps(said, sort_keys=True, default=str)

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
            awaited=tuple(sorted(self.workflow.awaited_expansions)),
        )
