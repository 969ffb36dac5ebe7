"""A run on disk, its parts, and how many of its jobs are where.

The records are the truth about a job, whatever a scheduler says: ``.started``, then ``.done`` or
``.failed``. Reading them changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from reana_batch import files, layout, patterns
from reana_batch.diagnostics import refuse
from reana_batch.run import manifest
from reana_batch.run.manifest import ExpansionEntry, Manifest, StepEntry
from reana_batch.run.records import DONE, StepRecords
from reana_batch.run.sampling import spread
from reana_batch.run.small_files import names_in


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How many jobs of a step are where."""

    name: str
    label: str
    origin: str
    total: int
    done: int = 0
    failed: int = 0
    running: int = 0

    @property
    def waiting(self) -> int:
        return self.total - self.done - self.failed - self.running


def link_shared(part: Path) -> None:
    """Make the links of a part of a run to what all parts share."""
    for name in layout.SHARED:
        (part / name).symlink_to(Path("../..") / name)


@dataclass
class Run:
    """A run directory, and what is known of it so far; Refused if there is no run in it, or a damaged one.

    What its expansions have compiled are runs too, the parts of this one.
    """

    directory: Path
    path: str = ""  # of a part: the names of its expansions, a slash behind each; before the names of its steps
    manifest: Manifest = field(init=False)
    _complete: set[str] = field(default_factory=set)
    _parts: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = self.directory / layout.MANIFEST
        if not files.is_there(path):
            raise refuse("unknown-run", f"There is no run in {self.directory}.")
        self.manifest = manifest.read(path)

    # --- its parts ---

    def parts(self) -> list[Run]:
        """Return this run and what its expansions have compiled so far, each part behind the one it follows from."""
        found: list[Run] = [self]
        for part in found:  # which grows meanwhile
            found += part.compiled().values()
        return found

    def compiled(self) -> dict[str, Run]:
        """Return the part that each expansion of this one has compiled so far, by the expansion's name."""
        parts = {expansion.name: self._part(expansion.name) for expansion in self.manifest.expansions}
        return {name: part for name, part in parts.items() if part is not None}

    def _part(self, name: str) -> Run | None:
        directory = self.directory / layout.expansion_folder(name)
        list(names_in(directory.parent))  # which makes a network file system ask its server again
        if name not in self._parts and files.is_there(directory / layout.MANIFEST):
            self._parts[name] = Run(directory, f"{self.path}{name}/")
        return self._parts.get(name)

    @property
    def planner(self) -> str:
        """The name, in the whole run, of the planner that has compiled this part. Empty for the run itself."""
        return self.path.removesuffix("/")

    def steps(self) -> Iterator[tuple[Run, StepEntry]]:
        """Yield every step with the part that it is in."""
        return ((part, step) for part in self.parts() for step in part.manifest.steps)

    @property
    def guests(self) -> dict[str, set[str]]:
        """The steps that run on another batch system than the run's own, by its name."""
        found: dict[str, set[str]] = {}
        for part, step in self.steps():
            if step.backend:
                found.setdefault(step.backend, set()).add(part.name_of(step))
        return found

    def open_expansions(self) -> list[ExpansionEntry]:
        """Return the expansions that nothing has been compiled of yet."""
        return [
            expansion
            for part in self.parts()
            for expansion in part.manifest.expansions
            if expansion.name not in part.compiled()
        ]

    def name_of(self, step: StepEntry) -> str:
        """Return the name that a step of this part has in the whole run."""
        return self.path + step.name

    def system_of(self, step: StepEntry) -> str:
        """Return the name of the batch system that runs the jobs of a step of this part."""
        return step.backend or self.manifest.backend

    def records(self, step: StepEntry) -> StepRecords:
        """Return the records of a step of this part."""
        return StepRecords(self.directory, step)

    def mark_restarted(self) -> None:
        """Let the jobs that are done stay done when the run is submitted again."""
        for part in self.parts():
            files.write_whole(part.directory / layout.RESTARTED, b"")

    # --- its progress ---

    def is_complete(self, progress: Sequence[StepProgress]) -> bool:
        """Return whether all jobs are done, by what :meth:`progress` returned, and none can come any more."""
        return all(step.done == step.total for step in progress) and not self.open_expansions()

    def progress(self) -> list[StepProgress]:
        """Return the counts of every step, in order; a step once seen complete is not read again."""
        return [progress for part in self.parts() for progress in part.own_progress()]

    def own_progress(self) -> list[StepProgress]:
        """Return the counts of every step of this part alone."""
        return [self.step_progress(step) for step in self.manifest.steps]

    def step_progress(self, step: StepEntry) -> StepProgress:
        """Return the counts of one step of this part."""
        head = (self.name_of(step), step.label, step.origin, step.rows)
        if self.was_complete(step):
            return StepProgress(*head, done=step.rows)
        states = self.records(step).states()
        if len(states.done) == step.rows:
            self._complete.add(step.name)
        return StepProgress(*head, len(states.done), len(states.failed - states.done), len(states.lost))

    def was_complete(self, step: StepEntry) -> bool:
        """Return whether a step of this part has been seen complete."""
        return step.name in self._complete

    def durations(self) -> dict[str, float]:
        """Return the mean seconds that a job of each step took, by the step's name; of finished jobs only.

        Of many jobs, it reads at most a thousand, spread over all.
        """
        spans: dict[str, list[int]] = {}
        for part, step in self.steps():
            records = part.records(step)
            found = (records.read(row, DONE) for row in spread(sorted(records.states().done)))
            spans.setdefault(step.name, []).extend(record.duration for record in found if record.has_times)
        # Times are whole seconds: what took none took half of one, on average.
        return {name: max(mean(took), 0.5) for name, took in spans.items() if took}

    # --- its outputs ---

    def missing_outputs(self) -> list[str]:
        """Return the declared outputs that are not in the workspace: paths, and patterns that match no file."""
        return [path for path in self.manifest.outputs if not self.has(path)]

    def has(self, output: str) -> bool:
        """Return whether an output is in the workspace: a path, or a file that a pattern matches."""
        workspace = self.directory / layout.WORKSPACE
        if not patterns.is_pattern(output) or os.path.lexists(workspace / output):
            return files.is_there(workspace / output)
        return any(files.is_there(workspace / path) for path, _ in patterns.find(workspace, output))
