"""Read by Python at its start, where this folder is on PYTHONPATH: CWL stands for the toy language."""

from __future__ import annotations

from reana_batch import frontends

frontends.FRONTENDS["cwl"] = "toy_frontend"
