"""Read by Python at its start, where this folder is on PYTHONPATH: there is a fourth back end, the toy."""

from __future__ import annotations

from reana_batch.backends import BACKENDS, BackEnd

BACKENDS["toy"] = BackEnd(lowering="toy_lowering", driver="toy_driver")
