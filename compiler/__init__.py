"""Compile REANA analyses into plain batch files: an HTCondor DAG, a Slurm job chain or a Makefile."""

import importlib
import os
import site
import sys
from typing import TYPE_CHECKING, Any

from reana_batch.version import __version__

if TYPE_CHECKING:
    from reana_batch.api import compile_workflow, write_run
    from reana_batch.compilation import Compilation
    from reana_batch.diagnostics import Diagnostic, Diagnostics, Refused
    from reana_batch.lifecycle.status import RunStatus
    from reana_batch.report.run import Run

__all__ = [
    "Compilation",
    "Diagnostic",
    "Diagnostics",
    "Refused",
    "Run",
    "RunStatus",
    "__version__",
    "compile_workflow",
    "write_run",
]

# The public names, and the module of each. A module is loaded on first use, so that --help stays quick.
_MODULES = {
    **dict.fromkeys(("compile_workflow", "write_run"), "reana_batch.api"),
    **dict.fromkeys(("Diagnostic", "Diagnostics", "Refused"), "reana_batch.diagnostics"),
    "Compilation": "reana_batch.compilation",
    "Run": "reana_batch.report.run",
    "RunStatus": "reana_batch.lifecycle.status",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _prefer_own_packages() -> None:
    """Move the folders of PYTHONPATH to the end of the search path. Jobs still get the variable unchanged.

    LCG views set it on login nodes. An old click or yaml there would be imported instead of ours.
    """
    own = {os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__), *site.getsitepackages()}
    added = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry} - own
    sys.path.sort(key=lambda entry: os.path.abspath(entry) in added)


_prefer_own_packages()
