"""cwltool finds the node of the Python package if the machine has none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from reana_batch.frontends.cwl.node import find_node


def test_the_package_has_node_where_the_machine_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_node() == str(tmp_path)
    assert shutil.which("node")


def test_the_node_of_the_machine_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "node").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_node() == os.environ["PATH"] == str(tmp_path)
