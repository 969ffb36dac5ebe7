"""What a pass may look at in addition to the workflow."""

from __future__ import annotations

from dataclasses import dataclass, field

from reana_batch.diagnostics import Diagnostics
from reana_batch.facts import Facts
from reana_batch.ir import Step
from reana_batch.site import Site
from reana_batch.target import Target


@dataclass(frozen=True, slots=True)
class Context:
    """The batch system, the site, the user's choices, facts of this machine, and the list of faults."""

    target: Target
    site: Site
    diagnostics: Diagnostics
    fuse: bool = False  # one job for the commands of a step
    strict_outputs: bool = False  # the run fails if declared outputs are missing at its end
    facts: Facts = field(default_factory=Facts)

    def target_of(self, step: Step) -> Target:
        """Return the batch system that runs the jobs of a step."""
        return step.placed.target or self.target
