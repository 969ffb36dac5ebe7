"""The conformance tests of CWL: where they come from. No file of them is in this repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

# A folder with the suites, as v1.0, v1.1 and v1.2. Machines without network need it.
VARIABLE = "CWL_SUITES"
_SECONDS = 60


class Suite(NamedTuple):
    """A commit of a public repository."""

    repository: str
    commit: str
    digest: str  # of its files; see digest()
    tests: str  # the file that lists the tests


_OWNER = "common-workflow-language"
SUITES = {
    "v1.2": Suite(
        f"{_OWNER}/cwl-v1.2",
        "551d58d409ef2a0fa2e3ab93b85167dd7d4b1833",
        "999be5c19e6c470144b52585d83556aed34f774e1517833d220696bab3f2359d",
        "conformance_tests.yaml",
    ),
    "v1.1": Suite(
        f"{_OWNER}/cwl-v1.1",
        "b1d4a69df86350059bd49aa127c02be0c349f7de",
        "702748f62dcdfd2f9b467d0e7c2358f6c1fbd1868e9ec235b00ad23da1f9ba8f",
        "conformance_tests.yaml",
    ),
    "v1.0": Suite(
        f"{_OWNER}/common-workflow-language",
        "06c0cba1a178e20af2634b33dee648faff144bf8",
        "a14e9440a6ef5db4851b6974b05bf1de6cd8f39233e64beb8ac69f702c00758f",
        "v1.0/conformance_test_v1.0.yaml",
    ),
}


class Missing(Exception):
    """A suite cannot be had. The text is a sentence that says why."""


def find(version: str, kept: Path) -> Path:
    """Return the file that lists the tests of a suite. Raises Missing as ``folder`` does."""
    return folder(version, kept) / SUITES[version].tests


def folder(version: str, kept: Path) -> Path:
    """Return the folder of a suite. Raises Missing.

    It is in CWL_SUITES if that is set. Otherwise it is downloaded once, into the folder ``kept``.
    """
    suite = SUITES[version]
    given = os.environ.get(VARIABLE)
    found = Path(given) / version if given else kept / f"{version}-{suite.commit[:12]}"
    if not given and not found.is_dir():
        _download(suite, found)
    if not (found / suite.tests).is_file():
        raise Missing(f"{found} has no file {suite.tests}.")
    if digest(found) != suite.digest:
        raise Missing(f"The files in {found} are not those of {suite.repository} at commit {suite.commit}.")
    return found


def _download(suite: Suite, folder: Path) -> None:
    """Download the files of a commit. Raises Missing."""
    url = f"https://github.com/{suite.repository}/archive/{suite.commit}.tar.gz"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as answer, open(f"{temporary}/tar", "wb") as stream:
                shutil.copyfileobj(answer, stream)
            with tarfile.open(f"{temporary}/tar") as tar:
                tar.extractall(f"{temporary}/files", filter="data")
        except (OSError, tarfile.TarError) as error:
            hint = f"Set {VARIABLE} to a folder that has the suites as {', '.join(SUITES)}."
            raise Missing(f"{url} cannot be downloaded: {error}. {hint}") from error
        (top,) = Path(temporary, "files").iterdir()
        top.rename(folder)


def digest(folder: Path) -> str:
    """Return a digest of the paths and contents of all files in a folder."""
    found = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{content} {path.relative_to(folder).as_posix()}\n".encode())
    return found.hexdigest()
