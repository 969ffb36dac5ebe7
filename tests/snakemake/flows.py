"""Workflows that both this program and Snakemake run, and the files that each leaves in its workspace."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

FLOWS = Path(__file__).parent / "flows"

# Snakemake's own records, and files whose measurements differ in each run.
_OWN = (".snakemake", "benchmarks", ".snakemake_timestamp", "reana.yaml", "report.html")


def copy(flow: str, directory: Path) -> Path:
    """Return a copy of the analysis."""
    return Path(shutil.copytree(FLOWS / flow, directory))


def left_by_snakemake(flow: str, directory: Path, *options: str) -> dict[str, tuple[str, bool]]:
    """Run the workflow with Snakemake itself and return what it left. The parameters are its config."""
    copy(flow, directory)
    parameters = yaml.safe_load((directory / "reana.yaml").read_text())["inputs"]["parameters"]
    given: list[str] = []
    if "input" in parameters:
        given = ["--configfile", parameters["input"]]
    else:
        (directory.parent / "config.json").write_text(json.dumps(parameters))
        given = ["--configfile", str(directory.parent / "config.json")]
    command = [sys.executable, "-m", "snakemake", "-c2", *given, *options]
    environment = os.environ | {"REANA_WORKSPACE": str(directory)}  # a command may ask for it
    ended = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return tree(directory)


def tree(workspace: Path) -> dict[str, tuple[str, bool]]:
    """Return each file's content, and whether it is writable, by path."""
    return {
        str(path.relative_to(workspace)): (path.read_text(), bool(path.stat().st_mode & stat.S_IWUSR))
        for path in sorted(workspace.rglob("*"))
        if path.is_file() and not set(path.relative_to(workspace).parts) & set(_OWN)
    }


def made(left: dict[str, Any], flow: str) -> dict[str, Any]:
    """Return the files that the run made, without those that were there before."""
    return {path: found for path, found in left.items() if not (FLOWS / flow / path).exists()}
