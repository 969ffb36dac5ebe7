"""Additions as CONTRIBUTING describes them: a fifth workflow type, a fourth credential, another resource hint.

Python imports this module at its start if this folder is on PYTHONPATH.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reana_batch import frontends
from reana_batch.credentials import CREDENTIALS
from reana_batch.credentials.record import Credential
from reana_batch.facts import ENV, Secret
from reana_batch.frontend import FrontEnd
from reana_batch.reading.expressions import positive_integer
from reana_batch.reading.hints import READERS, Form
from reana_batch.settings import setting, text

frontends.FRONTENDS["toy"] = FrontEnd("toy_frontend", defined_by=("file",), form_hint="name the file.")


@dataclass(frozen=True, slots=True)
class TokenSettings:
    token_scheme: str = setting("Bearer", text("^[A-Za-z]+$", "a word"), "The word before the token in a header.")


CREDENTIALS["token"] = Credential(
    part=str(Path(__file__).parent / "token"),
    source=lambda _asked: "store",
    secrets=lambda _source, _known: iter((Secret("TOKEN", ENV),)),
    files={"store": ("token",)},
    facts=lambda settings: {"token_scheme": settings.of(TokenSettings).token_scheme},
    settings=TokenSettings,
    url_part=str(Path(__file__).parent / "token_url"),
    tool=("cat", "Toy tools"),
)

READERS["toy_tasks"] = Form(positive_integer, "bad-value", "write a number.", "integer")
