"""The back ends: a row per batch system, which names the two modules that know it.

The lowering holds ``TARGET`` and yields the files of the batch system; it only compiles. The driver holds ``DRIVER``, a
record of the functions that talk to the system and read what it left behind.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from reana_batch.diagnostics import refuse

if TYPE_CHECKING:
    from reana_batch.backends.drivers import Driver
    from reana_batch.ir import Workflow
    from reana_batch.site import Site
    from reana_batch.target import Target
    from reana_batch.writing.render import File


class BackEnd(NamedTuple):
    """The modules of a batch system, imported when used."""

    lowering: str
    driver: str


BACKENDS = {
    "make": BackEnd("reana_batch.backends.make.makefile", "reana_batch.backends.make.runner"),
    "htcondor": BackEnd("reana_batch.backends.htcondor.dag", "reana_batch.backends.htcondor.schedd"),
    "slurm": BackEnd("reana_batch.backends.slurm.chain", "reana_batch.backends.slurm.controller"),
}


class Lowering(Protocol):
    """What the module holds that compiles for a batch system. It touches no disk and starts no process."""

    TARGET: Target  # what the system can do

    def target(self, site: Site) -> Target:
        """Return TARGET with what a site turns on or off."""

    def lower(self, workflow: Workflow, site: Site) -> Iterator[File]:
        """Yield the batch system's own files."""


class Host(Lowering, Protocol):
    """A lowering whose ``TARGET.holds`` names other systems."""

    def no_guests(self, site: Site) -> str:
        """Return why the graphs of this site can hand no jobs to another system; empty if they can."""


class Guest(Lowering, Protocol):
    """A lowering that stands in ``TARGET.holds`` of another."""

    def bundle(self, site: Site) -> int:
        """Return how many jobs of a step one node submits together."""

    def lower_nodes(self, workflow: Workflow, site: Site) -> Iterator[File]:
        """Yield the files of the steps that run on this system.

        ``batch/steps/FOLDER/node.sh JOB``, run in the run directory, submits the node's jobs, of which JOB is the
        first, waits, and exits with 0 or the code of the first that failed. Started again it finds those that it has
        submitted; SIGUSR1 cancels them, and any other signal leaves them.
        """


def lowering(name: str) -> Lowering:
    """Return what compiles for a back end. Refused if there is none of this name, as of a run of a newer version."""
    return cast(Lowering, importlib.import_module(_row(name).lowering))


def host(name: str) -> Host:
    """Return what compiles for a back end that holds others."""
    return cast(Host, lowering(name))


def guest(name: str) -> Guest:
    """Return what compiles for a back end that others hold."""
    return cast(Guest, lowering(name))


def driver(name: str) -> Driver:
    """Return what talks to a batch system. Refused if there is none of this name, as of a run of a newer version."""
    found: Driver = importlib.import_module(_row(name).driver).DRIVER
    return found


def _row(name: str) -> BackEnd:
    if name not in BACKENDS:
        hint = f"this version has {', '.join(sorted(BACKENDS))}."
        raise refuse("unknown-run", f'The run is for "{name}", which this version does not know.', hint=hint)
    return BACKENDS[name]


def targets() -> list[Target]:
    """Return what each batch system can do, in the order of the table."""
    return [lowering(name).TARGET for name in BACKENDS]


def found_here() -> list[str]:
    """Return the batch systems that this machine submits to, by the tools on its PATH."""
    return [target.title for target in targets() if target.submit_tool and shutil.which(target.submit_tool)]


def default_site(name: str | None) -> str:
    """Return the profile of those who name a back end and no site; empty if it has none."""
    return lowering(name).TARGET.default_site if name in BACKENDS else ""


def left_behind() -> tuple[str, ...]:
    """Return how the names begin of what batch systems write among the batch files of a run."""
    return tuple(prefix for name in BACKENDS for prefix in driver(name).left_behind)
