"""Fixtures of the unit tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bash import Bash


@pytest.fixture
def bash(tmp_path: Path) -> Bash:
    """Calls of single functions of the bash parts."""
    return Bash(tmp_path)
