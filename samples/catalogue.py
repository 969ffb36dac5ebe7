"""The samples that come with the package: listing them, and copying one out."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from reana_batch import files
from reana_batch.diagnostics import closest, refuse

# What Python leaves behind where it runs.
_LEFTOVER = re.compile(r"(^|/)__pycache__/|\.pyc$")


def descriptions() -> dict[str, str]:
    """Return the first line of each sample's README, by the sample's name."""
    root = Path(str(resources.files("reana_batch.samples")))
    found = {}
    for folder in sorted(root.iterdir()):
        if (folder / "reana.yaml").exists():
            lines = (folder / "README.md").read_text("utf-8").splitlines()
            text = (line.strip() for line in lines)
            found[folder.name] = next((line for line in text if line and not line.startswith("#")), "")
    return found


def copy(name: str, directory: Path) -> Path:
    """Copy a sample to ``directory``, which must be new or empty, and return that path."""
    known = descriptions()
    if name not in known:
        meant = closest(name, known)
        hint = f"did you mean {meant}?" if meant else f"known: {', '.join(known)}."
        raise refuse("unknown-sample", f'There is no sample "{name}".', hint=hint)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise refuse("output-exists", f"{directory} is not empty.", hint="name another directory.")
    source = Path(str(resources.files("reana_batch.samples"))) / name
    try:
        files.copy_tree(source, directory, (path for path, _ in files.walk(source) if not _LEFTOVER.search(path)))
    except OSError as error:
        raise refuse("cannot-write", f"{error.filename} cannot be written: {error.strerror}.") from error
    return directory
