"""Read by Python at its start, where this folder is on PYTHONPATH: there is a fifth workflow type, the toy language."""

from __future__ import annotations

from reana_batch import frontends
from reana_batch.frontend import FrontEnd

frontends.FRONTENDS["toy"] = FrontEnd("toy_frontend", defined_by=("file",), form_hint="name the file.")
