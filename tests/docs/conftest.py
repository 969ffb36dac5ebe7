from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .pages import ROOT


@pytest.fixture(scope="session")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the built manual. Sphinx must not warn about it."""
    made = tmp_path_factory.mktemp("manual")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "-b",
        "html",
        "-d",
        f"{made}.trees",
        str(ROOT / "docs"),
        str(made),
    ]
    subprocess.run(command, check=True, cwd=ROOT)
    return made
