"""The toy's own settings in a site profile."""

from __future__ import annotations

from dataclasses import dataclass

from reana_batch.settings import setting


@dataclass(frozen=True, slots=True)
class ToySettings:
    niceness: int = setting(
        0, {"type": "integer", "minimum": 0, "maximum": 19, "expected": "a number from 0 to 19"}, "How nice jobs are."
    )


SETTINGS = ToySettings
