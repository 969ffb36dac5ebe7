"""The settings of a compilation that a run keeps for its expansions."""

from __future__ import annotations

from pathlib import Path

import pytest

from reana_batch.diagnostics import Refused
from reana_batch.run import frozen
from reana_batch.site import Site


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"states": 5}', '{"states": {"rest": {}}}', '{"states": {"rest": {}}, "site": [], "settings": 1}'],
)
def test_a_damaged_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "batch").mkdir()
    kept = tmp_path / "batch/expansions.json"
    kept.write_text(text)
    with pytest.raises(Refused, match="is damaged"):
        frozen.read(tmp_path, "rest", Site())


def test_an_expansion_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Refused, match='has no expansion "rest"'):
        frozen.read(tmp_path, "rest", Site())
