"""Replacing a run: the whole run or nothing, wherever it fails."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from reana_batch.lifecycle import replacing

BEFORE = {"batch/manifest.json": "old", "state/s/0.done": "", "state/run.json": "old", "logs/s/0.out": "old"}
BEFORE |= {"expansions/x/batch/manifest.json": "old", "workspace/in.txt": "old", "workspace/result": "kept"}
NEW = {"batch/manifest.json": "new", "state/t/.keep": "", "logs/t/.keep": "", "workspace/in.txt": "new"}
NEW |= {"workspace/data/more.txt": "new"}


def fill(root: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_failure_at_any_rename_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename
    for number in itertools.count(1):
        case = tmp_path / str(number)
        run, new = fill(case / "run", BEFORE | {"state/run.lock": "held"}), fill(case / "new", NEW)
        calls = itertools.count(1)

        def fail(source: Path, target: Path, calls: itertools.count[int] = calls, last: int = number) -> Path:
            if next(calls) == last:
                raise OSError(28, "No space left on device", str(target))
            return rename(source, target)

        monkeypatch.setattr(Path, "rename", fail)
        try:
            replacing.replace(run, new, case / "old")
        except OSError:
            assert files(run) == BEFORE | {"state/run.lock": "held"}
            assert files(new) == NEW
        else:
            break
    assert number == 12
    kept = {"workspace/result": "kept", "state/run.lock": "held"}
    assert files(run) == NEW | kept
