"""Read by Python at its start, where this folder is on PYTHONPATH: there is a fourth back end, the toy."""

from __future__ import annotations

from reana_batch.backends import BACKENDS, BackEnd

_PLACE = "tests.toy_backend"
BACKENDS["toy"] = BackEnd(f"{_PLACE}.toy_lowering", f"{_PLACE}.toy_driver", f"{_PLACE}.toy_settings")
