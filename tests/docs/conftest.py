from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .pages import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from .browser import Opener


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return the browser. It is loaded by the tests that use it."""
    from . import browser

    with browser.chromium() as started:
        yield started


@pytest.fixture
def foreign() -> list[str]:
    """Return the addresses outside this machine that pages requested. They get no answer."""
    return []


@pytest.fixture
def open_page(chromium: Browser, foreign: list[str]) -> Iterator[Opener]:
    """Return a function that opens a window with a width and a colour scheme."""
    from . import browser

    with browser.windows(chromium, foreign) as opener:
        yield opener


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
