"""The samples whose estimates are compared with real runs: all of the catalogue, so that a new one is among them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from reana_batch.samples import catalogue

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = sorted(catalogue.descriptions())
# How far an estimate may be from what a run takes.
WITHIN = 0.15
# A file for BASH_ENV, with which each command of a job takes SECONDS_MORE longer, so that other load of the machine
# counts less.
SLOW = """\
case $0 in
  */batch/steps/*/command.* | */state/*/running-*) [[ -n ${SLOWED-} ]] || { export SLOWED=yes; sleep "$SECONDS_MORE"; } ;;
esac
"""

# Data that a sample takes from elsewhere, and the program of the sample that makes them.
_TAKEN = {"published": ("data/events.csv", "code/generate_events.py")}
# A file that Rucio or XRootD has, in reana.yaml. It has a path in the workspace.
_ELSEWHERE = re.compile(r"^( *- )(?:rucio\(|root://).*\bpath=([^,\s)]+).*$", re.MULTILINE)


def place(sample: str, folder: Path) -> None:
    """Copy a sample into a folder. Files that are elsewhere become files of the analysis."""
    shutil.copytree(ROOT / "samples" / sample, folder, dirs_exist_ok=True)
    spec = folder / "reana.yaml"
    spec.write_text(_ELSEWHERE.sub(r"\1\2", spec.read_text("utf-8")), "utf-8")
    if sample in _TAKEN:
        path, program = _TAKEN[sample]
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / path).open("wb") as made:
            subprocess.run([sys.executable, folder / program], stdout=made, check=True)
