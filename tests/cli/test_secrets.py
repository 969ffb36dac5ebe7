"""secrets-add, secrets-list and secrets-delete, with secrets of all kinds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool

STORE = ".config/reana-batch/secrets"


def test_a_value_of_the_environment_need_not_be_text(empty: Tool) -> None:
    assert empty.run("secrets-add", "--env", "TOKEN", TOKEN="\udce9").code == 0
    assert (Path(empty.environment["HOME"]) / STORE / "env/TOKEN").read_bytes() == b"\xe9"


def test_a_hidden_file_is_listed_and_replaced_and_deleted_as_others(empty: Tool) -> None:
    empty.write(".netrc", "machine")
    add = ("secrets-add", "--file", ".netrc")
    assert [empty.run(*words).code for words in (add, add, (*add, "--overwrite"))] == [0, 3, 0]
    assert json.loads(empty.run("secrets-list", "--json").stdout)["secrets"] == [{"name": ".netrc", "type": "file"}]
    assert empty.run("secrets-delete", ".netrc").code == 0
    assert json.loads(empty.run("secrets-list", "--json").stdout)["secrets"] == []


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(os.mkfifo, "a FIFO", id="fifo"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "a device", id="device"),
        pytest.param(os.mkdir, "directory", id="directory"),
    ],
)
def test_anything_but_a_file_is_refused_without_waiting(empty: Tool, make: Callable[[Path], object], kind: str) -> None:
    make(empty.directory / "odd")
    ended = empty.run("secrets-add", "--file", "odd")
    assert ended.code == 2
    assert kind in ended.stderr
    assert json.loads(empty.run("secrets-list", "--json").stdout)["secrets"] == []
