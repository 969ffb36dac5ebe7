"""The table of back ends: one row per batch system, with the names of its modules.

The lowering has ``TARGET`` and yields the files of the batch system; it only compiles. The driver has ``DRIVER``, a
record of the functions that talk to the system and read the files that it wrote.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from reana_batch.diagnostics import refuse
from reana_batch.site import Site

if TYPE_CHECKING:
    from reana_batch.backends.drivers import Driver
    from reana_batch.footprint import Footprint
    from reana_batch.ir import Workflow
    from reana_batch.target import Target
    from reana_batch.writing.render import File


class BackEnd(NamedTuple):
    """The names of a batch system's modules, which are imported when they are used."""

    lowering: str
    driver: str
    settings: str = ""  # has ``SETTINGS``, the type of the system's own settings in a site profile


BACKENDS = {
    "make": BackEnd("reana_batch.backends.make.makefile", "reana_batch.backends.make.runner"),
    "htcondor": BackEnd(
        "reana_batch.backends.htcondor.dag",
        "reana_batch.backends.htcondor.schedd",
        "reana_batch.backends.htcondor.settings",
    ),
    "slurm": BackEnd(
        "reana_batch.backends.slurm.chain",
        "reana_batch.backends.slurm.controller",
        "reana_batch.backends.slurm.settings",
    ),
}


class Lowering(Protocol):
    """A module that compiles for one batch system. It touches no disk and starts no process."""

    TARGET: Target  # the capabilities of the system

    def target(self, site: Site) -> Target:
        """Return TARGET with the changes that the settings of a site make."""

    def lower(self, workflow: Workflow, site: Site) -> Iterator[File]:
        """Yield the batch system's own files."""

    def footprint(self, workflow: Workflow, site: Site) -> Footprint:
        """Return which jobs of what ``lower`` writes wait for each other, and what the system adds to the run."""


class Host(Lowering, Protocol):
    """A lowering whose ``TARGET.holds`` names other systems."""

    def no_guests(self, site: Site) -> str:
        """Return why this site cannot delegate steps to another system. Empty if it can."""


class Guest(Lowering, Protocol):
    """A lowering whose system is named in ``TARGET.holds`` of another."""

    def bundle(self, site: Site) -> int:
        """Return how many jobs of a step one node submits together."""

    def lower_nodes(self, workflow: Workflow, site: Site) -> Iterator[File]:
        """Yield the files of the steps that run on this system.

        The script ``batch/steps/FOLDER/node.sh JOB`` is started in the run directory, with the node's first job:

        - It submits the node's jobs and waits for them. Started again, it finds the jobs that it has submitted.
        - It exits with 0, or with the exit code of the first job that failed.
        - On SIGUSR1 it cancels the jobs. On any other signal it leaves them in the queue.
        """


def lowering(name: str) -> Lowering:
    """Return the lowering of a back end.

    Raises Refused if this version has no back end of this name. A run of a newer version may name one.
    """
    return cast(Lowering, importlib.import_module(_row(name).lowering))


def host(name: str) -> Host:
    """Return the lowering of a back end that can delegate steps."""
    return cast(Host, lowering(name))


def guest(name: str) -> Guest:
    """Return the lowering of a back end that others can delegate steps to."""
    return cast(Guest, lowering(name))


def driver(name: str) -> Driver:
    """Return the driver of a batch system.

    Raises Refused if this version has no back end of this name. A run of a newer version may name one.
    """
    found: Driver = importlib.import_module(_row(name).driver).DRIVER
    return found


def _row(name: str) -> BackEnd:
    if name not in BACKENDS:
        hint = f"this version has {', '.join(sorted(BACKENDS))}."
        raise refuse("unknown-run", f'The run is for "{name}", which this version does not know.', hint=hint)
    return BACKENDS[name]


def known_settings() -> Site:
    """Return a site with the default of every setting, including those of each batch system and credential."""
    from reana_batch.credentials import default_settings

    systems = {name: _defaults(row.settings) for name, row in BACKENDS.items()}
    return Site(credentials=default_settings(), systems=systems)


def _defaults(module: str) -> object | None:
    return importlib.import_module(module).SETTINGS() if module else None


def targets() -> list[Target]:
    """Return the target of each batch system, in the order of the table."""
    return [lowering(name).TARGET for name in BACKENDS]


def found_here() -> list[str]:
    """Return the batch systems whose submit tools are on this machine's PATH."""
    return [target.title for target in targets() if target.submit_tool and shutil.which(target.submit_tool)]


def default_site(name: str | None) -> str:
    """Return the profile to use if the user names this back end and no site. Empty if there is none."""
    return lowering(name).TARGET.default_site if name in BACKENDS else ""


def left_behind() -> tuple[str, ...]:
    """Return the prefixes of the files that batch systems write among the batch files."""
    return tuple(prefix for name in BACKENDS for prefix in driver(name).left_behind)
