"""Add a fourth back end, the toy. Python imports this module at its start if this folder is on PYTHONPATH."""

from __future__ import annotations

from reana_batch.backends import BACKENDS, BackEnd

_PLACE = "tests.toy_backend"
BACKENDS["toy"] = BackEnd(f"{_PLACE}.toy_lowering", f"{_PLACE}.toy_driver", f"{_PLACE}.toy_settings")
