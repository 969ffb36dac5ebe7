"""Workflows that both this program and Yadage run, and the files that each leaves in its workspace."""

from __future__ import annotations

import shutil
from pathlib import Path

from .engine import WORKSPACE

FLOWS = Path(__file__).parent / "flows"

# The engine's own records.
_OWN = {"_packtivity", "_yadage"}


def names() -> list[str]:
    """Return the names of all flows."""
    return sorted(path.parent.name for path in FLOWS.glob("*/reana.yaml"))


def copy(flow: str, directory: Path) -> Path:
    """Return a copy of the analysis."""
    return Path(shutil.copytree(FLOWS / flow, directory))


def made(workspace: Path, flow: str) -> dict[str, str]:
    """Return the content of the files that a run made, by path. The workspace's path is replaced in it."""
    own = str(workspace.resolve())
    found = {str(path.relative_to(workspace)): path for path in sorted(workspace.rglob("*")) if path.is_file()}
    return {
        name: path.read_text().replace(own, WORKSPACE)
        for name, path in found.items()
        if not set(Path(name).parts) & _OWN and not (FLOWS / flow / name).exists()
    }
