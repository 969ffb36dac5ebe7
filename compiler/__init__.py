"""Compile REANA analyses into plain batch files: an HTCondor DAG, a Slurm job chain or a Makefile."""

import os
import site
import sys

from reana_batch.version import __version__

__all__ = ["__version__"]


def _prefer_own_packages() -> None:
    """Move what PYTHONPATH adds to the end of the search path; jobs still get the variable as it is.

    LCG views set it on login nodes, and an old click or yaml there would be imported instead of ours.
    """
    own = {os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__), *site.getsitepackages()}
    added = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry} - own
    sys.path.sort(key=lambda entry: os.path.abspath(entry) in added)


_prefer_own_packages()
