"""Whether the workflow systems that front ends rest on are installed, in versions that the front ends know."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from reana_batch.diagnostics import Diagnostics
from reana_batch.reading.spec import Spec


class Wanted(NamedTuple):
    """The versions of a package."""

    name: str  # of the package, as users know it
    words: str  # the versions, as part of a sentence
    accepts: Callable[[str], bool]


def between(oldest: tuple[int, ...], before: tuple[int, ...] | None = None) -> Callable[[str], bool]:
    """Return the function that accepts a version from ``oldest`` on, and below ``before``. Only two numbers count."""

    def accepts(version: str) -> bool:
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        return oldest <= numbers and (before is None or numbers < before)

    return accepts


def check(spec: Spec, diagnostics: Diagnostics, title: str, packages: Mapping[str, Wanted]) -> None:
    """Raise Refused if ``title``, the system of the workflow's type, is not installed with these packages."""
    place, install = spec.document.place(["workflow", "type"]), f"install it: pip install 'reana-batch[{spec.type}]'"
    for package, wanted in packages.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            diagnostics.error("missing-tool", f"{title} is not installed.", place, install)
            break
        if not wanted.accepts(version):
            message = f"{wanted.name} must be {wanted.words}. This is {version}."
            diagnostics.error("missing-tool", message, place, install)
    diagnostics.stop_if_errors()
