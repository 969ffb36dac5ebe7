"""VOMS proxies: made before submission, made by each job, or given by the user."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from reana_batch.credentials.record import CERTIFICATE, KEY, Credential, Question, Validity, named_file
from reana_batch.facts import ENV, KnownSecrets, Secret
from reana_batch.site import CredentialSettings

_PASSPHRASE = Secret("VOMSPROXY_PASS", ENV)


def _source(asked: Question) -> str:
    return "file" if asked.facts.secrets.value("VOMSPROXY_FILE") else asked.settings.voms_proxy


def _secrets(source: str, known: KnownSecrets) -> Iterator[Secret]:
    if source == "file":
        yield from named_file("VOMSPROXY_FILE", known)
        return
    yield from (KEY, CERTIFICATE, Secret("VONAME", ENV))
    if b"ENCRYPTED" in known.content(KEY):
        yield _PASSPHRASE


def _secret_fault(secret: Secret, known: KnownSecrets) -> str:
    if secret != _PASSPHRASE:
        return ""
    try:
        base64.b64decode(known.value(secret.name), validate=True)
    except binascii.Error:
        return "is not in base64, as in REANA"
    return ""


def _most(source: str, settings: CredentialSettings) -> int | None:
    return settings.proxy_lifetime if source == "submit" else None


VOMS_PROXY = Credential(
    part="credentials/voms_proxy",
    source=_source,
    secrets=_secrets,
    secret_fault=_secret_fault,
    files={
        "submit": ("x509up",),
        "file": ("x509up",),
        "worker": ("usercert.pem", "userkey.pem", "passphrase"),
    },
    validity=Validity(
        "proxy_needed",
        frozenset({"submit", "file"}),
        "VOMS proxy",
        _most,
        "let each job make its own proxy, which needs the key there: --set credentials.voms_proxy=worker",
    ),
    url_part="credentials/voms_proxy_url",
    tool=("voms-proxy-init", "VOMS tools"),
)
