"""What ``make conformance-site`` does: run conformance tests of CWL on real Slurm and HTCondor, and in local images.

cwltest and our runner run as a user of the box. Every image that the tests name is a tree made from the box's own Debian,
because the box has no registry. Variables say what to run, as for ``make conformance``; ROUNDS names the rounds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from reana_batch.reading import images
from tests.conformance import results, suites
from tests.site.box import Box, wheel

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "conformance"
# In the box.
_FOLDER = "/shared/alice/conformance"
_PYTHON = "/opt/venv/reana-batch/bin/python"
_IMAGE = "/opt/images/py"
_PASSED_ON = ("TESTS", "MODE", "TAGS", "JOBS")
# Tests that cannot pass in the local images, with the reasons.
_CANNOT_PASS = {
    "docker_entrypoint": "apptainer does not start the entry point of an image",
    "networkaccess": "it loads a page from the internet, which the box cannot reach",
}


class Round(NamedTuple):
    """A batch system, and the tests that it runs."""

    site: str
    backend: str
    tags: str = ""
    images: str = ""


ROUNDS = {
    "slurm": Round("generic-slurm", "slurm", tags="workflow"),
    "htcondor": Round("generic-htcondor", "htcondor", tags="workflow"),
    "images": Round("local", "make", images=f"{_FOLDER}/images"),
}


def main() -> int:
    """Run the rounds. Return 1 if a test did not pass that can."""
    names = os.environ.get("ROUNDS") or " ".join(ROUNDS)
    versions = os.environ.get("SUITES") or "v1.2"
    box = Box("conformance")
    with tempfile.TemporaryDirectory() as folder:
        box.install(f"{wheel(Path(folder))}[cwl]", _cwltest(Path(folder, "cwltest")))
    box.up("slurm", "condor")
    try:
        _fill(box, versions.split())
        codes = [_run(box, ROUNDS[name], versions) for name in names.split()]
        made = box.path(f"{_FOLDER}/results")
        RESULTS.mkdir(parents=True, exist_ok=True)
        for path in made.glob("v*.json"):
            shutil.copy(path, RESULTS)
        return max(*codes, results.show_missed(results.read(made), _CANNOT_PASS))
    finally:
        box.down()


def _cwltest(folder: Path) -> Path:
    """Return a folder with the wheel of cwltest as it is installed here. The box has no other package of the tests."""
    pinned = f"cwltest=={version('cwltest')}"
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", str(folder), pinned], check=True
    )
    return folder


def _fill(box: Box, versions: list[str]) -> None:
    """Give alice the tests and their images."""
    target = box.path(_FOLDER)
    (target / "suites").mkdir(parents=True)
    for each in versions:
        found = suites.folder(each, ROOT / "build" / "suites")
        shutil.copytree(found, target / "suites" / each, symlinks=True)
    shutil.copytree(ROOT / "tests" / "conformance", target / "tests" / "conformance")
    (target / "tests" / "__init__.py").touch()
    box.root("ln", "-s", "python3", "/usr/bin/python")  # tests without a container start it too
    (target / "image").mkdir()
    box.root("cp", "-a", f"{_IMAGE}/.", f"{_FOLDER}/image")
    box.root("ln", "-s", "python3", f"{_FOLDER}/image/usr/bin/python")
    for path in _images(target / "suites"):
        link = box.path(path)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"{_FOLDER}/image")
    box.root("chown", "-R", "alice:alice", _FOLDER)


def _images(folder: Path) -> set[str]:
    """Return the paths of the unpacked images that the documents in a folder name."""
    texts = (path.read_text("utf-8") for path in folder.rglob("*.cwl"))
    names = {name for text in texts for name in re.findall(r"""dockerPull['"]?: *['"]?([\w./:@-]+)""", text)}
    return {images.parse(name).unpacked(f"{_FOLDER}/images") for name in names}


def _run(box: Box, each: Round, versions: str) -> int:
    """Run the tests of a round. Return the exit code."""
    env = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
    env = {"JOBS": "4", "TAGS": each.tags, "LIMIT": "900", **env}
    env |= {"SUITES": versions, "RUNNERS": "reana-batch", "SITE": each.site, "BACKEND": each.backend}
    env |= {"IMAGES": each.images, "OUTPUT": f"{_FOLDER}/results", "CWL_SUITES": f"{_FOLDER}/suites"}
    return box.show(_PYTHON, "-m", "tests.conformance", cwd=_FOLDER, env=env)


if __name__ == "__main__":
    sys.exit(main())
