"""Changes of a workspace that runs share, made once and once more."""

from __future__ import annotations

from pathlib import Path

from reana_batch.lifecycle import changes


def test_each_path_of_the_list_is_literal(tmp_path: Path) -> None:
    workspace, outside = tmp_path / "workspace", tmp_path / "outside"
    for name in ("a[1].txt", "a1.txt", "folder/inner", "stays", "last"):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).touch()
    outside.touch()
    (workspace / "link").symlink_to(tmp_path)
    removed = ["a[1].txt", "*", ".", "./", "..", "../outside", "link/outside", "gone", "gone/too", "folder", "last"]
    for content in ("1", "2"):
        new = changes.write(tmp_path, removed)
        (new / "input").write_text(content)
        changes.settle(tmp_path)
        assert sorted(path.name for path in workspace.iterdir()) == ["a1.txt", "input", "link", "stays"]
        assert (workspace / "input").read_text() == content
    changes.settle(tmp_path)
    assert outside.exists()
