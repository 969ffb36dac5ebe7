"""The files of a probe: a small job that looks at a worker for `doctor`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from reana_batch.writing.render import File, render
from reana_batch.writing.sessions import SCRIPT, TOKEN, environment_file, kept_environment

if TYPE_CHECKING:
    from reana_batch.site import Site

# What the job writes in its folder.
FACTS = "facts"
LOG = "job.log"


def images_of(site: Site) -> str:
    """Return the directory in which workers look for unpacked images, or that of CVMFS."""
    return site.unpacked_images or "/cvmfs"


def python_of(site: Site) -> str:
    """Return the Python that compiles expansions and runs servers on the workers."""
    return site.python or sys.executable


def probe_files(
    site: Site, token: str, variables: Mapping[str, str], sent: Mapping[str, str] = MappingProxyType({})
) -> Iterator[File]:
    """Yield the files in the folder of a probe. ``variables`` are the environment of the user.

    ``sent`` has the test of each credential that the batch system sends, by its name.
    """
    yield File(TOKEN, f"{token}\n")
    if site.inherit_environment:
        yield environment_file(kept_environment(variables))
    tests = [(f"sent_{name}", test) for name, test in sent.items()]
    yield File(SCRIPT, render("probe/job.sh.j2", "sh", python=python_of(site), images=images_of(site), tests=tests))
